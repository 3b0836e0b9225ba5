/** Histories of many rows and many keys: reduced to the picture of all of them, through the cursor of the database. */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { Spacings } from '../../server/db/history/spacings.ts';
import { readChannels } from '../../server/db/history.ts';
import { listKeys, newestArrival } from '../../server/db/symbols.ts';
import type { SnapshotRequest } from '../../server/feed/ports.ts';
import { encodeColumns } from '../../server/feed/reduced.ts';
import { bucketFor, m4 } from '../../shared/m4.ts';
import { STREAMS, type StreamDeclaration } from '../../shared/streams.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';

const HOUR = 3_600_000;
const NOW = Date.UTC(2026, 0, 15, 12, 30, 20);
const ROWS = 30_000;

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  client = await database.connect();
  // Written newest first, so that the order of the table is not the order of time.
  await client.query(
    `insert into funding_rates ("timestamp", symbol, exchange, funding_rate, estimated_rate)
     select to_timestamp($1::float8 / 1000) - i * interval '2.5 seconds', 'BTC/USDT', 'e' || i % 3, (hashint4(i) % 10000) / 1e6,
       case when i % 7 = 0 then null else (hashint4(-i) % 10000) / 1e6 end
     from generate_series(1, ${ROWS}) i`,
    [NOW],
  );
  await client.query(
    `insert into anomalies ("timestamp", symbol, data_type, value, z_score, threshold)
     select to_timestamp($1::float8 / 1000) - i * interval '2.5 seconds', 'BTC/USDT', 'd' || i % 2, i,
       (hashint4(i) % 4000) / 1000.0, case when i % 5 = 0 then 2.5 end
     from generate_series(1, ${ROWS}) i`,
    [NOW],
  );
  await client.query(
    `insert into signal_predictions ("timestamp", symbol, signal_type, confidence)
     select to_timestamp($1::float8 / 1000) - i * interval '1 minute', 'S' || lpad((i % 1000)::text, 3, '0') || '/USDT', 't', 0.5
     from generate_series(0, 9999) i`,
    [NOW],
  );
  await client.query('analyze');
});
afterAll(() => database.drop());

const columns = z.record(z.string(), z.array(z.union([z.number(), z.string(), z.null()])));

/** Reads, with the JSON of the columns parsed. */
async function read(
  stream: StreamDeclaration,
  request: Partial<SnapshotRequest>,
  within: 'own' | 'savepoint' = 'own',
  spacings = new Spacings(),
) {
  // In a transaction of the test's own, what it has changed is seen.
  await client.query(within === 'own' ? 'begin isolation level repeatable read read only' : 'savepoint reading');
  try {
    const channels = [];
    const asked = {
      keys: null,
      range: { kind: 'window', ms: 24 * HOUR },
      resolution: { points: 300 },
      now: NOW,
      pointLimit: 500_000,
      ...request,
    } as const;
    for await (const channel of readChannels(client, stream, asked, { spacings })) {
      channels.push({
        ...channel,
        lines: channel.lines.map((line) => ({
          name: line.name,
          columns: columns.parse(JSON.parse(encodeColumns(stream, line))),
        })),
      });
    }
    return channels;
  } finally {
    await client.query(within === 'own' ? 'rollback' : 'rollback to savepoint reading');
  }
}

/** All rows of a line as numbers, in order of time. */
async function table(sql: string, series: string): Promise<readonly (readonly (number | null)[])[]> {
  const { rows } = await client.query<(string | null)[]>({ text: sql, values: [series], rowMode: 'array' });
  return rows.map((row) => row.map((cell) => (cell === null ? null : Number(cell))));
}

