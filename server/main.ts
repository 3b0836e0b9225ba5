/** The program: reads arguments and environment, and serves, migrates, examines or follows. */
import process from 'node:process';
import type { ConsoleArguments } from '../console/arguments.ts';
import { type Command, parseCommandLine, UsageError } from './command-line.ts';
import { helpText } from './config/help.ts';
import {
  type Config,
  ConfigError,
  type DatabaseConnection,
  describeConnection,
  type Flags,
  parseConfig,
} from './config.ts';
import type { Finding } from './doctor/findings.ts';
import { CodedError, messageOf } from './errors.ts';
import { type Running, runUntilSignal } from './lifetime.ts';
import { openLog } from './log.ts';
import { explainListenError, requireFreePort } from './port.ts';
import { packageVersion } from './root.ts';
import type { TailArguments } from './tail/arguments.ts';
import { newToken } from './token-command.ts';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
/** How long the end waits for standard error to take what was said. */
const LAST_WORDS_MS = 1000;

async function main(): Promise<void> {
  const command = parseCommandLine(process.argv.slice(2));
  switch (command.kind) {
    case 'help':
      process.stdout.write(helpText());
      return;
    case 'version':
      process.stdout.write(`${packageVersion()}\n`);
      return;
    case 'serve':
      await serve(command.flags);
      return;
    case 'migrate':
      await migrateDatabase(command);
      return;
    case 'doctor':
      await doctor(command);
      return;
    case 'token':
      process.stdout.write(newToken(command.name));
      return;
    case 'tail':
      await tail(command.args);
      return;
    case 'console':
      await terminalDashboard(command.args);
  }
}

async function serve(flags: Flags): Promise<void> {
  const config = configure(flags);
  const log = await openLog({ debug: config.debug, terminal: process.stderr.isTTY });
  // Imported here, because help and faults need not wait for all of it to load.
  const workers = config.workers > 1 ? await import('./workers.ts') : null;
  const isWorker = workers?.isWorker() === true;
  // Before the embedded database starts, which a second instance would do in vain. A worker's port is the first process's.
  const port = isWorker ? config.port : await requireFreePort(config.host, config.port);
  const start = async (signal: AbortSignal): Promise<Running> => {
    if (workers !== null && !isWorker) return workers.startWorkers({ ...config, port }, log, signal);
    const { startService } = await import('./service.ts');
    return startService(workers === null ? config : await workers.workerConfig(config), log, signal);
  };
  const ready = (address: string): void => {
    if (workers !== null && isWorker) workers.reportReady(address);
    else process.stdout.write(`AlphaPulse dashboard ready at ${address}\n`);
  };
  await runUntilSignal(
    async (signal) => {
      try {
        return await start(signal);
      } catch (error) {
        throw explainListenError(error, config.host, config.port);
      }
    },
    ready,
    log,
    process,
  );
}

async function tail(args: TailArguments): Promise<void> {
  const [{ runTail }, { feedTarget }] = await Promise.all([import('./tail/run.ts'), import('./connect/target.ts')]);
  const target = feedTarget(args, process.env);
  // What tail is for is its output: it sees to every failure of that itself.
  process.stdout.off('error', outliveReader);
  // Where standard error goes the same way as a reader that went away, there is nobody left to complain to.
  process.stderr.on('error', () => undefined);
  const code = await runTail(args, target, {
    stdout: process.stdout,
    complain: (line) => process.stderr.write(`${line}\n`),
    watched: process.stderr.isTTY,
    onSignal: (listener) => {
      for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, listener);
    },
  });
  // The last words have to leave before the process does; behind a reader that takes nothing it does not wait for them.
  await new Promise<void>((resolve) => {
    process.stderr.write('', () => resolve());
    setTimeout(resolve, LAST_WORDS_MS).unref();
  });
  process.exit(code);
}

async function terminalDashboard(args: ConsoleArguments): Promise<void> {
  const [{ runConsole }, { feedTarget }] = await Promise.all([
    import('../console/run.ts'),
    import('./connect/target.ts'),
  ]);
  // The terminal that goes away is an end like any other, which the console sees to.
  process.stdout.off('error', outliveReader);
  const code = await runConsole(args, feedTarget(args, process.env), {
    stdin: process.stdin,
    stdout: process.stdout,
    env: process.env,
    complain: (line) => process.stderr.write(`${line}\n`),
    onSignal: (listener) => {
      for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, listener);
    },
    onExit: (listener) => {
      process.once('exit', listener);
      // Before its stack is printed, which would go with the console's screen.
      process.once('uncaughtExceptionMonitor', listener);
    },
    onContinue: (listener) => process.on('SIGCONT', listener),
    suspend: () => process.kill(0, 'SIGTSTP'),
  });
  process.exit(code);
}

