/** Lists of keys that are kept in memory: the same as the tables' at any moment, though the feed is behind. */
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { KnownKeys } from '../../server/db/known-keys.ts';
import { Runs } from '../../server/db/run.ts';
import type { Position } from '../../server/feed/ports.ts';
import { parseSnapshot } from '../../server/feed/position.ts';
import { STREAM_LIST, STREAMS } from '../../shared/streams.ts';
import { startDashboard } from '../support/dashboard.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { restApp } from '../support/rest.ts';

const { anomalies } = STREAMS;
const RESCAN_MS = 300_001;
const listed = z.object({ symbols: z.array(z.string()) });

let database: TestDatabase;
let client: pg.Client;
let pool: pg.Pool;
const runs = new Runs();

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  client = await database.connect();
  pool = new pg.Pool({ ...database.config, max: 2 });
});
afterAll(async () => {
  await pool?.end();
  await database?.drop();
});
beforeEach(async () => {
  await client.query(`truncate ${STREAM_LIST.map(({ table }) => table).join(', ')} restart identity`);
});

async function here(bound: number | null = null): Promise<Position> {
  const { rows } = await client.query<{ snapshot: string; started: string }>(
    `select pg_current_snapshot()::text as snapshot,
       (extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint::text as started`,
  );
  const snapshot = parseSnapshot(rows[0]?.snapshot ?? '');
  const run = await runs.name(rows[0]?.started ?? '', client);
  return { run, all: snapshot, recent: snapshot, bound, highest: 0n };
}

async function insert(symbol: string, by: pg.Client = client, time = 'now()'): Promise<void> {
  await by.query(
    `insert into anomalies ("timestamp", symbol, data_type, value, z_score) values (${time}, $1, 'd', 0, 0)`,
    [symbol],
  );
}

const remove = (symbol: string) => client.query('delete from anomalies where symbol = $1', [symbol]);

describe('a list that the feed keeps', () => {
  it('is answered from memory, in order, until it is scanned for again', async () => {
    let now = 0;
    const known = new KnownKeys(pool, undefined, () => now);
    for (const symbol of ['B', 'A', 'Ä', 'a']) await insert(symbol);
    await known.begin('anomalies', await here());
    expect(await known.keys(anomalies)).toEqual(['A', 'B', 'a', 'Ä']);
    await remove('B');
    // Still told of: it was not looked up.
    expect(await known.keys(anomalies)).toEqual(['A', 'B', 'a', 'Ä']);
    now = RESCAN_MS;
    await expect.poll(() => known.keys(anomalies)).toEqual(['A', 'a', 'Ä']);
  });

  it.each([null, 0])(
    'has a key as soon as its row is committed, before the feed brought it (bound %s)',
    async (bound) => {
      const known = new KnownKeys(pool);
      const writer = await database.connect();
      await insert('A');
      await writer.query('begin');
      await insert('LATE', writer);
      await known.begin('anomalies', await here(bound));
      expect(await known.keys(anomalies)).toEqual(['A']);
      await insert('NEW');
      expect(await known.keys(anomalies)).toEqual(['A', 'NEW']);
      // Its transaction was running when the feed began.
      await writer.query('commit');
      expect(await known.keys(anomalies)).toEqual(['A', 'LATE', 'NEW']);
      await writer.query('begin');
      await insert('NEVER', writer);
      await writer.query('rollback');
      expect(await known.keys(anomalies)).toEqual(['A', 'LATE', 'NEW']);
    },
  );

  it('has what the feed brings: rows of before the time that a look reaches back to come by it alone', async () => {
    const known = new KnownKeys(pool);
    await known.begin('anomalies', await here(Date.now() - 3_600_000));
    await insert('OLD', client, `now() - interval '1 day'`);
    expect(await known.keys(anomalies)).toEqual([]);
    known.seen('anomalies', [{ key: 'OLD' }]);
    known.reached('anomalies', await here(Date.now() - 3_600_000));
    expect(await known.keys(anomalies)).toEqual(['OLD']);
  });

  it('is looked up where the feed does not follow the stream, or followed another run of the server', async () => {
    const known = new KnownKeys(pool);
    await insert('A');
    await known.begin('anomalies', { ...(await here()), run: 'epoch~1' });
    await insert('B');
    await remove('A');
    expect(await known.keys(anomalies)).toEqual(['B']);
    known.seen('anomalies', [{ key: 'B' }]);
    known.reached('anomalies', await here());
    expect(await known.keys(anomalies)).toEqual(['A', 'B']);
    known.end('anomalies');
    known.seen('anomalies', [{ key: 'C' }]);
    expect(await known.keys(anomalies)).toEqual(['B']);
  });

  it('says when it could not be read, and is read at the next request', async () => {
    const failures: unknown[] = [];
    const known = new KnownKeys(pool, (stream) => failures.push(stream));
    await insert('A');
    await client.query('alter table anomalies rename to elsewhere');
    await known.begin('anomalies', await here());
    expect(failures).toEqual(['anomalies']);
    await client.query('alter table elsewhere rename to anomalies');
    await expect
      .poll(async () => {
        await insert('B');
        const keys = await known.keys(anomalies);
        await remove('B');
        return [keys, await known.keys(anomalies)];
      })
      .toEqual([
        ['A', 'B'],
        ['A', 'B'],
      ]);
  });

  it('keeps what is written while it is scanned for', async () => {
    let now = 0;
    const known = new KnownKeys(pool, undefined, () => now);
    for (const symbol of ['A', 'GONE']) await insert(symbol);
    await known.begin('anomalies', await here());
    await remove('GONE');
    await client.query('begin');
    await client.query('lock table anomalies in access exclusive mode');
    now = RESCAN_MS;
    const waiting = known.keys(anomalies);
    known.seen('anomalies', [{ key: 'MEANWHILE' }]);
    await client.query('commit');
    await waiting;
    await expect.poll(() => known.keys(anomalies)).toEqual(['A', 'MEANWHILE']);
  });
});

