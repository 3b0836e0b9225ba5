/** Rows out of the REST interface against a real database: pages while rows are written, of one key and of all, and CSV. */
import { parse } from 'csv-parse/sync';
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { STREAM_LIST } from '../../shared/streams.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { pick, seeded, seeds, withSeed } from '../support/random.ts';
import { type RestApp, restApp } from '../support/rest.ts';
import { BEFORE_ALL, HYPERTABLES } from '../support/timescale.ts';

const FILE = 'test/integration/rows.test.ts';
const NOW = Date.UTC(2026, 0, 15, 12, 30, 20);
const page = z.object({
  rows: z.array(z.looseObject({ id: z.number(), timestamp: z.number() })),
  next_cursor: z.nullable(z.string()),
});
type Row = z.infer<typeof page>['rows'][number];

let database: TestDatabase;
let client: pg.Client;
let rest: RestApp;

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  client = await database.connect();
  rest = await restApp(database.config, { now: () => NOW });
});
afterAll(async () => {
  await rest?.close();
  await database?.drop();
});
beforeEach(async () => {
  await client.query(`truncate ${STREAM_LIST.map(({ table }) => table).join(', ')} restart identity`);
  rest.status.streams.clear();
  rest.status.database = 'up';
});

const get = (url: string) => rest.app.inject({ method: 'GET', url });

/** Reads pages until there is none; `between` runs after each. */
async function pages(url: string, between: () => Promise<void> = async () => {}): Promise<Row[]> {
  const rows: Row[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const reply = await get(`${url}${cursor === '' ? '' : `&cursor=${cursor}`}`);
    expect(reply.statusCode, reply.body).toBe(200);
    const { rows: more, next_cursor: next } = page.parse(reply.json());
    rows.push(...more);
    cursor = next;
    await between();
  }
  return rows;
}

/** Ids in the order of pages, as the database sorts them. */
async function idsOf(table: string, where = 'true'): Promise<number[]> {
  const { rows } = await client.query<{ id: number }>(
    `select id from ${table} where ${where} and "timestamp" > '-infinity' and "timestamp" < 'infinity'
     order by "timestamp" desc, id desc`,
  );
  return rows.map(({ id }) => id);
}

const idsIn = (rows: readonly Row[]): number[] => rows.map(({ id }) => id);

const idsOfCsv = (text: string): number[] =>
  z
    .array(z.object({ id: z.coerce.number() }))
    .parse(parse(text, { columns: true }))
    .map(({ id }) => id);

/** Times a microsecond apart, equal ones, hours ahead, years ago, and in clusters. */
function randomTime(random: () => number): string {
  const offset = pick(random, [
    0,
    0,
    0,
    -1,
    -60_000,
    -3_600_000,
    5 * 3_600_000,
    -400 * 86_400_000,
    -80 * 365 * 86_400_000,
  ]);
  const micros = Math.floor(random() * pick(random, [2, 5, 1000, 100_000_000]));
  return `(timestamptz '2026-01-15 12:30:20Z' + interval '${offset} ms' - interval '${micros} us')`;
}

async function insertRandom(random: () => number, table: string, lines: number, count: number): Promise<void> {
  const values = Array.from({ length: count }, () => {
    const key = Math.floor(random() * lines);
    return `(${randomTime(random)}, 'K${key % 40}/USDT', 'e${key % 3}', 1)`;
  });
  const columns: Readonly<Record<string, string>> = {
    funding_rates: 'symbol, exchange, funding_rate',
    anomalies: 'symbol, data_type, value, z_score',
    performance_metrics: 'symbol, strategy_id, pnl',
    system_metrics: 'metric_name, metric_unit, metric_value',
  };
  const rows = table === 'anomalies' ? values.map((value) => value.replace(/, 1\)$/, ', 1, 2)')) : values;
  await client.query(`insert into ${table} ("timestamp", ${columns[table]}) values ${rows.join(', ')}`);
}