async function migrateDatabase(command: Extract<Command, { kind: 'migrate' }>): Promise<void> {
  // It listens nowhere, so it needs no token where the server's address would.
  const config = configure({ ...command.flags, host: '127.0.0.1' });
  if (config.database.kind === 'embedded') {
    throw new CodedError('no_database', 'No database is configured', {
      mend: 'Set DATABASE_URL, or DB_HOST and its like. The embedded database is migrated by serve itself.',
    });
  }
  // The direct connection: the lock of a migration belongs to a session, which a transaction pooler does not keep.
  const target = config.database.listen;
  const [{ migrate }, { settleTls }] = await Promise.all([import('./db/migrate.ts'), import('./db/tls.ts')]);
  try {
    await migrate({
      connection: await settleTls(target),
      leave: command.leave,
      doorbell: command.doorbell,
      remove: command.remove,
      dryRun: command.dryRun,
      report: (line) => process.stdout.write(`${line}\n`),
    });
  } catch (error) {
    throw explainUnreachable(error, target);
  }
}

async function doctor({ flags, verify, mend, json }: Extract<Command, { kind: 'doctor' }>): Promise<void> {
  const [{ runDoctor, configurationFaults }, { healthy, jsonOf, lineOf, summaryOf }] = await Promise.all([
    import('./doctor/run.ts'),
    import('./doctor/findings.ts'),
  ]);
  const found = (finding: Finding): void => {
    if (!json) process.stdout.write(`${lineOf(finding)}\n`);
  };
  const examine = async (): Promise<readonly Finding[]> => {
    let read: ReturnType<typeof parseConfig>;
    try {
      read = parseConfig(process.env, flags);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const faults = configurationFaults(error);
      for (const fault of faults) found(fault);
      return faults;
    }
    const progress = (line: string): boolean => process.stderr.write(`${line}\n`);
    return runDoctor({ ...read, verify, mend, found, progress });
  };
  const findings = await examine();
  process.stdout.write(`${json ? jsonOf(findings) : summaryOf(findings)}\n`);
  if (!healthy(findings)) process.exitCode = EXIT_FAILED;
}

const UNREACHABLE: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EAI_AGAIN',
]);

/** Names the database that a connection was refused by; other errors pass as they are. */
function explainUnreachable(error: unknown, connection: DatabaseConnection): unknown {
  const failedToConnect =
    error instanceof Error &&
    'code' in error &&
    (UNREACHABLE.has(error.code) || ('syscall' in error && error.syscall === 'connect'));
  if (!failedToConnect) return error;
  const value = describeConnection(connection);
  return new CodedError('database_unreachable', `The database ${value} cannot be reached: ${messageOf(error)}`, {
    value,
    mend: 'Check that it runs, and DATABASE_URL or DB_HOST and DB_PORT.',
    cause: error,
  });
}

function configure(flags: Flags): Config {
  const { config, warnings } = parseConfig(process.env, flags);
  for (const warning of warnings) process.stderr.write(`Warning: ${warning}\n`);
  return config;
}

/** Says what ended the program, with its code and its mend; where it came from only if debugging. */
function reportFailure(error: unknown): void {
  const usage = error instanceof ConfigError || error instanceof UsageError;
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'failed';
  const lines = [usage ? messageOf(error) : `${messageOf(error)} [${code}]`];
  if (error instanceof CodedError && error.mend !== undefined) lines.push(error.mend);
  if (!usage && isDebugging() && error instanceof Error && error.stack !== undefined) lines.push(error.stack);
  process.stderr.write(`${lines.join('\n')}\n`);
  // Not left to the event loop: what a failed start has left open would keep it turning.
  process.exit(usage ? EXIT_USAGE : EXIT_FAILED);
}

/** Whether stacks are wanted; also where the configuration itself is at fault and cannot be asked. */
function isDebugging(): boolean {
  try {
    return process.argv.includes('--debug') || parseConfig(process.env).config.debug;
  } catch (error) {
    if (error instanceof ConfigError) return false;
    throw error;
  }
}

/** A reader of standard output that goes away (`npm start | head -1`) is no reason to end. */
function outliveReader(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}
process.stdout.on('error', outliveReader);

try {
  await main();
} catch (error) {
  reportFailure(error);
}
