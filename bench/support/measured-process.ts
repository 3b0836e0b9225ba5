/** A server that is measured from outside: the product or a floor, each a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { z } from 'zod';
import { packageRoot } from '../../server/root.ts';
import { end, nextMessage } from './process.ts';

const usage = z.object({ rss: z.number(), heapUsed: z.number(), external: z.number(), cpuMs: z.number() });
/** What a process uses: bytes, and ms of processor time since its start. */
export type Usage = z.infer<typeof usage>;

/** A server under measure. */
export interface Measured {
  readonly port: number;
  readonly pid: number;
  /** Answers at once. */
  usage(): Promise<Usage>;
  /** Answers after the garbage was collected. */
  collected(): Promise<Usage>;
  /** Tells a floor what to do. */
  tell(message: object): void;
  stop(): Promise<void>;
}

/** Starts the built product on a database, on a port where one is given. */
export async function startProduct(
  databaseUrl: string,
  env: Readonly<Record<string, string>> = {},
  port = 0,
): Promise<Measured> {
  const program = join(packageRoot(), 'bin', 'alphapulse-dashboard.mjs');
  return await start([program, 'serve', '--port', String(port)], /ready at http:\/\/[^:]+:(\d+)/, {
    DATABASE_URL: databaseUrl,
    DB_SSLMODE: 'disable',
    DASHBOARD_MAX_CONNECTIONS_PER_ADDRESS: '1000000',
    // A benchmark wants the rate of the thing, not the wait for the terminal.
    NODE_ENV: 'production',
    ...env,
  });
}

/** Starts one of the floors of this folder. */
export async function startFloor(script: string, ...rest: readonly string[]): Promise<Measured> {
  return await start(['--import', 'tsx', join(packageRoot(), 'bench', 'support', script), ...rest], /ready (\d+)/, {});
}

async function start(
  command: readonly string[],
  ready: RegExp,
  env: Readonly<Record<string, string>>,
): Promise<Measured> {
  const probe = join(packageRoot(), 'bench', 'support', 'probe.mjs');
  const child = spawn(process.execPath, ['--expose-gc', '--import', probe, ...command], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  // A benchmark that fails leaves no server behind.
  process.once('exit', () => child.kill());
  const port = await readyPort(child, ready);
  const ask = async (what: string): Promise<Usage> => {
    const answer = nextMessage(child);
    child.send(what);
    return usage.parse(await answer);
  };
  return {
    port,
    pid: child.pid ?? Number.NaN,
    usage: () => ask('measure'),
    collected: () => ask('collect'),
    tell: (message) => void child.send(message),
    stop: () => end(child),
  };
}

async function readyPort(child: ChildProcess, ready: RegExp): Promise<number> {
  let output = '';
  return await new Promise((resolve, reject) => {
    const read = (chunk: unknown): void => {
      // Once it is ready its log is read and let go, so that it never waits for whoever reads it.
      if (output === '-') return;
      output += String(chunk);
      const found = ready.exec(output);
      if (found?.[1] === undefined) return;
      output = '-';
      resolve(Number(found[1]));
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    child.once('exit', (code) => reject(new Error(`a server ended with ${code}: ${output}`)));
  });
}