describe.each(seeds(1))('pages of rows (seed %d)', (seed) => {
  const cases = ['funding_rates', 'anomalies', 'performance_metrics', 'system_metrics'].flatMap((table) => [
    { table, query: '', lines: 3, where: 'true' },
    { table, query: '', lines: 400, where: 'true' },
    { table, query: '&key=K1/USDT', lines: 6, where: 'K1' },
    { table, query: '&from=2026-01-15T11:30:20Z&to=2026-01-15T12:30:20%2B00:00', lines: 400, where: 'range' },
  ]);

  it.each(cases)(
    'of $table ($lines lines) $query have every row once, in order, while rows are written',
    async (one) => {
      await withSeed(seed, FILE, async () => {
        const random = seeded(seed);
        const { table, query, lines } = one;
        const keyColumn = table === 'system_metrics' ? 'metric_name' : 'symbol';
        const conditions: Readonly<Record<string, string>> = {
          true: 'true',
          K1: `${keyColumn} = 'K1/USDT'`,
          range: `"timestamp" >= '2026-01-15 11:30:20Z' and "timestamp" < '2026-01-15 12:30:20Z'`,
        };
        const where = conditions[one.where] ?? 'false';
        for (let part = 0; part < 3; part += 1) await insertRandom(random, table, lines, 400);
        await client.query(`analyze ${table}`);
        const url = `/api/streams/${table}/rows?limit=${pick(random, [1, 37, 100, 250].slice(1))}${query}`;
        expect(idsIn(await pages(url))).toEqual(await idsOf(table, where));

        const before = await idsOf(table, where);
        const rows = await pages(url, () => insertRandom(random, table, lines, 25));
        const ids = idsIn(rows);
        expect(new Set(ids).size, 'rows given twice').toBe(ids.length);
        expect(
          before.filter((id) => !ids.includes(id)),
          'rows lost',
        ).toEqual([]);
        const after = await idsOf(table, where);
        expect(ids, 'order').toEqual(after.filter((id) => ids.includes(id)));
      });
    },
  );
});