describe('reduction', () => {
  it.each([{ points: 300 }, { bucketMs: 77_000 }])('of a line is M4 of all its rows at %o', async (resolution) => {
    const [channel, ...others] = await read(STREAMS.funding_rates, { resolution });
    expect(others).toEqual([]);
    const bucketMs = 'bucketMs' in resolution ? resolution.bucketMs : bucketFor(24 * HOUR, resolution.points);
    expect(channel).toMatchObject({ key: 'BTC/USDT', reduced: true, bucketMs, rowsTotal: ROWS });
    expect(channel?.lines.map(({ name }) => name)).toEqual(['e0', 'e1', 'e2']);
    for (const line of channel?.lines ?? []) {
      const all = await table(
        `select extract(epoch from "timestamp") * 1000, funding_rate, estimated_rate from funding_rates
         where exchange = $1 order by "timestamp", id`,
        line.name ?? '',
      );
      const times = all.map(([time]) => time ?? 0);
      const kept = m4(
        { times, values: [all.map((row) => row[1] ?? null), all.map((row) => row[2] ?? null)] },
        bucketMs,
      );
      expect(kept.length).toBeLessThan(all.length);
      expect(line.columns).toEqual({
        timestamp: kept.map((index) => times[index]),
        funding_rate: kept.map((index) => all[index]?.[1]),
        estimated_rate: kept.map((index) => all[index]?.[2]),
        next_funding_time: kept.map(() => null),
      });
    }
  });

  it('is the same whether few rows are rightly, wrongly or not expected of a line', async () => {
    const withSpacing = (spacingMs: number | null): Spacings => {
      const spacings = new Spacings();
      for (const name of ['e0', 'e1', 'e2']) spacings.tell('BTC/USDT', name, spacingMs, NOW);
      return spacings;
    };
    // 30,000 rows of three lines are few for 2,000 buckets, and many for 300.
    for (const points of [300, 2000]) {
      const plain = await read(STREAMS.funding_rates, { resolution: { points } });
      for (const spacingMs of [null, 0, 7500, 3_600_000]) {
        const told = await read(STREAMS.funding_rates, { resolution: { points } }, 'own', withSpacing(spacingMs));
        const shown = (channels: typeof plain) => channels.map(({ lines, rowsTotal }) => ({ lines, rowsTotal }));
        expect(shown(told), `${points} points, ${spacingMs} ms`).toEqual(shown(plain));
      }
    }
  });

  it('shows a real as the row does, whether its rows are reduced or not', async () => {
    await client.query('begin');
    try {
      await client.query(`alter table system_metrics alter metric_value type real`);
      await client.query(
        `insert into system_metrics ("timestamp", metric_name, metric_value)
         select to_timestamp($1::float8 / 1000) - i * interval '1 second', 'real', i / 10.0 from generate_series(1, 3000) i`,
        [NOW],
      );
      for (const points of [16, 10_000]) {
        const request: Partial<SnapshotRequest> = { range: { kind: 'window', ms: HOUR }, resolution: { points } };
        const [channel] = await read(STREAMS.system_metrics, request, 'savepoint');
        const values = channel?.lines[0]?.columns.metric_value ?? [];
        expect(values.length).toBeGreaterThan(16);
        expect(values).toContain(0.1);
        for (const value of values) expect(Number.isInteger(Math.round(Number(value) * 1e9) / 1e8)).toBe(true);
      }
    } finally {
      await client.query('rollback');
    }
  });

  it('of anomalies keeps all at or above their own threshold, and the strongest below of every bucket', async () => {
    const [channel] = await read(STREAMS.anomalies, {});
    const bucketMs = bucketFor(24 * HOUR, 300);
    expect(channel).toMatchObject({ reduced: true, bucketMs, rowsTotal: ROWS });
    for (const line of channel?.lines ?? []) {
      const wanted = await table(
        `with own as (
           select *, abs(z_score) >= coalesce(threshold, 3) as strong,
             row_number() over (partition by floor(extract(epoch from "timestamp") * 1000 / ${bucketMs}),
               abs(z_score) >= coalesce(threshold, 3) order by abs(z_score) desc, "timestamp", id) as place
           from anomalies where data_type = $1)
         select extract(epoch from "timestamp") * 1000, value from own where strong or place = 1 order by "timestamp", id`,
        line.name ?? '',
      );
      expect(line.columns.timestamp).toEqual(wanted.map(([time]) => time));
      expect(line.columns.value).toEqual(wanted.map(([, value]) => value));
    }
  });

  it('of more anomalies than can be told apart keeps the strongest of every bucket, and counts them all', async () => {
    await client.query('begin');
    await client.query('update anomalies set threshold = 0.1');
    const [channel] = await read(STREAMS.anomalies, { resolution: { points: 16 } }, 'savepoint');
    await client.query('rollback');
    const bucketMs = bucketFor(24 * HOUR, 16);
    expect(channel).toMatchObject({ reduced: true, rowsTotal: ROWS });
    for (const line of channel?.lines ?? []) {
      const wanted = await table(
        `with own as (
           select *, row_number() over (partition by floor(extract(epoch from "timestamp") * 1000 / ${bucketMs})
             order by abs(z_score) desc, "timestamp", id) as rank
           from anomalies where data_type = $1)
         select extract(epoch from "timestamp") * 1000, value from own where rank <= 12 order by "timestamp", id`,
        line.name ?? '',
      );
      expect(wanted.length).toBeGreaterThan(16 * 11);
      expect(line.columns.value).toEqual(wanted.map(([, value]) => value));
    }
  });

  it('leaves lines alone that fit', async () => {
    const [channel] = await read(STREAMS.funding_rates, { resolution: { points: ROWS / 3 } });
    expect(channel).toMatchObject({ reduced: false, rowsTotal: ROWS });
    for (const line of channel?.lines ?? []) expect(line.columns.timestamp).toHaveLength(ROWS / 3);
  });
});

