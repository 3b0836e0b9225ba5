/** Running servers as their data folders tell of them: whether one is ready, and the end of one that was left behind. */
import { readFile, readlink, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CodedError } from '../errors.ts';

/** How a server ends: `fast` rolls back and writes a checkpoint, `immediate` leaves recovery to the next start. */
export type StopMode = 'fast' | 'immediate';

/** PostgreSQL's signals for the two. */
export const SIGNALS = { fast: 'SIGINT', immediate: 'SIGQUIT' } as const;

/** How long a fast stop may take before it becomes an immediate one, in ms. */
export const FAST_STOP_MS = 3_000;

const IMMEDIATE_STOP_MS = 6_000;
const POLL_MS = 15;

/**
 * Ends a server that a killed process left running on this data folder. True where there was one.
 *
 * @throws CodedError embedded_orphan where it does not go.
 */
export async function stopOrphan(dataDir: string): Promise<boolean> {
  const pid = Number((await pidFileLines(dataDir))[0]);
  if (!Number.isSafeInteger(pid) || pid <= 1 || !(await isServerOf(pid, dataDir))) return false;
  for (const { signal, ms } of [
    { signal: SIGNALS.fast, ms: FAST_STOP_MS },
    { signal: SIGNALS.immediate, ms: IMMEDIATE_STOP_MS },
  ]) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if (!isCode(error, 'ESRCH')) throw orphanError(pid, dataDir, error);
    }
    for (const end = Date.now() + ms; Date.now() < end; await delay(POLL_MS)) {
      if (!(await isServerOf(pid, dataDir))) return true;
    }
  }
  throw orphanError(pid, dataDir, undefined);
}

function orphanError(pid: number, dataDir: string, cause: unknown): CodedError {
  return new CodedError(
    'embedded_orphan',
    `an earlier server (process ${pid}) still runs on ${dataDir} and does not stop`,
    {
      value: pid,
      mend: `end process ${pid}, then start again`,
      cause,
    },
  );
}

/** Whether the process is a PostgreSQL on that data folder: pids are used again, so the file alone proves nothing. */
async function isServerOf(pid: number, dataDir: string): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return isCode(error, 'EPERM');
  }
  if (process.platform !== 'linux') return true;
  // A server's working directory is its data folder. A zombie has none, and has nothing open either.
  const [at, home] = await Promise.all([readlink(`/proc/${pid}/cwd`).catch(() => null), realpath(dataDir)]);
  return at === home;
}

/** Whether the server with that pid has written that it accepts connections; stale files carry another pid. */
export async function isReady(dataDir: string, pid: number): Promise<boolean> {
  const lines = await pidFileLines(dataDir);
  return Number(lines[0]) === pid && lines[7]?.trim() === 'ready';
}

/** Lines of `postmaster.pid`: pid, data folder, start, port, socket folder, address, shared memory, state. */
async function pidFileLines(dataDir: string): Promise<string[]> {
  const text = await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => '');
  return text.split('\n');
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