describe('a page', () => {
  it('is of one series where it is asked for, in any stream that has some', async () => {
    for (const [table, series] of [
      ['funding_rates', 'exchange'],
      ['anomalies', 'data_type'],
    ] as const) {
      await insertRandom(seeded(1), table, 400, 300);
      expect(idsIn(await pages(`/api/streams/${table}/rows?limit=50&series=e1`))).toEqual(
        await idsOf(table, `${series} = 'e1'`),
      );
      expect(idsIn(await pages(`/api/streams/${table}/rows?limit=3&key=K1/USDT&series=e1`))).toEqual(
        await idsOf(table, `${series} = 'e1' and symbol = 'K1/USDT'`),
      );
    }
  });

  it('is read alike with an index on the time and without one', async () => {
    await insertRandom(seeded(2), 'anomalies', 400, 500);
    const expected = await idsOf('anomalies');
    expect(idsIn(await pages('/api/streams/anomalies/rows?limit=70'))).toEqual(expected);
    await client.query('create index by_time on anomalies ("timestamp")');
    expect(idsIn(await pages('/api/streams/anomalies/rows?limit=70'))).toEqual(expected);
    await client.query('drop index by_time');
  });

  it('is read alike of a table in parts, whose keys nobody lists', async () => {
    await client.query('alter table anomalies rename to whole');
    await client.query('create table anomalies (like whole including defaults) partition by range ("timestamp")');
    await client.query(
      `create table anomalies_recent partition of anomalies for values from ('2026-01-15 12:00Z') to ('2026-01-15 13:00Z');
       create table anomalies_other partition of anomalies default;
       create index on anomalies (symbol, "timestamp" desc)`,
    );
    await insertRandom(seeded(6), 'anomalies', 400, 700);
    const read = async (query: string) => idsIn(await pages(`/api/streams/anomalies/rows?limit=60${query}`));
    expect(await read('')).toEqual(await idsOf('anomalies'));
    expect(await read('&series=e1')).toEqual(await idsOf('anomalies', `data_type = 'e1'`));
    expect(await read('&key=K1/USDT')).toEqual(await idsOf('anomalies', `symbol = 'K1/USDT'`));
    expect(await read('&key=K1/USDT&series=e1')).toEqual(
      await idsOf('anomalies', `symbol = 'K1/USDT' and data_type = 'e1'`),
    );
    const { keys } = (await get('/api/streams/anomalies/keys')).json();
    const { rows } = await client.query<{ symbol: string }>('select distinct symbol from anomalies');
    expect(keys).toEqual(rows.map(({ symbol }) => symbol).sort());
    await client.query('drop table anomalies');
    await client.query('alter table whole rename to anomalies');
  });

  it('has rows whose series is null, and none of infinite time', async () => {
    await client.query('alter table performance_metrics alter column strategy_id drop not null');
    await client.query(
      `insert into performance_metrics ("timestamp", symbol, strategy_id, pnl)
       values (now(), 'A', null, 1), (now(), 'A', 's', 2), ('infinity', 'A', 's', 3), ('${BEFORE_ALL}', 'A', null, 4)`,
    );
    const rows = await pages('/api/streams/performance_metrics/rows?limit=1');
    expect(rows.map(({ pnl }) => pnl)).toEqual([2, 1]);
    expect(idsIn(await pages('/api/streams/performance_metrics/rows?limit=1&key=A'))).toEqual([2, 1]);
  });

  it('keeps rows of one place together, where a table without a key has them', async () => {
    await client.query('alter table system_metrics drop constraint system_metrics_pkey');
    await client.query(
      `insert into system_metrics (id, "timestamp", metric_name, metric_value)
       select i / 3, to_timestamp(1700000000 + i / 3), 'm', i from generate_series(3, 32) i`,
    );
    const values = (await pages('/api/streams/system_metrics/rows?limit=4')).map(({ metric_value: value }) => value);
    expect(values.length).toBe(30);
    expect(new Set(values).size).toBe(30);
    await client.query('alter table system_metrics alter column id drop not null');
    await client.query(
      `insert into system_metrics (id, "timestamp", metric_name, metric_value)
       select null, to_timestamp(1700000005), 'm', i from generate_series(1, 3000) i`,
    );
    // No channel carries a row without an id; it must not hide the others of its time either.
    expect(await pages('/api/streams/system_metrics/rows?limit=4')).toHaveLength(30);
    await client.query('delete from system_metrics where id is null');
    await client.query('truncate system_metrics');
    await client.query(`alter table system_metrics add primary key (id${HYPERTABLES ? ', "timestamp"' : ''})`);
  });

  it('F8 keeps digits and has documents whole, as many as fit into memory at a time', async () => {
    await client.query(
      `insert into signal_predictions ("timestamp", symbol, signal_type, confidence, features)
       select to_timestamp(1700000000 + i), 'A', 't', 'NaN', jsonb_build_object('n', i, 'x',
         (select string_agg(md5(i::text || '/' || j), '') from generate_series(1, 10000) j))
       from generate_series(1, 30) i`,
    );
    const reply = await get('/api/streams/signal_predictions/rows');
    expect(reply.body.length).toBeGreaterThan(30 * 320_000);
    const { rows } = page.parse(reply.json());
    expect(rows.map(({ id }) => id)).toEqual(Array.from({ length: 30 }, (_, index) => 30 - index));
    expect(rows[0]).toMatchObject({ confidence: 'NaN', features: { n: 30 }, predicted_pnl: null });
    await client.query(
      `insert into funding_rates ("timestamp", symbol, exchange, funding_rate) values (to_timestamp(1.000001), 'A', 'e', 0.00000001)`,
    );
    const { body } = await get('/api/streams/funding_rates/rows');
    expect(body).toContain('"timestamp":1000.001,');
    expect(body).toContain('"funding_rate":0.00000001,"estimated_rate":null');
    expect(body).toMatch(/\}\],"next_cursor":null\}$/);
  });

  it('says with the cursor whether another follows', async () => {
    await insertRandom(seeded(3), 'anomalies', 5, 10);
    const of = async (limit: number) => page.parse((await get(`/api/streams/anomalies/rows?limit=${limit}`)).json());
    expect((await of(10)).next_cursor).toBeNull();
    expect((await of(9)).next_cursor).toMatch(/^[\w-]+$/);
    expect(await (await get('/api/streams/system_metrics/rows')).json()).toEqual({ rows: [], next_cursor: null });
  });
});

describe('the short routes', () => {
  it('give anomalies of a symbol and metrics of a name, or all, newest first from a time on', async () => {
    await insertRandom(seeded(4), 'anomalies', 400, 200);
    await insertRandom(seeded(4), 'system_metrics', 400, 200);
    expect(idsIn(await pages('/api/anomalies?limit=60'))).toEqual(await idsOf('anomalies'));
    expect(idsIn(await pages('/api/anomalies?symbol=K1/USDT'))).toEqual(await idsOf('anomalies', `symbol = 'K1/USDT'`));
    expect(idsIn(await pages('/api/system-metrics?limit=60'))).toEqual(await idsOf('system_metrics'));
    expect(idsIn(await pages(`/api/system-metrics?metric_name=K2/USDT&start_time=${NOW}`))).toEqual(
      await idsOf('system_metrics', `metric_name = 'K2/USDT' and "timestamp" >= '2026-01-15 12:30:20Z'`),
    );
  });
});

