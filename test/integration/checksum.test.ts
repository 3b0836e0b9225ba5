/** The checksum route on a real database: held to what a page computes of the rows that it was sent, and to its own rules. */
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Channel } from '../../client/series/channel.ts';
import { heldSums } from '../../client/trust/held.ts';
import { readSnapshot } from '../../server/db/history.ts';
import { inReadTransaction } from '../../server/db/queryable.ts';
import { createAccess } from '../../server/http/auth.ts';
import { bucketStart } from '../../shared/m4.ts';
import { serverFrame } from '../../shared/protocol.ts';
import { STREAM_LIST, STREAM_NAMES, STREAMS, type StreamDeclaration } from '../../shared/streams.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { pick, seeded, seeds, withSeed } from '../support/random.ts';
import { type RestApp, restApp } from '../support/rest.ts';

const FILE = 'test/integration/checksum.test.ts';
const HOUR = 3_600_000;
const START = Date.UTC(2026, 0, 15, 12);
const RANGE = HOUR;

let database: TestDatabase;
let client: pg.Client;
let rest: RestApp;

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  client = await database.connect();
  rest = await restApp(database.config);
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

type Random = () => number;

/** Rows of two keys and three series within an hour and a quarter, with every number that is none, in no order of time. */
async function write(stream: StreamDeclaration, random: Random, count: number): Promise<void> {
  const odd = (usual: number): string | null =>
    pick(random, [
      String(usual),
      String(usual),
      String(Math.floor(usual * 4)),
      'NaN',
      'Infinity',
      '-Infinity',
      '-0',
      null,
    ]);
  const rows = Array.from({ length: count }, () => {
    const row: Record<string, string | null> = {
      timestamp: new Date(START + Math.floor(random() * 1.25 * HOUR))
        .toISOString()
        .replace('Z', `${pick(random, ['', '001', '999'])}Z`),
      [stream.key.name]: pick(random, ['BTC/USDT', 'BTC/USDT', 'ETH/USDT']),
    };
    if (stream.series !== null) row[stream.series.name] = pick(random, ['a', 'b', 'ü']);
    for (const { name, kind, required } of stream.values) {
      if (kind === 'decimal')
        row[name] = pick(random, [(random() / 100).toFixed(8), '0.00010000', required ? '0' : null]);
      else if (kind === 'integer') row[name] = pick(random, [String(Math.floor(random() * 9)), null]);
      else if (kind === 'timestamp')
        row[name] = pick(random, [new Date(START + Math.floor(random() * HOUR)).toISOString(), null]);
      else if (kind === 'text') row[name] = pick(random, ['%', null]);
      // An infinite threshold is the one number that a page and the database take differently.
      else if (name === 'threshold') row[name] = pick(random, ['3', '2.5', 'NaN', null]);
      else row[name] = odd(random() * 8 - 4) ?? (required ? 'NaN' : null);
    }
    return row;
  });
  const names = Object.keys(rows[0] ?? {})
    .map((name) => `"${name}"`)
    .join(', ');
  await client.query(
    `insert into ${stream.table} (${names}) select ${names} from json_populate_recordset(null::${stream.table}, $1)`,
    [JSON.stringify(rows)],
  );
}

/** The highest id so far. */
async function lastId(stream: StreamDeclaration): Promise<number> {
  const { rows } = await client.query<{ id: number | null }>(`select max(id)::int as id from ${stream.table}`);
  return rows[0]?.id ?? 0;
}

/** A page's channel, loaded at `now` in buckets of so many ms. */
async function load(
  stream: StreamDeclaration,
  key: string,
  now: number,
  window: { bucketMs: number; points: number },
): Promise<Channel> {
  const request = {
    keys: [key],
    range: { kind: 'window', ms: RANGE },
    resolution: { bucketMs: window.bucketMs, columns: window.points },
    now,
    pointLimit: 100_000,
  } as const;
  const texts = await inReadTransaction(rest.pool, async (transaction) => {
    const found: string[] = [];
    for await (const { body } of readSnapshot(transaction, stream, request)) found.push(body.text);
    return found;
  });
  const head = JSON.stringify({ type: 'snapshot', id: 's', stream: stream.name, key, cursor: 'c' }).slice(0, -1);
  const frame = serverFrame.parse(JSON.parse(`${head},${texts[0]}`));
  if (frame.type !== 'snapshot') throw new Error('no snapshot');
  return new Channel(stream, key, { rangeMs: RANGE, ...window }, now, frame);
}

/** The rows after an id, as deltas of a few each. */
async function follow(
  stream: StreamDeclaration,
  channel: Channel,
  after: number,
  time: number,
  random: Random,
): Promise<void> {
  const { rows } = (await get(`/api/streams/${stream.name}/rows?key=${channel.key}&limit=10000`)).json();
  const fresh = rows
    .filter((row: { id: number }) => row.id > after)
    .sort((a: { id: number }, b: { id: number }) => a.id - b.id);
  const about = { type: 'delta', stream: stream.name, key: channel.key, prev: 'p', cursor: 'c', time, via: 'notify' };
  for (let at = 0; at < fresh.length; ) {
    const some = 1 + Math.floor(random() * 9);
    const frame = serverFrame.parse({ ...about, rows: fresh.slice(at, at + some) });
    if (frame.type === 'delta') channel.append(frame);
    at += some;
  }
}

