/** Holds the embedded PostgreSQL to its life: made, stopped, killed, left behind, doubled, and installed badly. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, lstat, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import pg from 'pg';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { type EmbeddedDatabase, startEmbedded } from '../../server/db/embedded.ts';
import { binariesPackage } from '../../server/db/embedded-binaries.ts';

const log = pino({ level: 'silent' });
const children: ChildProcess[] = [];
const running: EmbeddedDatabase[] = [];
let folder: string;

/** A data folder as a clean stop leaves it: copying it is faster than making one, where that is not what is tried. */
let stopped: string;

beforeAll(async () => {
  stopped = await mkdtemp(join(tmpdir(), 'alphapulse-stopped-'));
  await chmod(stopped, 0o755);
  await (await startEmbedded({ dataDir: join(stopped, 'data'), log })).stop();
});
afterAll(() => rm(stopped, { recursive: true }));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'alphapulse-embedded-'));
  await chmod(folder, 0o755);
});

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }
  // A server that a test left behind is adopted once more, and stopped.
  await Promise.all(running.splice(0).map((database) => database.stop()));
  if (await readFile(pidFile(), 'utf8').catch(() => null)) await (await start()).stop();
  await rm(folder, { recursive: true, force: true });
});

const dataDir = (): string => join(folder, 'data');
const pidFile = (): string => join(dataDir(), 'postgres', 'postmaster.pid');
const serverPid = async (): Promise<number> => Number((await readFile(pidFile(), 'utf8')).split('\n')[0]);

async function start(options: { binaries?: string } = {}): Promise<EmbeddedDatabase> {
  const database = await startEmbedded({ dataDir: dataDir(), log, ...options });
  running.push(database);
  return database;
}

/** Gives the test a data folder that was in use before. */
async function copyStopped(): Promise<void> {
  await promisify(execFile)('cp', ['-a', join(stopped, 'data'), dataDir()]);
}

async function query(database: { url: string }, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

/** Starts the embedded database in a process of its own group; the result reads what it says, one message at a time. */
function startChild(options: { uid?: number } = {}): { child: ChildProcess; next(): Promise<Record<string, string>> } {
  const script = join(import.meta.dirname, '../support/embedded-child.ts');
  const child = spawn(process.execPath, ['--import', 'tsx', script, dataDir()], {
    ...options,
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH, HOME: folder, TMPDIR: folder },
  });
  children.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, next: async () => JSON.parse((await lines.next()).value ?? '{"event":"closed"}') };
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

it('makes a database, keeps it over a clean stop, and leaves nothing running', async () => {
  const first = await start();
  await query(first, 'create table kept (n int); insert into kept values (7)');
  const pid = await serverPid();
  await first.stop();
  expect(isRunning(pid)).toBe(false);
  expect(await readFile(join(dataDir(), 'postgres.log'), 'utf8')).toContain('database system is shut down');
  const second = await start();
  expect(await query(second, 'select n from kept')).toEqual([{ n: 7 }]);
  await second.stop();
  await second.stop();
});

