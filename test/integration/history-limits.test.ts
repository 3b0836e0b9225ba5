/** What reading history may cost, against a real database: points, cursors, and the plans of its queries. */
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { windowQueries } from '../../server/db/history/window-sql.ts';
import { historyQueries } from '../../server/db/history-sql.ts';
import { LimitError, type SnapshotRequest } from '../../server/feed/ports.ts';
import { STREAM_LIST, STREAMS, type StreamDeclaration } from '../../shared/streams.ts';
import { readFrames } from '../support/history.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { HYPERTABLES } from '../support/timescale.ts';

const HOUR = 3_600_000;
const NOW = Date.UTC(2026, 0, 15, 12, 30, 20);
const at = (offset: number): Date => new Date(NOW + offset);

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  client = await database.connect();
});
afterAll(() => database.drop());
beforeEach(async () => {
  await client.query(`truncate ${STREAM_LIST.map(({ table }) => table).join(', ')}`);
});

const snapshots = (stream: StreamDeclaration, request: Partial<SnapshotRequest> = {}) =>
  readFrames(client, stream, { now: NOW, ...request });

async function metric(offset: number, value: string | number, name = 'latency', created = at(offset)): Promise<void> {
  await client.query(
    'insert into system_metrics ("timestamp", metric_name, metric_value, metric_unit, created_at) values ($1, $2, $3, $4, $5)',
    [at(offset), name, value, 'ms', created],
  );
}

describe('limits and plans', () => {
  it('F2 refuses more points than are allowed, with the figures', async () => {
    for (const name of ['a', 'b', 'c']) await metric(-1000, 1, name);
    const request = { resolution: { points: 100 }, pointLimit: 299 };
    await expect(snapshots(STREAMS.system_metrics, request)).rejects.toThrow(LimitError);
    await expect(snapshots(STREAMS.system_metrics, request)).rejects.toThrow(
      /3 keys.*100 points each are 300 points; at most 299/,
    );
    await expect(snapshots(STREAMS.system_metrics, { ...request, keys: ['a', 'b'] })).resolves.toHaveLength(2);
    await expect(
      snapshots(STREAMS.system_metrics, { keys: ['a'], resolution: { bucketMs: 1 }, pointLimit: 500_000 }),
    ).rejects.toThrow(/3600000 points; at most 500000/);
  });

  // The one chunk that a window lies in is read from its beginning to its end where that is most of it.
  it.skipIf(HYPERTABLES)('lists keys and reads lines without ever going through a whole table', async () => {
    await client.query(
      `insert into funding_rates ("timestamp", symbol, exchange, funding_rate)
       select $1::timestamptz - i * interval '1 second', 'S' || i % 20, 'e' || (i / 20) % 3, 0 from generate_series(1, 30000) i`,
      [at(0)],
    );
    await client.query(
      `insert into anomalies ("timestamp", symbol, data_type, value, z_score)
       select $1::timestamptz - i * interval '1 second', 'S' || i % 20, 'd', 0, 0 from generate_series(1, 30000) i`,
      [at(0)],
    );
    await client.query('analyze funding_rates, anomalies');
    const plan = async (text: string, values: readonly unknown[]): Promise<string> => {
      const { rows } = await client.query<{ 'QUERY PLAN': string }>({ text: `explain ${text}`, values: [...values] });
      return rows.map((row) => row['QUERY PLAN']).join('\n');
    };
    const rates = historyQueries(STREAMS.funding_rates);
    const anomalies = historyQueries(STREAMS.anomalies);
    const windows = windowQueries(STREAMS.funding_rates);
    expect([rates.lineByLine, anomalies.lineByLine]).toEqual([true, false]);
    const since = NOW - HOUR / 4;
    const plans = [
      await plan(rates.keys, []),
      await plan(rates.keysSince, [since]),
      await plan(rates.lines, [['S3']]),
      await plan(windows.reduced('line'), [['S3'], ['e1'], [since], [NOW], 1000, 100]),
      await plan(windows.few('line'), [['S3'], ['e1'], [since], [NOW], 1000]),
      await plan(windows.whole('line'), [['S3'], ['e1'], [since], [NOW]]),
      await plan(rates.newest('line'), [['S3'], ['e1']]),
      await plan(rates.arrivals('line'), [['S3'], ['e1'], NOW, 5000]),
      await plan(rates.newestArrival, [NOW]),
      await plan(anomalies.keys, []),
      await plan(anomalies.keysSince, [since]),
      await plan(windowQueries(STREAMS.anomalies).reduced('key'), [['S3'], [null], [since], [NOW], 1000, 100]),
      await plan(anomalies.newestOther, [['S3'], ['["d"]']]),
      await plan(anomalies.arrivals('key'), [['S3'], [null], NOW, 5000]),
    ];
    for (const text of plans) {
      expect(text).not.toContain('Seq Scan');
      expect(text).toContain('Index');
    }
  });

  it('reads the packs of a line by their key, also by a plan that serves for all values', async () => {
    await client.query(
      `insert into alphapulse_dashboard.rollups (stream, key, line, hour, width, rows, columns)
       select 'system_metrics', 'm' || key, '', to_timestamp($1::float8 / 1000) - hour * interval '1 hour', 180, 1, '{}'
       from generate_series(1, 50) key, generate_series(1, 168) hour`,
      [NOW],
    );
    await client.query('analyze alphapulse_dashboard.rollups');
    await client.query(
      `prepare packs (text, text[], float8, float8, int[], float8[], float8[], text[]) as ${windowQueries(STREAMS.system_metrics).packs}`,
    );
    try {
      for (const mode of ['force_custom_plan', 'force_generic_plan']) {
        await client.query(`set plan_cache_mode = ${mode}`);
        const { rows } = await client.query<{ 'QUERY PLAN': string }>(
          `explain execute packs ('system_metrics', '{m7}', ${NOW - 168 * HOUR}, ${NOW}, '{0,180}', '{}', '{}', '{""}')`,
        );
        const text = rows.map((row) => row['QUERY PLAN']).join('\n');
        expect(text, mode).toContain('rollups_pkey');
        expect(text, mode).not.toContain('rollups_hour');
      }
    } finally {
      await client.query('reset plan_cache_mode');
      await client.query('deallocate packs');
      await client.query('truncate alphapulse_dashboard.rollups');
    }
  });
});
