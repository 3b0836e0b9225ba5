/** `tail` on the real product: every row once through cuts, restarts and slow readers, and exit codes that tell how it ended. */
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { EXITS } from '../../server/tail/exit.ts';
import type { StreamName } from '../../shared/streams.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { TailRun } from '../support/tail-run.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { emptyTables, Writers } from '../support/writers.ts';

const STREAMS: readonly StreamName[] = ['anomalies', 'funding_rates'];
const ENV = { DASHBOARD_TICK_SECONDS: '1', DASHBOARD_HEARTBEAT_SECONDS: '0.5' };

let database: TestDatabase;
let dashboard: Dashboard;
let client: pg.Client;
let folder: string;
beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  dashboard = await startDashboard(database.url, ENV);
  client = await database.connect();
  folder = await mkdtemp(join(tmpdir(), 'alphapulse-tail-'));
});
afterAll(async () => {
  await dashboard.stop();
  await rm(folder, { recursive: true, force: true });
  await database.drop();
});
beforeEach(() => emptyTables(client, STREAMS));

const port = (): number => Number(new URL(dashboard.url).port);

/** Ids that are in a table, ascending. */
async function idsIn(stream: StreamName): Promise<number[]> {
  const { rows } = await client.query<{ id: number }>(`select id from ${stream} order by id`);
  return rows.map(({ id }) => id);
}

async function insertRates(count: number, symbol = 'BTC/USDT'): Promise<void> {
  await client.query(
    `insert into funding_rates ("timestamp", symbol, exchange, funding_rate, metadata)
     select now(), $2, 'binance', 0.0001, jsonb_build_object('pad', repeat('x', 400)) from generate_series(1, $1) i`,
    [count, symbol],
  );
}

/** Waits until what was printed of a stream is what stands in its table, each row once. */
async function untilWhole(runs: readonly TailRun[], stream: StreamName): Promise<void> {
  const ids = await idsIn(stream);
  const printed = (): number[] => runs.flatMap((run) => run.ids(stream)).sort((a, b) => a - b);
  await runs.at(-1)?.until(() => new Set(printed()).size >= ids.length);
  expect(printed()).toEqual(ids);
}