it('is closed to other accounts: a password, on loopback alone, in a file of the owner', async () => {
  await copyStopped();
  const database = await start();
  expect((await stat(join(dataDir(), 'postgres.password'))).mode & 0o077).toBe(0);
  expect((await stat(join(dataDir(), 'postgres'))).mode & 0o077).toBe(0);
  await expect(query({ url: database.url.replace(/:[^:@]+@/, ':wrong@') }, 'select 1')).rejects.toThrow(/password/);
  expect(await query(database, 'show listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }]);
  expect(await query(database, 'show unix_socket_directories')).toEqual([{ unix_socket_directories: '' }]);
});

it('a second instance on the folder is refused with the pid and the folder, and harms nothing', async () => {
  await copyStopped();
  const { child, next } = startChild();
  const ready = await next();
  await expect(start()).rejects.toMatchObject({
    code: 'embedded_in_use',
    message: `process ${child.pid} already runs the embedded database in ${dataDir()}`,
    mend: expect.stringContaining('DASHBOARD_DATA_DIR'),
  });
  expect(await query({ url: ready.url ?? '' }, 'select 1 as one')).toEqual([{ one: 1 }]);
  child.kill('SIGTERM');
  expect(await next()).toMatchObject({ event: 'stopped' });
});

it('two starts at the same time: one serves, the other is refused', async () => {
  await copyStopped();
  const outcomes = await Promise.allSettled([start(), start()]);
  expect(outcomes.map((outcome) => outcome.status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(outcomes.find((outcome) => outcome.status === 'rejected')?.reason).toMatchObject({ code: 'embedded_in_use' });
});

it('a server whose parent was killed is stopped, and its rows are there', async () => {
  await copyStopped();
  const { child, next } = startChild();
  const ready = await next();
  await query({ url: ready.url ?? '' }, 'create table kept (n int); insert into kept values (7)');
  const orphan = await serverPid();
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(await query({ url: ready.url ?? '' }, 'select n from kept')).toEqual([{ n: 7 }]);
  const database = await start();
  expect(await serverPid()).not.toBe(orphan);
  expect(await readFile(join(dataDir(), 'postgres.log.1'), 'utf8')).toContain('database system is shut down');
  await expect(query({ url: ready.url ?? '' }, 'select 1')).rejects.toThrow(/ECONNREFUSED|authentication/);
  expect(await query(database, 'select n from kept')).toEqual([{ n: 7 }]);
});

it('a lock and a pid file that name another program are stale', async () => {
  await copyStopped();
  await writeFile(join(dataDir(), 'lock'), JSON.stringify({ pid: process.pid, started: '1' }));
  await writeFile(pidFile(), `${process.pid}\n${join(dataDir(), 'postgres')}\n1\n5432\n\n\n\nready   \n`);
  const database = await start();
  expect(await query(database, 'select 1 as one')).toEqual([{ one: 1 }]);
});

it('a lock that was cut short holds nothing', async () => {
  await copyStopped();
  await writeFile(join(dataDir(), 'lock'), '{"pid"');
  await start();
});

it('recovers after the server was killed', async () => {
  await copyStopped();
  const first = await start();
  await query(first, 'create table kept (n int); insert into kept values (7)');
  const pid = await serverPid();
  process.kill(pid, 'SIGKILL');
  await vi.waitFor(() => expect(isRunning(pid)).toBe(false), 10_000);
  await first.stop();
  const second = await start();
  expect(await query(second, 'select n from kept')).toEqual([{ n: 7 }]);
  expect(await readFile(join(dataDir(), 'postgres.log'), 'utf8')).toContain('automatic recovery in progress');
});

it("Ctrl-C reaches the terminal's process group, and not the server", async () => {
  await copyStopped();
  const { child, next } = startChild();
  const ready = await next();
  const pid = await serverPid();
  process.kill(-(child.pid ?? 0), 'SIGINT');
  expect(await next()).toMatchObject({ event: 'interrupted' });
  expect(await query({ url: ready.url ?? '' }, 'select 1 as one')).toEqual([{ one: 1 }]);
  expect(await serverPid()).toBe(pid);
  child.kill('SIGTERM');
  expect(await next()).toMatchObject({ event: 'stopped' });
  expect(isRunning(pid)).toBe(false);
});

it('makes the library links that an installation without scripts lacks', async () => {
  await copyStopped();
  const bare = join(folder, 'package');
  await cp(binariesPackage(), bare, {
    recursive: true,
    filter: async (path) => !(await lstat(path)).isSymbolicLink(),
  });
  const database = await start({ binaries: bare });
  expect(await query(database, 'select 1 as one')).toEqual([{ one: 1 }]);
  expect((await lstat(join(bare, 'native', 'lib', 'libpq.so.5'))).isSymbolicLink()).toBe(true);
});

it('serves from a folder that is closed to other accounts, as the home of root is', async () => {
  const closedPackage = join(folder, 'package');
  await cp(binariesPackage(), closedPackage, { recursive: true, verbatimSymlinks: true });
  await chmod(folder, 0o700);
  const first = await start({ binaries: closedPackage });
  await query(first, 'create table kept (n int); insert into kept values (7); checkpoint');
  await first.stop();
  const second = await start({ binaries: closedPackage });
  expect(await query(second, 'select n from kept')).toEqual([{ n: 7 }]);
});

it("runs as an ordinary account too, and root goes on with that account's data", async () => {
  const isRoot = process.getuid?.() === 0;
  await chmod(folder, 0o777);
  const { child, next } = startChild(isRoot ? { uid: 65534 } : {});
  const ready = await next();
  expect(await query({ url: ready.url ?? '' }, 'select 1 as one')).toEqual([{ one: 1 }]);
  child.kill('SIGTERM');
  expect(await next()).toMatchObject({ event: 'stopped' });
  // Root goes on with the same data as their owner, whoever that is.
  const database = await start();
  expect(await query(database, 'select 1 as one')).toEqual([{ one: 1 }]);
});

it('a folder that cannot be used, and an initdb that fails, are told with what they said', async () => {
  await writeFile(join(folder, 'file'), '');
  await expect(startEmbedded({ dataDir: join(folder, 'file', 'data'), log })).rejects.toMatchObject({
    code: 'embedded_folder',
    value: join(folder, 'file', 'data'),
  });
  const broken = join(folder, 'package');
  await cp(binariesPackage(), broken, { recursive: true, verbatimSymlinks: true });
  await rm(join(broken, 'native', 'share'), { recursive: true });
  await expect(start({ binaries: broken })).rejects.toMatchObject({
    code: 'embedded_init',
    message: expect.stringMatching(/initdb.*(\n.*)*postgres\.bki/),
  });
});