describe('GET /api/symbols', () => {
  it('is of every symbol stream that is on', async () => {
    const known = new KnownKeys(pool);
    const rest = await restApp(database.config, { keys: known });
    for (const stream of STREAM_LIST) await known.begin(stream.name, await here());
    await insert('A');
    await client.query(
      `insert into funding_rates ("timestamp", symbol, exchange, funding_rate) values (now(), 'B', 'e', 0), (now(), 'A', 'e', 0)`,
    );
    await client.query(`insert into system_metrics ("timestamp", metric_name, metric_value) values (now(), 'cpu', 0)`);
    const get = async (url: string) => (await rest.app.inject({ method: 'GET', url })).json();
    expect(await get('/api/symbols')).toEqual({ symbols: ['A', 'B'] });
    expect(await get('/api/streams/anomalies/keys')).toEqual({ stream: 'anomalies', keys: ['A'] });
    expect(await get('/api/streams/system_metrics/keys')).toEqual({ stream: 'system_metrics', keys: ['cpu'] });
    rest.status.streams.set('funding_rates', { state: 'off', reason: 'r', mend: 'm' });
    expect(await get('/api/symbols')).toEqual({ symbols: ['A'] });
    await rest.close();
  });

  it('has a symbol as soon as its row is committed, in the whole service', async () => {
    const dashboard = await startDashboard(database.url, { DASHBOARD_TICK_SECONDS: '60' });
    try {
      const ask = async (path: string): Promise<unknown> => (await fetch(`${dashboard.url}${path}`)).json();
      await expect.poll(() => ask('/api/health'), { timeout: 30_000 }).toMatchObject({ status: 'healthy' });
      for (const symbol of ['C', 'A', 'B']) {
        await insert(symbol);
        const { symbols } = listed.parse(await ask('/api/symbols'));
        expect(symbols).toContain(symbol);
        expect(symbols).toEqual([...symbols].sort());
      }
    } finally {
      await dashboard.stop();
    }
  });
});
