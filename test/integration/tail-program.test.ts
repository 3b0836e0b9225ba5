/** `tail` as a shell runs it: pipes, signals, and a server that is killed and started again below it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { packageRoot } from '../../server/root.ts';
import { EXITS } from '../../server/tail/exit.ts';
import type { StreamName } from '../../shared/streams.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { type Program, runProgram, startProgram, stopProgram } from '../support/program.ts';
import { parseLines } from '../support/tail-run.ts';
import { emptyTables, Writers } from '../support/writers.ts';

const STREAMS: readonly StreamName[] = ['anomalies', 'funding_rates'];
const ENV = { DASHBOARD_TICK_SECONDS: '1', DASHBOARD_HEARTBEAT_SECONDS: '0.5' };

let database: TestDatabase;
let client: pg.Client;
let folder: string;
let programs: Program[] = [];
const start = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Program => {
  const program = startProgram(args, env);
  programs.push(program);
  return program;
};
const serve = (port: number): Program =>
  start(['serve', '--port', String(port)], { ...ENV, DATABASE_URL: database.url });

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  client = await database.connect();
  folder = await mkdtemp(join(tmpdir(), 'alphapulse-tail-'));
});
afterEach(async () => {
  await Promise.all(programs.map(stopProgram));
  programs = [];
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await database.drop();
});

/** Ids by stream that were printed, in order. */
function printed(programs: readonly Program[], stream: StreamName): number[] {
  return programs.flatMap(({ stdout }) =>
    parseLines(stdout).flatMap((line) => (line.stream === stream ? [Number(line.id)] : [])),
  );
}

/** Waits until every stream has become live so many times. */
async function live(program: Program, times = 1): Promise<void> {
  await vi.waitFor(
    () => {
      const count = program.stderr.split(' is live').length - 1;
      if (count < times * STREAMS.length) throw new Error(`not yet: ${program.stderr}`);
    },
    { timeout: 30_000, interval: 20 },
  );
}

async function untilWhole(programs: readonly Program[]): Promise<void> {
  for (const stream of STREAMS) {
    const { rows } = await client.query<{ id: number }>(`select id from ${stream} order by id`);
    const ids = rows.map(({ id }) => id);
    await vi.waitUntil(() => new Set(printed(programs, stream)).size >= ids.length, { timeout: 30_000, interval: 50 });
    expect(printed(programs, stream).sort((a, b) => a - b)).toEqual(ids);
  }
}

/** Flags to go on from where a program said that it ended. */
function sinceFlags({ stderr }: Program): string[] {
  return [...stderr.matchAll(/--since '([^']+)'/g)].flatMap(([, cursor]) => ['--since', cursor ?? '']);
}

it('F4 F6 every row is printed once, though the server is killed and started again, and tail is ended and goes on', async () => {
  await emptyTables(client, STREAMS);
  let server = serve(0);
  const address = await server.ready();
  const first = start(['tail', ...STREAMS, '--url', address, '--verbose']);
  await live(first);
  const writers = new Writers(database.config, { seed: 5, streams: STREAMS });
  try {
    for (const [restarts, signal] of (['SIGKILL', 'SIGTERM'] as const).entries()) {
      await writers.more(50);
      server.signalGroup(signal);
      await server.ended;
      await writers.more(50);
      server = serve(Number(new URL(address).port));
      await server.ready();
      await live(first, restarts + 2);
    }
    await writers.more(50);
    first.signal('SIGTERM');
    expect(await first.ended).toBe(EXITS.done.code);
    await writers.more(50);
    const second = start(['tail', ...STREAMS, ...sinceFlags(first), '--url', address, '--verbose']);
    await live(second);
    await writers.more(20);
    await writers.stop();
    expect(writers.failures).toEqual([]);
    await untilWhole([first, second]);
    second.signal('SIGINT');
    expect(await second.ended).toBe(EXITS.done.code);
    expect(`${first.stderr}${second.stderr}`).not.toMatch(/lost/);
  } finally {
    await writers.stop();
  }
});