describe('rows', () => {
  it('F8 F9 come as JSON lines, flat, with stream and key, digit for digit', async () => {
    const run = await TailRun.live(['funding_rates', 'anomalies', '--url', dashboard.url]);
    const metadata = '{"n": 90071992547409931234, "x": 0.100000000000000000000000010}';
    await client.query(
      `insert into funding_rates ("timestamp", symbol, exchange, funding_rate, metadata)
       values ('2026-01-02T03:04:05.123456Z', 'BTC/USDT:USDT', 'binance', 0.00010000, $1)`,
      [metadata],
    );
    await client.query(
      `insert into anomalies ("timestamp", symbol, data_type, value, z_score) values (now(), 'A "b"', 'x', 'NaN', 5)`,
    );
    await run.until(() => run.lines.length === 2);
    const [rate, anomaly] = [...run.lines].sort((a, b) => b.stream.localeCompare(a.stream));
    const [id] = await idsIn('funding_rates');
    expect(rate?.text).toContain(
      `{"stream":"funding_rates","key":"BTC/USDT:USDT","id":${id},"timestamp":1767323045123.456,"symbol":"BTC/USDT:USDT","exchange":"binance","funding_rate":0.00010000,"estimated_rate":null,"next_funding_time":null,"metadata":${metadata},"created_at":`,
    );
    expect(JSON.parse(anomaly?.text ?? '')).toMatchObject({ key: 'A "b"', symbol: 'A "b"', value: 'NaN', z_score: 5 });
    expect(await run.stop()).toBe(EXITS.done.code);
  });

  it('F9 --key picks keys, --values leaves documents out', async () => {
    const run = await TailRun.live(['funding_rates', '--key', 'A', '--key', 'B', '--values', '--url', dashboard.url]);
    for (const symbol of ['A', 'B', 'C', 'A']) await insertRates(1, symbol);
    await run.until(() => run.lines.length === 3);
    // Order is kept within a key: of rows that one look finds, those of a key come together.
    const { rows } = await client.query<{ id: string; symbol: string }>(
      `select id::text, symbol from funding_rates where symbol in ('A', 'B') order by id`,
    );
    for (const symbol of ['A', 'B']) {
      const ids = rows.flatMap((row) => (row.symbol === symbol ? [row.id] : []));
      expect(run.lines.flatMap(({ key, id }) => (key === symbol ? [id] : []))).toEqual(ids);
    }
    expect(run.stdout.text).not.toMatch(/metadata|created_at/);
    expect(await run.stop()).toBe(EXITS.done.code);
  });

  it('F4 F6 come once each over cuts and frozen connections, while others write', async () => {
    const proxy = await TcpProxy.start({ host: '127.0.0.1', port: port() });
    const run = await TailRun.live([...STREAMS, '--url', proxy.url(dashboard.url)]);
    const writers = new Writers(database.config, { seed: 7, streams: STREAMS });
    for (const fault of ['cut', 'freeze', 'cut', 'black hole'] as const) {
      await writers.more(40);
      const before = run.liveTimes;
      if (fault === 'cut') proxy.cut();
      else if (fault === 'freeze') proxy.freeze();
      else proxy.blackHole();
      if (fault !== 'cut') {
        // Three heartbeats of silence end the connection; the next one must find a way again.
        await run.until(() => run.complaints.at(-1)?.includes('silence') === true);
        proxy.cut();
        proxy.pass();
      }
      await run.until(() => run.liveTimes >= before + STREAMS.length);
    }
    await writers.more(20);
    await writers.stop();
    expect(writers.failures).toEqual([]);
    for (const stream of STREAMS) await untilWhole([run], stream);
    expect(await run.stop()).toBe(EXITS.done.code);
    await proxy.stop();
  });

  it('F6 --since goes on exactly where an earlier run ended, of each stream', async () => {
    const first = await TailRun.live([...STREAMS, '--url', dashboard.url]);
    const writers = new Writers(database.config, { seed: 11, streams: STREAMS });
    await writers.more(60);
    expect(await first.stop()).toBe(EXITS.done.code);
    expect(first.sinceFlags).toHaveLength(4);
    await writers.more(60);
    const second = await TailRun.live([...STREAMS, ...first.sinceFlags, '--url', dashboard.url]);
    await writers.more(60);
    await writers.stop();
    for (const stream of STREAMS) await untilWhole([first, second], stream);
    expect(await second.stop()).toBe(EXITS.done.code);
  });

  it('F6 --cursor-file keeps the place: run after run, every row once', async () => {
    const args = [...STREAMS, '--cursor-file', join(folder, 'place.json'), '--url', dashboard.url];
    const runs = [await TailRun.live(args)];
    const writers = new Writers(database.config, { seed: 13, streams: STREAMS });
    for (let count = 0; count < 4; count += 1) {
      await writers.more(30);
      expect(await runs.at(-1)?.stop()).toBe(EXITS.done.code);
      await writers.more(30);
      // Ended as soon as it has printed something, which may be within the replay.
      const run = new TailRun(args);
      runs.push(run);
      await run.until(() => run.stdout.text !== '');
    }
    await writers.stop();
    for (const stream of STREAMS) await untilWhole(runs, stream);
    expect(await runs.at(-1)?.stop()).toBe(EXITS.done.code);
  });

  it('F7 a reader that takes its time slows the reading of the socket, and gets every row once', async () => {
    const run = await TailRun.live(['funding_rates', '--url', dashboard.url]);
    run.stdout.hold();
    for (let burst = 0; burst < 10; burst += 1) await insertRates(2000);
    await run.until(() => run.stdout.writableLength > 16_384);
    run.stdout.release();
    await untilWhole([run], 'funding_rates');
    // Of some 10 MB no more stood before the reader than the socket had brought when it was stopped.
    expect(run.stdout.deepest).toBeLessThan(4_000_000);
    expect(await run.stop()).toBe(EXITS.done.code);
  });
});

