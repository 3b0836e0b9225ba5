/** Makes, starts and stops one PostgreSQL server of our own on a data folder: the process, and nothing of what is in it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chown, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { CodedError } from '../errors.ts';
import type { Binaries } from './embedded-binaries.ts';
import { FAST_STOP_MS, isReady, SIGNALS, type StopMode } from './embedded-pidfile.ts';
import { closedError, closedFolder, type ServerUser } from './embedded-user.ts';

/** What the embedded server writes to: the parts of a pino logger that it uses. */
export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

/** Where a server's parts lie. Paths are absolute. */
export interface ClusterPlace {
  /** PostgreSQL's own data folder. */
  readonly dataDir: string;
  /** File that receives the server's log; that of the start before is kept beside it as `.1`. */
  readonly logFile: string;
  readonly binaries: Binaries;
  /** Null: the account of this process. */
  readonly user: ServerUser | null;
}

/** A running server. */
export interface Cluster {
  readonly pid: number;
  readonly port: number;
  /** Settles once the process is gone, whoever ended it. */
  readonly exited: Promise<void>;
  /** Ends the server; resolves when it is gone. A fast stop that takes over 3 s becomes an immediate one. */
  stop(mode?: StopMode): Promise<void>;
}

/** Superuser of every cluster that is made here. */
export const SUPERUSER = 'postgres';

const READY_TIMEOUT_MS = 60_000;
const POLL_MS = 15;

/**
 * Makes the data folder with `password` for the superuser, in one step: what an interrupted attempt left is never taken
 * for a data folder.
 *
 * @throws CodedError embedded_init with initdb's last output.
 */
export async function initCluster(place: ClusterPlace, password: string, signal?: AbortSignal): Promise<void> {
  const unfinished = `${place.dataDir}.unfinished`;
  const passwordFile = `${unfinished}.password`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true, mode: 0o700 });
  try {
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
    if (place.user !== null) {
      await chown(unfinished, place.user.uid, place.user.gid);
      await chown(passwordFile, place.user.uid, place.user.gid);
    }
    // Handed over as an open file: the account may not be able to reach the folder by its name.
    const secret = await open(passwordFile, 'r');
    const at = await waysTo(unfinished, place.user);
    const child = spawn(
      place.binaries.initdb,
      [
        `--pgdata=${at.path}`,
        `--username=${SUPERUSER}`,
        '--pwfile=/dev/fd/3',
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        '--no-locale',
        '--no-instructions',
      ],
      { ...spawnAs(place.user), cwd: at.cwd, stdio: ['ignore', 'pipe', 'pipe', secret.fd] },
    );
    const giveUp = (): boolean => child.kill('SIGTERM');
    signal?.addEventListener('abort', giveUp);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk) => {
        output += String(chunk);
      });
    }
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', (cause) => reject(spawnFailure(place, cause)));
      child.once('close', resolve);
    }).finally(() => {
      signal?.removeEventListener('abort', giveUp);
      return secret.close();
    });
    signal?.throwIfAborted();
    if (code !== 0) {
      throw new CodedError('embedded_init', `initdb failed (exit ${code}): ${lastLines(output)}`, {
        value: place.dataDir,
        mend: 'see to what it names (often a full disk or a folder that cannot be written), then start again',
      });
    }
    await rename(unfinished, place.dataDir);
  } finally {
    await rm(passwordFile, { force: true });
    await rm(unfinished, { recursive: true, force: true });
  }
}

/**
 * Starts the server on 127.0.0.1 and resolves when it accepts connections. `port` 0 or absent: a free one.
 * The process has a session of its own, so that Ctrl-C on the terminal does not reach it before us.
 *
 * @throws CodedError embedded_start with the end of the server's log.
 */
export async function startCluster(
  place: ClusterPlace,
  options: { log: Log; port?: number; settings?: Readonly<Record<string, string>> },
): Promise<Cluster> {
  const attempts = 20;
  for (let attempt = 1; ; attempt++) {
    const port = options.port ? options.port : await freePort();
    const outcome = await attemptStart(place, port, options.settings ?? {}, options.log);
    if (typeof outcome !== 'string') return outcome;
    // Both pass by themselves: the port was taken in between, or the last backends of a killed server are still ending.
    const passing = /Address already in use|pre-existing shared memory block/.test(outcome);
    if (!passing || attempt === attempts) {
      throw new CodedError('embedded_start', `the embedded PostgreSQL did not start: ${lastLines(outcome)}`, {
        value: place.dataDir,
        mend: `the whole log is in ${place.logFile}; DASHBOARD_DATA_DIR chooses another folder`,
      });
    }
    await delay(100);
  }
}

