/** The program as a person or a supervisor runs it: arguments, messages, exit codes, signals, and nothing left behind. */
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { SETTING_LIST } from '../../server/config/variables.ts';
import { packageVersion } from '../../server/root.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { type Program, runProgram, startProgram, stopProgram } from '../support/program.ts';

let programs: Program[] = [];
const start = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Program => {
  const program = startProgram(args, env);
  programs.push(program);
  return program;
};
afterEach(async () => {
  await Promise.all(programs.map(stopProgram));
  programs = [];
});

describe('without a server', () => {
  it('--help lists every variable', async () => {
    const { code, stdout } = await runProgram(['--help']);
    expect(code).toBe(0);
    for (const { variable } of SETTING_LIST) if (variable !== null) expect(stdout).toContain(variable);
  });

  it('--version prints the version', async () => {
    expect(await runProgram(['--version'])).toMatchObject({ code: 0, stdout: `${packageVersion()}\n` });
  });

  it('an unknown command or flag is named, with what is accepted; exit 2', async () => {
    const unknown = await runProgram(['serv', '--prot', '1']);
    expect(unknown).toMatchObject({ code: 2, stdout: '' });
    expect(unknown.stderr).toContain('"serv"; accepted are serve, migrate');
    expect(unknown.stderr).toMatch(/--prot;.*--port/);
  });

  it('every fault of the configuration is listed at once, no secret with it; exit 2', async () => {
    const faulty = await runProgram(['serve', '--port', 'http'], {
      DASHBOARD_TICK_SECONDS: '0',
      DATABASE_URL: 'mysql://me:hunter2@db/pulse',
      DASHBOARD_HOST: '0.0.0.0',
    });
    expect(faulty).toMatchObject({ code: 2, stdout: '' });
    for (const name of ['--port', 'DASHBOARD_TICK_SECONDS', 'DATABASE_URL', 'DASHBOARD_HOST']) {
      expect(faulty.stderr).toMatch(new RegExp(`^  ${name}\\b`, 'm'));
    }
    expect(faulty.stderr).not.toContain('hunter2');
  });

  it('migrate without a database, or with one that is away, says so; exit 1, no stack', async () => {
    const none = await runProgram(['migrate']);
    expect(none.code).toBe(1);
    expect(none.stderr).toMatch(/\[no_database\]\nSet DATABASE_URL/);
    const away = await runProgram(['migrate'], { DATABASE_URL: 'postgres://me:hunter2@127.0.0.1:1/pulse' });
    expect(away.code).toBe(1);
    expect(away.stderr).toContain('127.0.0.1:1');
    expect(away.stderr).toContain('[database_unreachable]');
    expect(away.stderr).not.toMatch(/hunter2|^\s+at /m);
  });

  it('a port in use is refused with the process that holds it; exit 1', async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    try {
      const address = holder.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      const refused = await runProgram(['serve', '--port', String(port)]);
      expect(refused).toMatchObject({ code: 1, stdout: '' });
      expect(refused.stderr).toContain(`Port ${port} at 127.0.0.1 is in use by process ${process.pid} `);
      expect(refused.stderr).toContain('[port_in_use]');
    } finally {
      await new Promise((resolve) => holder.close(resolve));
    }
  });
});

describe('with a database of its own', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });
  // Fails where the program has left a connection.
  afterAll(() => database.drop());

  it('migrate shows what it would do, does it, and has nothing to do the second time', async () => {
    const env = { DATABASE_URL: database.url };
    const client = await database.connect();
    const tables = async (): Promise<unknown[]> =>
      (await client.query(`select tablename from pg_tables where schemaname = 'public' order by 1`)).rows;
    const dry = await runProgram(['migrate', '--dry-run'], env);
    expect(dry).toMatchObject({ code: 0, stderr: '' });
    expect(dry.stdout).toMatch(/create table/i);
    expect(await tables()).toEqual([]);
    expect(await runProgram(['migrate'], env)).toMatchObject({ code: 0, stderr: '' });
    expect(await tables()).toHaveLength(5);
    const again = await runProgram(['migrate'], env);
    expect(again.code).toBe(0);
    expect(again.stdout).toMatch(/nothing to do/i);
  });

  it('serve prints one line, serves there, and ends with 0 at SIGTERM', async () => {
    const program = start(['serve', '--port', '0'], { DATABASE_URL: database.url });
    const address = await program.ready();
    expect((await fetch(address)).headers.has('date')).toBe(true);
    program.signal('SIGTERM');
    expect(await program.ended).toBe(0);
    expect(program.stdout).toBe(`AlphaPulse dashboard ready at ${address}\n`);
    await expect(fetch(address)).rejects.toThrow();
  });
});

it('serve serves while the database is away', async () => {
  const program = start(['serve', '--port', '0'], { DB_HOST: '127.0.0.1', DB_PORT: '1' });
  const address = await program.ready();
  expect((await fetch(address)).headers.has('date')).toBe(true);
  program.signal('SIGINT');
  expect(await program.ended).toBe(0);
});

describe('with the embedded database', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'alphapulse-cli-'));
    // The database's own user has to reach its folder.
    await chmod(folder, 0o755);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('is not left running, whatever the signal; a second instance on its folder is refused', async () => {
    const serve = (): Program =>
      start(['serve', '--port', '0', '--no-demo'], { DASHBOARD_DATA_DIR: join(folder, 'data') });
    const first = serve();
    await first.ready();
    expect(await processesAbout(folder)).not.toEqual([]);

    const second = serve();
    expect(await second.ended).toBe(1);
    expect(second.stderr).toContain(String(first.pid));
    expect(second.stderr).toContain(folder);

    // Ctrl-C reaches the group: the database must not be ended by it before the server lets go.
    first.signalGroup('SIGINT');
    expect(await first.ended).toBe(0);
    expect(await processesAbout(folder)).toEqual([]);

    const third = serve();
    await third.ready();
    third.signal('SIGTERM');
    expect(await third.ended).toBe(0);
    expect(await processesAbout(folder)).toEqual([]);
  });

  it('is not left running when the signal comes during the start', async () => {
    const home = join(folder, 'early');
    const program = start(['serve', '--port', '0', '--no-demo'], { DASHBOARD_DATA_DIR: home });
    await expect.poll(() => processesAbout(home), { timeout: 20_000, interval: 5 }).not.toEqual([]);
    program.signal('SIGTERM');
    expect(await program.ended).toBe(0);
    expect(await processesAbout(home)).toEqual([]);
  });
});

/** Command lines of the processes that were started with a path below a folder. */
async function processesAbout(folder: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return lines.map((line) => line.replaceAll('\0', ' ').trim()).filter((line) => line.includes(folder));
}