describe('anomalies of a least |z|', () => {
  it.each([
    ['of all symbols', '', 'true'],
    ['of one', '&symbol=K1/USDT', `symbol = 'K1/USDT'`],
  ])('%s are those of either sign, however few they are, and never NaN', async (_, more, where) => {
    await insertRandom(seeded(5), 'anomalies', 400, 200);
    await client.query(`update anomalies set z_score = case id % 40 when 0 then 5 when 1 then -4.5 when 2 then 'NaN'
      when 3 then '-Infinity' when 4 then 4.49 else id % 4 end`);
    const strong = `${where} and id % 40 in (0, 1, 3)`;
    expect(idsIn(await pages(`/api/anomalies?limit=7&min_z=4.5${more}`))).toEqual(await idsOf('anomalies', strong));
    expect(idsIn(await pages(`/api/anomalies?limit=100&min_z=0${more}`))).toEqual(
      await idsOf('anomalies', `${where} and id % 40 <> 2`),
    );
    expect(idsIn(await pages(`/api/anomalies?min_z=4.5&start_time=${NOW}${more}`))).toEqual(
      await idsOf('anomalies', `${strong} and "timestamp" >= '2026-01-15 12:30:20Z'`),
    );
  });
});

describe('CSV', () => {
  it('is parsed back to the rows of the table', async () => {
    await client.query(
      `insert into signal_predictions ("timestamp", symbol, signal_type, confidence, predicted_pnl, features, metadata, created_at)
       select timestamptz '2026-01-15 12:30:20.123456Z' - (i / 3) * interval '1.000001 seconds', 'S' || i % 20, 'a "b", ' || i % 3,
         i / 7.0, case i % 3 when 0 then null when 1 then 'NaN'::float8 else -i end,
         case when i % 2 = 0 then jsonb_build_object('text', E'comma, "quote"\\r\\nline ' || i) end, '[]', null
       from generate_series(1, 5000) i`,
    );
    const reply = await get('/api/streams/signal_predictions/rows?format=csv');
    expect(reply.statusCode).toBe(200);
    expect(reply.headers).toMatchObject({
      'content-type': 'text/csv; charset=utf-8; header=present',
      'content-disposition': 'attachment; filename="signal_predictions-20260115T123020Z.csv"',
      'cache-control': 'no-store',
    });
    const { rows } = await client.query({
      text: `select id::text, to_char("timestamp" at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), symbol, signal_type,
        confidence::text, coalesce(predicted_pnl::text, ''), coalesce(features::text, ''), metadata::text, ''
        from signal_predictions s order by s."timestamp" desc, s.id desc`,
      rowMode: 'array',
    });
    const header = [
      'id',
      'timestamp',
      'symbol',
      'signal_type',
      'confidence',
      'predicted_pnl',
      'features',
      'metadata',
      'created_at',
    ];
    expect(parse(reply.body, { recordDelimiter: '\r\n' })).toEqual([header, ...rows]);
  });

  it('is of what was asked for: key, series, range, limit, cursor', async () => {
    await insertRandom(seeded(5), 'funding_rates', 400, 600);
    const ids = async (query: string): Promise<number[]> => {
      const reply = await get(`/api/streams/funding_rates/rows?format=csv${query}`);
      expect(reply.statusCode, reply.body).toBe(200);
      return idsOfCsv(reply.body);
    };
    const all = await idsOf('funding_rates');
    expect(await ids('')).toEqual(all);
    expect(await ids('&limit=100')).toEqual(all.slice(0, 100));
    const { next_cursor: cursor } = page.parse((await get('/api/streams/funding_rates/rows?limit=150')).json());
    expect(await ids(`&cursor=${cursor}`)).toEqual(all.slice(150));
    expect(await ids('&key=K1/USDT&series=e1')).toEqual(
      await idsOf('funding_rates', `symbol = 'K1/USDT' and exchange = 'e1'`),
    );
    const named = await get('/api/streams/funding_rates/rows?format=csv&key=K1/USDT:X%22%0D%0A&limit=1');
    expect(named.statusCode).toBe(400);
    const quoted = await get('/api/streams/funding_rates/rows?format=csv&key=BTC/"USDT&series=é&limit=1');
    expect(quoted.headers['content-disposition']).toBe(
      'attachment; filename="funding_rates-BTC-USDT---20260115T123020Z.csv"',
    );
    expect(quoted.body).toMatch(/^id,timestamp,symbol,exchange,[\w,]+\r\n$/);
  });

  it('answers HEAD without reading', async () => {
    await client.query('begin');
    await client.query('lock table funding_rates in access exclusive mode');
    const reply = await rest.app.inject({ method: 'HEAD', url: '/api/streams/funding_rates/rows?format=csv' });
    await client.query('rollback');
    expect([reply.statusCode, reply.headers['content-type'], reply.body]).toEqual([
      200,
      'text/csv; charset=utf-8; header=present',
      '',
    ]);
  });
});