/** Resolves to the running server, or to its log where it ended by itself. */
async function attemptStart(
  place: ClusterPlace,
  port: number,
  settings: Readonly<Record<string, string>>,
  log: Log,
): Promise<Cluster | string> {
  const all = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_checkpoints: 'off',
    jit: 'off',
    ...settings,
  };
  await rename(place.logFile, `${place.logFile}.1`).catch(() => undefined);
  const output = await open(place.logFile, 'w', 0o600);
  const at = await waysTo(place.dataDir, place.user);
  const child = spawn(
    place.binaries.postgres,
    ['-D', at.path, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    { ...spawnAs(place.user), cwd: at.cwd, detached: true, stdio: ['ignore', output.fd, output.fd] },
  );
  let gone = false;
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => {
      gone = true;
      resolve();
    });
  });
  const pid = await new Promise<number>((resolve, reject) => {
    child.once('error', (cause) => reject(spawnFailure(place, cause)));
    child.once('spawn', () => resolve(child.pid ?? 0));
  }).finally(() => output.close());

  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (!gone && !(await isReady(place.dataDir, pid))) {
    if (Date.now() > deadline) {
      child.kill('SIGQUIT');
      await exited;
      break;
    }
    await delay(POLL_MS);
  }
  if (gone) return await readFile(place.logFile, 'utf8');
  return runningCluster(child, pid, port, exited, log);
}

function runningCluster(child: ChildProcess, pid: number, port: number, exited: Promise<void>, log: Log): Cluster {
  // Whatever ends this process without a clean stop still takes the server along, killing by SIGKILL excepted.
  const onExit = (): void => {
    child.kill(SIGNALS.fast);
  };
  process.once('exit', onExit);
  let stopping = false;
  void exited.then(() => {
    process.removeListener('exit', onExit);
    if (!stopping) log.error({ pid, code: child.exitCode, signal: child.signalCode }, 'embedded PostgreSQL ended');
  });
  return {
    pid,
    port,
    exited,
    async stop(mode = 'fast') {
      stopping = true;
      child.kill(SIGNALS[mode]);
      const patience = setTimeout(() => child.kill(SIGNALS.immediate), FAST_STOP_MS);
      await exited;
      clearTimeout(patience);
    },
  };
}

/** Whether the folder holds a finished cluster. */
export async function isCluster(dataDir: string): Promise<boolean> {
  return (await stat(join(dataDir, 'PG_VERSION')).catch(() => null)) !== null;
}

async function freePort(): Promise<number> {
  const server = createServer();
  return await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address !== null && typeof address === 'object') resolve(address.port);
        else reject(new TypeError(`a listening socket has no port: ${String(address)}`));
      });
    });
  });
}

/**
 * The working folder and the name by which `user` reaches `folder`. Below a closed folder, such as root's home, no path
 * leads there; but a working folder that root enters before it hands the process over stays entered, and Linux has a
 * name for it that passes no other folder. PostgreSQL itself works relative to its data folder throughout.
 *
 * @throws CodedError `embedded_closed` with the closed folder where there is no such name.
 */
async function waysTo(folder: string, user: ServerUser | null): Promise<{ cwd: string; path: string }> {
  const closed = await closedFolder(dirname(folder), user);
  if (closed === null) return { cwd: dirname(folder), path: folder };
  if (process.platform === 'linux') return { cwd: folder, path: '/proc/self/cwd' };
  throw closedError(closed, folder);
}

/** Options of a child: the account, and of the environment only what a server needs, so that no secret is in it. */
function spawnAs(user: ServerUser | null): { uid?: number; gid?: number; env: NodeJS.ProcessEnv } {
  const env: NodeJS.ProcessEnv = { LC_ALL: 'C', TZ: 'UTC' };
  for (const name of ['PATH', 'LD_LIBRARY_PATH', 'SystemRoot', 'TMPDIR', 'TEMP']) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  return user === null ? { env } : { uid: user.uid, gid: user.gid, env };
}

function spawnFailure(place: ClusterPlace, cause: unknown): CodedError {
  return new CodedError('embedded_spawn', `${place.binaries.postgres} cannot be run`, {
    value: place.binaries.postgres,
    mend: 'make that file and the folders above it accessible to the account that runs it',
    cause,
  });
}

/** What a log says of a failure: its last complaints, or its last lines where none looks like one. */
function lastLines(text: string): string {
  const lines = text.trim().split('\n');
  const complaints = lines.filter((line) => /\b(error|fatal|panic|could not|cannot|denied)\b/i.test(line));
  return (complaints.length > 0 ? complaints : lines).slice(-4).join('\n') || 'it said nothing';
}