it('F6 a cursor file brings a recorder that was killed back to where it was', async () => {
  await emptyTables(client, STREAMS);
  const server = serve(0);
  const address = await server.ready();
  const file = join(
    await import('node:fs/promises').then(({ mkdtemp }) => mkdtemp('/tmp/alphapulse-cursor-')),
    'place',
  );
  const args = ['tail', ...STREAMS, '--url', address, '--verbose', '--cursor-file', file];
  const runs = [start(args)];
  await live(runs[0] ?? server);
  const writers = new Writers(database.config, { seed: 6, streams: STREAMS });
  try {
    for (let kills = 0; kills < 3; kills += 1) {
      await writers.more(40);
      runs.at(-1)?.signalGroup('SIGKILL');
      await runs.at(-1)?.ended;
      await writers.more(20);
      runs.push(start(args));
    }
    await writers.more(20);
    await writers.stop();
  } finally {
    await writers.stop();
  }
  // What left in the moment between the pipe and the file may come again; nothing may be missing.
  for (const stream of STREAMS) {
    const { rows } = await client.query<{ id: number }>(`select id from ${stream} order by id`);
    const ids = rows.map(({ id }) => id);
    const seen = (): Set<number> => new Set(printed(runs, stream));
    await vi.waitUntil(() => seen().size >= ids.length, { timeout: 30_000, interval: 50 });
    expect([...seen()].sort((a, b) => a - b)).toEqual(ids);
  }
});

/** A shell at work on `tail` of the funding rates: `$tail` in its program stands for that. */
async function inShell(address: string, program: string): Promise<{ lines: string[]; complaints: string }> {
  const tail = `node '${join(packageRoot(), 'scripts', 'run.mjs')}' tail funding_rates --url '${address}'`;
  const shell = spawn('bash', ['-c', program.replace('$tail', tail)], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let complaints = '';
  shell.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  shell.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints += text;
  });
  const ended = once(shell, 'close');
  // Rows come until it has noticed: the first that nobody takes tells it.
  await vi.waitFor(
    async () => {
      await client.query(
        `insert into funding_rates ("timestamp", symbol, exchange, funding_rate) values (now(), 'BTC/USDT', 'binance', 0.0001)`,
      );
      if (!out.includes('code')) throw new Error(`not yet: ${out} ${complaints}`);
    },
    { timeout: 30_000, interval: 50 },
  );
  await ended;
  return { lines: out.split('\n').filter((line) => line !== ''), complaints };
}

it('ends quietly with 0 when its reader goes away', async () => {
  const address = await serve(0).ready();
  const { lines, complaints } = await inShell(address, 'exec 3>&1; { $tail; echo "code $?" >&3; } | head -1');
  const [row, ...others] = lines.filter((line) => !line.startsWith('code'));
  expect(parseLines(`${row}\n`)).toHaveLength(1);
  expect(others).toEqual([]);
  expect(lines).toContain(`code ${EXITS.done.code}`);
  expect(complaints).toBe('');
});

it('ends with 1 and the reason when its output cannot be written, and says where to go on', async () => {
  const address = await serve(0).ready();
  const { lines, complaints } = await inShell(address, '$tail > /dev/full; echo "code $?"');
  expect(lines).toEqual([`code ${EXITS.failed.code}`]);
  expect(complaints).toMatch(/^tail: standard output cannot be written: .*ENOSPC.*\ntail: go on with --since '.*'\n$/);
});

it('what it cannot use is named at once; exit 2, nothing on standard output', async () => {
  const faulty = await runProgram(['tail', 'anomaly', '--since', '--wait', 'long', '--speed', '1']);
  expect(faulty).toMatchObject({ code: EXITS.usage.code, stdout: '' });
  expect(faulty.stderr).toMatch(/--since needs a value[\s\S]*Unknown flag --speed; tail accepts/);
  expect(faulty.stderr).toMatch(/Unknown stream "anomaly"; accepted are funding_rates/);
  const url = await runProgram(['tail', 'anomalies', '--url', 'ftp://me:hunter2@desk']);
  expect(url).toMatchObject({ code: EXITS.usage.code, stdout: '' });
  expect(url.stderr).not.toContain('hunter2');
});
