/** All five streams as hypertables of 168 chunks, compressed, written late and dropped under a running server. Skipped, by name, where the server of the tests has no TimescaleDB. */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { LookQueries } from '../../server/db/changes-sql.ts';
import { inspect } from '../../server/db/inspect.ts';
import { migrate } from '../../server/db/migrate.ts';
import { ROLLED_STREAMS } from '../../server/db/rollup/tables.ts';
import { STREAM_LIST, STREAMS } from '../../shared/streams.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { compareHistory } from '../support/exact-history.ts';
import { FeedSocket } from '../support/feed-socket.ts';
import { sevenDaysOfHypertables } from '../support/hypertables.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { compressOld, dropChunks, hasTimescale } from '../support/timescale.ts';

const healthBody = z.object({ streams: z.record(z.string(), z.object({ state: z.string() })) });
/** Making a thousand chunks and their indexes takes a while. */
const SETUP_MS = 240_000;
const HOUR_S = 3600;

/** The table's own name and those of its chunks that a plan reads. */
async function chunksRead(client: pg.Client, text: string, values: readonly unknown[]): Promise<number> {
  const { rows } = await client.query<{ 'QUERY PLAN': string }>(`explain (analyze, timing off) ${text}`, [...values]);
  const lines = rows.map((row) => row['QUERY PLAN']).filter((line) => !line.includes('never executed'));
  return new Set(lines.flatMap((line) => /_hyper_\d+_\d+_chunk(?=$| )/.exec(line) ?? [])).size;
}