const sums = async (stream: string, query: string) => (await get(`/api/streams/${stream}/checksum?${query}`)).json();

describe('GET /api/streams/{stream}/checksum', () => {
  describe.each(STREAM_NAMES)('of %s', (name) => {
    const stream = STREAMS[name];

    it('is that of a page that was sent a snapshot and rows since, late ones too, and of no other', async () => {
      for (const seed of seeds(3, [1, 7])) {
        await withSeed(seed, FILE, async () => {
          await client.query(`truncate ${stream.table} restart identity`);
          const random = seeded(seed);
          const bucketMs = pick(random, [5000, 60_000, 180_000]);
          const points = Math.ceil(RANGE / bucketMs) + 1;
          const pixelMs = bucketMs * pick(random, [1, 2]);
          const now = START + HOUR;
          await write(stream, random, pick(random, [30, 400, 3000]));
          const before = await lastId(stream);
          const page = await load(stream, 'BTC/USDT', now, { bucketMs, points });
          await write(stream, random, pick(random, [5, 200]));
          await follow(stream, page, before, now + 30_000, random);
          page.slide(now + 60_000);
          const from = bucketStart(now + 60_000 - RANGE, pixelMs) + 2 * pixelMs;
          const span = { from, to: bucketStart(now - 60_000, pixelMs), bucketMs: pixelMs };
          const query = `key=BTC/USDT&from=${span.from}&to=${span.to}&bucket_ms=${pixelMs}&parts=8`;
          const told = await sums(name, query);
          expect(told).toMatchObject({ stream: name, key: 'BTC/USDT', comparable: true });
          expect(heldSums(page.view(now), span, 8)).toEqual(told.parts);
          expect(told.parts.reduce((sum: number, { rows }: { rows: number }) => sum + rows, 0)).toBeGreaterThan(0);
          // A fresh page holds the same; one that a row is missing in does not.
          expect(heldSums((await load(stream, 'BTC/USDT', now, { bucketMs, points })).view(now), span, 8)).toEqual(
            told.parts,
          );
          await client.query(
            `delete from ${stream.table} where id in (select id from ${stream.table} where ${stream.key.name} = 'BTC/USDT'
               and "timestamp" >= to_timestamp($1::float8 / 1000) and "timestamp" < to_timestamp($2::float8 / 1000))`,
            [span.from, span.to],
          );
          const emptied = await sums(name, query);
          expect(emptied.parts.map(({ rows, hash }: { rows: number; hash: string }) => [rows, hash])).toEqual(
            told.parts.map(() => [0, '0'.repeat(16)]),
          );
        });
      }
    });

    it('is of no rows for a key that has none', async () => {
      const told = await sums(name, `key=NONE&from=${START}&to=${START + HOUR}&bucket_ms=60000`);
      expect(told).toEqual({
        stream: name,
        key: 'NONE',
        from: START,
        to: START + HOUR,
        bucket_ms: 60_000,
        comparable: true,
        parts: [{ from: START, to: START + HOUR, rows: 0, hash: '0'.repeat(16) }],
      });
    });
  });

  it('tells a row that was changed, and where', async () => {
    const stream = STREAMS.funding_rates;
    await write(stream, seeded(9), 300);
    const query = `key=BTC/USDT&from=${START}&to=${START + HOUR}&bucket_ms=60000&parts=12`;
    const before = await sums('funding_rates', query);
    await client.query(
      `update funding_rates set funding_rate = 0.09 where id = (select min(id) from funding_rates
         where symbol = 'BTC/USDT' and "timestamp" >= to_timestamp($1) and "timestamp" < to_timestamp($1) + interval '5 minutes')`,
      [START / 1000],
    );
    const after = await sums('funding_rates', query);
    const changed = after.parts.flatMap(({ hash, from }: { hash: string; from: number }, index: number) =>
      hash === before.parts[index].hash ? [] : [from],
    );
    expect(changed).toEqual([START]);
  });

  it('compares no points that are so many that they are thinned', async () => {
    await client.query(
      `insert into anomalies ("timestamp", symbol, data_type, value, z_score)
       select to_timestamp($1) + i * interval '0.5 second', 'BTC/USDT', 'volume', i, 4 from generate_series(1, 6000) i`,
      [START / 1000],
    );
    const told = await sums('anomalies', `key=BTC/USDT&from=${START}&to=${START + HOUR}&bucket_ms=60000`);
    expect(told).toMatchObject({ comparable: false, parts: [] });
  });
});