describe('how it ends', () => {
  const silent = async (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<TailRun> => {
    const run = new TailRun([...args], env);
    await run.ended;
    return run;
  };

  it('3 where no feed answers, after trying for so long', async () => {
    const run = await silent(['anomalies', '--wait', '0', '--url', 'http://127.0.0.1:1']);
    expect(await run.ended).toBe(EXITS.unreachable.code);
    expect(run.complaints).toEqual([
      expect.stringMatching(/^tail: no feed: connect ECONNREFUSED 127.0.0.1:1 \[1006\]$/),
    ]);
    const wrong = await silent(['anomalies', '--url', `${dashboard.url}/elsewhere`]);
    expect(await wrong.ended).toBe(EXITS.unreachable.code);
    expect(wrong.complaints).toEqual(['tail: HTTP 404 instead of a feed']);
  });

  it('F12 4 without a token that the server accepts; with one, from a flag, a variable or a link, it follows', async () => {
    const guarded = await startDashboard(database.url, { ...ENV, DASHBOARD_VIEW_TOKENS: 'desk:open-sesame' });
    for (const [args, env] of [
      [[], {}],
      [['--token', 'wrong'], {}],
    ] as const) {
      const run = await silent(['anomalies', '--url', guarded.url, ...args], env);
      expect(await run.ended).toBe(EXITS.unauthorized.code);
      expect(run.complaints).toEqual(['tail: no valid token [4401]']);
    }
    for (const [args, env] of [
      [['--url', guarded.url, '--token', 'open-sesame'], {}],
      [['--url', guarded.url], { ALPHAPULSE_TOKEN: 'open-sesame' }],
      [['--url', `${guarded.url}/?token=open-sesame`], {}],
    ] as const) {
      const run = await TailRun.live(['anomalies', ...args], env);
      expect(await run.stop()).toBe(EXITS.done.code);
      expect(run.complaints.join()).not.toContain('sesame');
    }
    await guarded.stop();
  });

  it('F12 5 where another version of the protocol is spoken', async () => {
    const other = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    other.on('connection', (socket) => socket.close(4426, 'protocol 2 is spoken'));
    await once(other, 'listening');
    const address = other.address();
    const place = typeof address === 'object' && address !== null ? address.port : 0;
    const run = await silent(['anomalies', '--url', `ws://127.0.0.1:${place}`]);
    expect(await run.ended).toBe(EXITS.protocol.code);
    await new Promise((resolve) => other.close(resolve));
  });

  it('F11 6 where the server refuses the cursor', async () => {
    const run = await silent(['anomalies', '--since', 'nonsense', '--url', dashboard.url]);
    expect(await run.ended).toBe(EXITS.refused.code);
    expect(run.complaints[0]).toMatch(/^tail: anomalies was refused: .*nonsense.* \[bad_cursor\]$/);
  });

  it('F6 7 where rows were lost that the server could not replay; it follows on all the same', async () => {
    const short = await startDashboard(database.url, { ...ENV, DASHBOARD_MAX_REPLAY_ROWS: '10' });
    const first = await TailRun.live(['funding_rates', '--url', short.url]);
    expect(await first.stop()).toBe(EXITS.done.code);
    for (let count = 0; count < 40; count += 1) await insertRates(1);
    const second = await TailRun.live(['funding_rates', ...first.sinceFlags, '--url', short.url]);
    expect(second.complaints.join('\n')).toMatch(/tail: funding_rates rows .* were lost: .*\(replay_exhausted\)/);
    await insertRates(1);
    await second.until(() => second.lines.length === 1);
    expect(await second.stop()).toBe(EXITS.lost.code);
    await short.stop();
  });

  it('1 where the cursor file is none, and leaves it as it is', async () => {
    const file = join(folder, 'other.json');
    await writeFile(file, '{"version":1}');
    const run = new TailRun(['anomalies', '--cursor-file', file, '--url', dashboard.url]);
    await expect(run.ended).rejects.toMatchObject({ code: 'cursor_file', value: file });
    expect(await readFile(file, 'utf8')).toBe('{"version":1}');
  });
});
