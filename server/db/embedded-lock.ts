/** A lock file that says which process uses a folder, and that a process which died without a word does not keep. */
import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import * as z from 'zod';
import { CodedError } from '../errors.ts';

/** `started` tells a process from a later one with the same number; null where the platform does not say. */
const holderSchema = z.object({ pid: z.int().positive(), started: z.string().nullable() });
type Holder = z.infer<typeof holderSchema>;

/**
 * Takes the lock; the result gives it back.
 *
 * @throws CodedError `embedded_in_use` with the pid of the process that has it.
 */
export async function takeLock(path: string, folder: string): Promise<() => Promise<void>> {
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, JSON.stringify({ pid: process.pid, started: await startOf(process.pid) }), { mode: 0o600 });
  try {
    for (;;) {
      // A link is made or refused in one step, and what it shows is whole: nobody reads half a lock.
      if (await succeeds(link(draft, path), 'EEXIST')) return () => rm(path, { force: true });
      const text = await readFile(path, 'utf8').catch(() => null);
      if (text === null) continue;
      const holder = parseHolder(text);
      if (holder !== null && (await isAlive(holder))) throw inUse(holder.pid, folder);
      await discard(path, text);
    }
  } finally {
    await rm(draft, { force: true });
  }
}

/** Takes a stale lock away, unless another process was faster and its own lock lies there by now. */
async function discard(path: string, stale: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  if (!(await succeeds(rename(path, aside), 'ENOENT'))) return;
  if ((await readFile(aside, 'utf8')) !== stale) await succeeds(link(aside, path), 'EEXIST');
  await rm(aside, { force: true });
}

function inUse(pid: number, folder: string): CodedError {
  return new CodedError('embedded_in_use', `process ${pid} already runs the embedded database in ${folder}`, {
    value: folder,
    mend: `use the dashboard that runs, end process ${pid}, or set DASHBOARD_DATA_DIR to another folder`,
  });
}

function parseHolder(text: string): Holder | null {
  try {
    return holderSchema.parse(JSON.parse(text));
  } catch {
    // Not a lock of ours, or cut short by a full disk: it names nobody, so it holds nothing.
    return null;
  }
}

async function isAlive(holder: Holder): Promise<boolean> {
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    // EPERM: it is there and belongs to somebody else.
    if (!hasCode(error, 'EPERM')) return false;
  }
  const started = await startOf(holder.pid);
  return holder.started === null || started === null || holder.started === started;
}

/** When a process began, in the kernel's own count; null where there is no /proc. */
async function startOf(pid: number): Promise<string | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  // The second field is the program's name, in parentheses, and may hold anything; the 22nd is the start.
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? null;
}

async function succeeds(action: Promise<void>, expected: string): Promise<boolean> {
  try {
    await action;
    return true;
  } catch (error) {
    if (hasCode(error, expected)) return false;
    throw error;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