describe('what is wrong', () => {
  const at = `from=${START}&to=${START + HOUR}`;
  it.each<[string, readonly (readonly [string, RegExp])[]]>([
    [`${at}&bucket_ms=60000`, [['key', /missing; give one key of the stream/]]],
    [`key=&${at}&bucket_ms=60000`, [['key', /"" is not accepted/]]],
    [`key=a&key=b&${at}&bucket_ms=60000`, [['key', /\["a","b"\].*once/]]],
    [`key=%00&${at}&bucket_ms=60000`, [['key', /\\u0000/]]],
    [
      'key=a',
      [
        ['from', /missing/],
        ['to', /missing/],
        ['bucket_ms', /missing/],
      ],
    ],
    [`key=a&from=${START}&bucket_ms=60000`, [['to', /missing/]]],
    [`key=a&${at}`, [['bucket_ms', /missing/]]],
    [`key=a&from=soon&to=${START}&bucket_ms=60000`, [['from', /"soon".*epoch milliseconds/]]],
    [`key=a&${at}&bucket_ms=0`, [['bucket_ms', /"0".*from 1 to/]]],
    [`key=a&${at}&bucket_ms=1.5`, [['bucket_ms', /"1.5"/]]],
    [`key=a&from=${START + 1}&to=${START + HOUR}&bucket_ms=60000`, [['from', /not the edge of a bucket.*60000/]]],
    [`key=a&from=${START}&to=${START + HOUR + 1}&bucket_ms=60000`, [['to', /not the edge of a bucket/]]],
    [`key=a&from=${START + 0.5}&to=${START + HOUR}&bucket_ms=1000`, [['from', /not the edge/]]],
    [`key=a&from=${START}&to=${START}&bucket_ms=60000`, [['to', /0 ms after from/]]],
    [`key=a&from=${START}&to=${START - HOUR}&bucket_ms=60000`, [['to', /-3600000 ms after from/]]],
    [`key=a&from=${START}&to=${START + 9 * 24 * HOUR}&bucket_ms=60000`, [['to', /at most 8 days/]]],
    [`key=a&${at}&bucket_ms=1`, [['bucket_ms', /3600000 buckets.*at most 10000/]]],
    [`key=a&${at}&bucket_ms=60000&parts=0`, [['parts', /"0".*from 1 to 64/]]],
    [`key=a&${at}&bucket_ms=60000&parts=65`, [['parts', /"65"/]]],
    [`key=a&${at}&bucket_ms=60000&symbol=a`, [['symbol', /no parameter.*key, from, to, bucket_ms, parts/]]],
  ])('400: %s', async (query, faults) => {
    const reply = await get(`/api/streams/funding_rates/checksum?${query}`);
    expect(reply.statusCode).toBe(400);
    expect(reply.headers['content-type']).toMatch(/^application\/problem\+json/);
    const { errors } = reply.json();
    expect(errors.map(({ path }: { path: string }) => path)).toEqual(faults.map(([path]) => path));
    for (const [index, [, message]] of faults.entries()) expect(errors[index].message).toMatch(message);
  });

  const good = `key=BTC/USDT&from=${START}&to=${START + HOUR}&bucket_ms=60000`;

  it('404: a stream that is none', async () => {
    const reply = await get(`/api/streams/rates/checksum?${good}`);
    expect(reply.statusCode).toBe(404);
    expect(reply.json().detail).toContain('"rates" is no stream');
  });

  it('405: another method', async () => {
    const reply = await rest.app.inject({ method: 'POST', url: `/api/streams/anomalies/checksum?${good}` });
    expect([reply.statusCode, reply.headers.allow]).toEqual([405, 'GET, HEAD']);
  });

  it('503: a stream that is off, with the reason and the mend; a database that is away', async () => {
    rest.status.streams.set('anomalies', { state: 'off', reason: 'the table is missing', mend: 'Run migrate.' });
    const off = await get(`/api/streams/anomalies/checksum?${good}`);
    expect(off.statusCode).toBe(503);
    expect(off.json()).toMatchObject({ reason: 'the table is missing', mend: 'Run migrate.' });
    expect((await get(`/api/streams/funding_rates/checksum?${good}`)).statusCode).toBe(200);
    rest.status.database = 'down';
    const away = await get(`/api/streams/funding_rates/checksum?${good}`);
    expect([away.statusCode, away.headers['retry-after']]).toEqual([503, '5']);
  });

  it('401: without a token where one is set', async () => {
    const access = createAccess({ kind: 'token', viewTokens: [{ name: 'wall', secret: 's3cret' }], writeTokens: [] });
    const guarded = await restApp(database.config, { access });
    try {
      const url = `/api/streams/funding_rates/checksum?${good}`;
      expect((await guarded.app.inject({ method: 'GET', url })).statusCode).toBe(401);
      const headers = { authorization: 'Bearer s3cret' };
      expect((await guarded.app.inject({ method: 'GET', url, headers })).statusCode).toBe(200);
    } finally {
      await guarded.close();
    }
  });
});