describe.skipIf(!(await hasTimescale())).each(['composite', 'keyless'] as const)('five hypertables, %s', (shape) => {
  let database: TestDatabase;
  let client: pg.Client;
  let dashboard: Dashboard | undefined;

  beforeAll(async () => {
    database = await freshDatabase();
    client = await database.connect();
    await sevenDaysOfHypertables(client, shape);
    // One is compressed before the dashboard comes, one after.
    await compressOld(client, 'funding_rates', 'symbol, exchange');
    await migrate({ connection: database.config, report: () => undefined });
    await compressOld(client, 'system_metrics', 'metric_name');
    await client.query('analyze');
  }, SETUP_MS);

  afterAll(async () => {
    await dashboard?.stop();
    await database?.drop();
  });

  /** The server, with all streams live. */
  async function live(): Promise<Dashboard> {
    dashboard ??= await startDashboard(database.url, { DASHBOARD_TICK_SECONDS: '2' });
    const { url } = dashboard;
    await vi.waitFor(
      async () => {
        const { streams } = healthBody.parse(await (await fetch(`${url}/api/health`)).json());
        expect(Object.values(streams).map(({ state }) => state)).toEqual(STREAM_LIST.map(() => 'live'));
      },
      { timeout: 60_000, interval: 100 },
    );
    return dashboard;
  }

  it('are brought up to date with the rows that are in them, and a second run finds nothing to do', async () => {
    const { streams } = await inspect(client);
    for (const { stream, ...found } of streams) {
      const wanted = { hypertable: true, cursorColumn: true, cursorIndex: true, doorbell: true, indexesMissing: [] };
      expect({ stream, ...found }).toMatchObject({ stream, ...wanted });
    }
    const { rows: chunks } = await client.query(
      `select hypertable_name, count(*)::int >= 168 as many, count(*) filter (where is_compressed)::int > 100 as compressed
       from timescaledb_information.chunks group by 1 order by 1`,
    );
    expect(chunks.map(({ many }) => many)).toEqual([true, true, true, true, true]);
    expect(chunks.filter(({ compressed }) => compressed).map((row) => row.hypertable_name)).toEqual([
      'funding_rates',
      'system_metrics',
    ]);
    const lines: string[] = [];
    await migrate({ connection: database.config, report: (line) => lines.push(line) });
    expect(lines).toEqual(['nothing to do: the database is up to date']);
  });

  it('a look that follows a ring reads the chunks of the last hours alone, and one at the tick every one', async () => {
    const { rows } = await client.query<{ xmax: string; bound: number }>(
      `select pg_snapshot_xmax(pg_current_snapshot())::text as xmax,
         (floor(extract(epoch from now()) / ${HOUR_S}) * ${HOUR_S} - 2 * ${HOUR_S})::float8 * 1000 as bound`,
    );
    const snapshot = { xmin: BigInt(rows[0]?.xmax ?? 0), xmax: BigInt(rows[0]?.xmax ?? 0), running: [] };
    const position = { run: '', all: snapshot, recent: snapshot, bound: rows[0]?.bound ?? 0, highest: 0n };
    for (const stream of STREAM_LIST) {
      const queries = new LookQueries(stream, true);
      const ring = queries.first(position, 'recent', 1001);
      expect(await chunksRead(client, ring.text, ring.values), stream.name).toBeLessThanOrEqual(3);
      const tick = queries.first(position, 'all', 1001);
      expect(await chunksRead(client, tick.text, tick.values), stream.name).toBeGreaterThanOrEqual(168);
    }
  });

  it('F2 F4 are followed by a server while chunks are compressed, written late and dropped: nothing is lost or doubled', async () => {
    const feed = await FeedSocket.open((await live()).feedUrl);
    feed.say({ type: 'subscribe', id: 'rates', stream: 'funding_rates', range: '24h' });
    feed.say({ type: 'subscribe', id: 'metrics', stream: 'system_metrics', keys: ['BTC/USDT.one'], range: '7d' });
    await feed.until(() => feed.of('synced').length === 2, 60_000);
    const write = async (hoursAgo: readonly number[]): Promise<number[]> => {
      const { rows } = await client.query<{ id: number }>(
        `insert into funding_rates ("timestamp", symbol, exchange, funding_rate)
         select now() - h * interval '1 hour', 'ETH/USDT', 'late', h / 1000.0 from unnest($1::float8[]) h returning id`,
        [hoursAgo],
      );
      return rows.map(({ id }) => id);
    };
    const owed = [...(await write([0, 0.1, 30, 50, 100])), ...(await write([0, 20]))];
    await client.query(
      `select compress_chunk(c) from show_chunks('funding_rates', older_than => interval '12 hours') c`,
    );
    owed.push(...(await write([0, 60, 130])));
    const dropping = database.connect().then((other) => dropChunks(other, 'funding_rates', '5 days 12 hours'));
    for (let i = 0; i < 20; i += 1) owed.push(...(await write([0, 40 + i])));
    await dropping;
    owed.push(...(await write([0, 90])));
    const got = (): number[] =>
      feed.of('delta').flatMap(({ stream, rows }) => (stream === 'funding_rates' ? rows.map(({ id }) => id) : []));
    await vi.waitFor(() => expect([...got()].sort((a, b) => a - b)).toEqual([...owed].sort((a, b) => a - b)), {
      timeout: 60_000,
      interval: 50,
    });
    expect([...feed.of('gap'), ...feed.of('error')]).toEqual([]);
    await feed.close();
  }, 180_000);

  it('F2 history shows no row of a dropped chunk once a tick has passed, though it was shown before', async () => {
    const feed = await FeedSocket.open((await live()).feedUrl);
    const total = async (id: string): Promise<number> => {
      const synced = feed.of('synced').length;
      feed.say({ type: 'subscribe', id, stream: 'performance_metrics', keys: ['BTC/USDT'], range: '7d', points: 1000 });
      await feed.until(() => feed.of('synced').length > synced, 60_000);
      return feed.of('snapshot').at(-1)?.rows_total ?? -1;
    };
    const before = await total('before');
    await dropChunks(client, 'performance_metrics', '4 days');
    const { rows } = await client.query<{ n: number }>(
      `select count(*)::int as n from performance_metrics where symbol = 'BTC/USDT'`,
    );
    expect(rows[0]?.n).toBeLessThan(before);
    await vi.waitFor(async () => expect(await total('after')).toBe(rows[0]?.n), { timeout: 60_000, interval: 200 });
    await feed.close();
  }, 180_000);

  it('have histories through rollups that are those of all rows', async () => {
    const progress = async (): Promise<number> => {
      const { rows } = await client.query<{ n: number }>(
        `select count(*)::int as n from alphapulse_dashboard.rollup_hours where stream = 'system_metrics'`,
      );
      return rows[0]?.n ?? 0;
    };
    await live();
    await vi.waitFor(async () => expect(await progress()).toBeGreaterThan(24), { timeout: 60_000, interval: 500 });
    for (const stream of ROLLED_STREAMS) {
      const { rows } = await compareHistory(client, STREAMS[stream.name]);
      expect(rows, stream.name).toBeGreaterThan(0);
    }
    const { rows } = await client.query(
      `select count(*)::int as n from alphapulse_dashboard.rollups where stream = 'system_metrics'`,
    );
    expect(rows[0]?.n).toBeGreaterThan(0);
  }, 180_000);
});