describe('a thousand symbols', () => {
  it('are read in one go, in order', async () => {
    const channels = await read(STREAMS.signal_predictions, { range: { kind: 'latest' } });
    expect(channels).toHaveLength(1000);
    expect(channels.map(({ key }) => key)).toEqual(channels.map(({ key }) => key).sort());
    expect(channels.every(({ lines }) => lines.length === 1)).toBe(true);
    const day = await read(STREAMS.signal_predictions, {
      range: { kind: 'window', ms: HOUR },
      resolution: { points: 100 },
    });
    expect(day.map(({ key }) => key)).toHaveLength(61);
  });

  it('are listed once each, sorted', async () => {
    const own = Array.from({ length: 1000 }, (_, index) => `S${String(index).padStart(3, '0')}/USDT`);
    expect(await listKeys(client, STREAMS.signal_predictions)).toEqual(own);
    expect(await listKeys(client, STREAMS.system_metrics)).toEqual([]);
  });
});

describe('the newest arrival', () => {
  it('is the last row written, though another is dated in the future', async () => {
    expect(await newestArrival(client, STREAMS.system_metrics, NOW)).toBeNull();
    const insert = async (name: string, timestamp: number, created: number | null): Promise<void> => {
      await client.query(
        'insert into system_metrics ("timestamp", metric_name, metric_value, created_at) values ($1, $2, 1, $3)',
        [new Date(timestamp), name, created === null ? null : new Date(created)],
      );
    };
    await insert('a', NOW + 5 * HOUR, NOW - 60_000);
    expect(await newestArrival(client, STREAMS.system_metrics, NOW)).toBe(NOW - 60_000);
    await insert('a', NOW - 5000, NOW - 4000);
    expect(await newestArrival(client, STREAMS.system_metrics, NOW)).toBe(NOW - 4000);
    await insert('b', NOW - 2 * HOUR, NOW - 3000);
    await insert('c', NOW, NOW + 3 * HOUR);
    await insert('d', NOW, null);
    expect(await newestArrival(client, STREAMS.system_metrics, NOW)).toBe(NOW - 3000);
  });

  it('is found where lines are ranges of an index as well', async () => {
    await client.query(
      `insert into funding_rates ("timestamp", symbol, exchange, funding_rate, created_at) values ($1, 'A/USDT', 'z', 0, $2)`,
      [new Date(NOW - HOUR), new Date(NOW - 1234)],
    );
    await client.query(`update funding_rates set created_at = $1 where exchange <> 'z'`, [new Date(NOW - HOUR)]);
    expect(await newestArrival(client, STREAMS.funding_rates, NOW)).toBe(NOW - 1234);
  });
});
