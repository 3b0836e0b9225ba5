/** Rows out of the REST interface where something is wrong: with what is asked for, with who asks, or with the database. */
import { once } from 'node:events';
import { get as httpGet, type IncomingMessage } from 'node:http';
import { parse } from 'csv-parse/sync';
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { STREAM_LIST, STREAM_NAMES } from '../../shared/streams.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { type RestApp, restApp } from '../support/rest.ts';

const ids = z.array(z.object({ id: z.coerce.number() }));

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

describe('a CSV of a million characters and more, over a socket', () => {
  let address: string;
  beforeAll(async () => {
    address = await rest.app.listen({ host: '127.0.0.1', port: 0 });
  });
  beforeEach(async () => {
    await client.query(
      `insert into anomalies ("timestamp", symbol, data_type, value, z_score, metadata)
       select to_timestamp(1700000000 + i), 'S' || i % 5, 'd', i, 1, jsonb_build_object('text', repeat('x', 600))
       from generate_series(1, 30000) i`,
    );
  });

  const open = async (): Promise<IncomingMessage> => {
    const request = httpGet(`${address}/api/streams/anomalies/rows?format=csv`, { agent: false });
    const [response]: IncomingMessage[] = await once(request, 'response');
    if (response === undefined) throw new Error('no response');
    return response;
  };
  /** Connections that are in use. */
  const busy = () => rest.pool.totalCount - rest.pool.idleCount;

  it('holds no connection to the database while nobody takes it, and ends with a client that goes away', async () => {
    const stalled = await open();
    stalled.pause();
    await expect.poll(() => [stalled.readableLength > 0, busy()], { timeout: 20_000 }).toEqual([true, 0]);
    const { rows: before } = await client.query('select count(*) from anomalies');
    expect(before).toEqual([{ count: '30000' }]);
    stalled.destroy();
    // All of the pool can be taken at once: nothing is left with who went away.
    const clients = await Promise.all([rest.pool.connect(), rest.pool.connect(), rest.pool.connect()]);
    for (const one of clients) one.release();
  });

  it('is whole', async () => {
    const response = await open();
    let text = '';
    response.setEncoding('utf8');
    for await (const chunk of response) text += chunk;
    const { rows } = await client.query('select id from anomalies order by "timestamp" desc, id desc');
    expect(ids.parse(parse(text, { columns: true }))).toEqual(rows);
  });

  it('is cut, and not ended, where the database fails in between', async () => {
    const response = await open();
    response.pause();
    await expect.poll(() => response.readableLength > 0).toBe(true);
    await client.query('alter table anomalies rename to elsewhere');
    const ended = (async () => {
      for await (const _ of response);
    })();
    await expect(ended).rejects.toThrow(/aborted/);
    await client.query('alter table elsewhere rename to anomalies');
    expect((await get('/api/streams/anomalies/rows?limit=1')).statusCode).toBe(200);
  });
});

describe('what is wrong', () => {
  const rows = '/api/streams/funding_rates/rows';
  const foreign = Buffer.from('anomalies 1 1').toString('base64url');
  it.each([
    [`${rows}?limit=0`, [['limit', /"0" is not accepted; give a whole number from 1 to 10000/]]],
    [
      `${rows}?limit=10001&key=`,
      [
        ['limit', /"10001"/],
        ['key', /"" is not accepted; give a value of symbol, once/],
      ],
    ],
    [`${rows}?key=a&key=b`, [['key', /\["a","b"\]/]]],
    [`${rows}?series=%00`, [['series', /a value of exchange/]]],
    ['/api/streams/system_metrics/rows?series=a', [['series', /system_metrics has no series/]]],
    [
      `${rows}?from=yesterday&to=2026-02-30`,
      [
        ['from', /"yesterday".*epoch milliseconds.*ISO 8601/],
        ['to', /"2026-02-30"/],
      ],
    ],
    [
      `${rows}?from=&to=99999999999999999`,
      [
        ['from', /""/],
        ['to', /"99999999999999999"/],
      ],
    ],
    [`${rows}?from=2026-01-15&to=2026-01-14`, [['to', /"2026-01-14" is not after from, which is "2026-01-15"/]]],
    [`${rows}?from=5&to=5`, [['to', /"5" is not after/]]],
    [`${rows}?cursor=`, [['cursor', /"" is no cursor of funding_rates; give next_cursor/]]],
    [`${rows}?cursor=abc`, [['cursor', /"abc"/]]],
    [`${rows}?cursor=${foreign}`, [['cursor', /no cursor of funding_rates/]]],
    [`${rows}?cursor=a&cursor=b`, [['cursor', /\["a","b"\]/]]],
    [`${rows}?format=xml`, [['format', /"xml" is not accepted; give json or csv, once/]]],
    [
      `${rows}?symbol=BTC/USDT&limit=x`,
      [
        ['symbol', /no parameter.*key, series, from/],
        ['limit', /"x"/],
      ],
    ],
    [
      '/api/anomalies?start_time=x&key=a',
      [
        ['start_time', /"x"/],
        ['key', /there are symbol, start_time, min_z, limit, cursor/],
      ],
    ],
    ['/api/anomalies?min_z=-3', [['min_z', /"-3" is not accepted; give a number of 0 or more/]]],
    ['/api/anomalies?min_z=3&min_z=4', [['min_z', /\["3","4"\]/]]],
    ['/api/system-metrics?min_z=3', [['min_z', /no parameter/]]],
    [
      '/api/system-metrics?metric_name=&limit=-1',
      [
        ['metric_name', /""/],
        ['limit', /"-1"/],
      ],
    ],
  ] as const)('%.60s is 400, with every fault at once', async (url, faults) => {
    const reply = await get(url);
    expect(reply.statusCode).toBe(400);
    expect(reply.headers['content-type']).toMatch(/^application\/problem\+json/);
    const { errors } = z
      .object({ errors: z.array(z.object({ path: z.string(), message: z.string() })) })
      .parse(reply.json());
    expect(errors.map(({ path }) => path).sort()).toEqual(faults.map(([path]) => path).sort());
    for (const [path, message] of faults) expect(errors.find((one) => one.path === path)?.message).toMatch(message);
  });

  it('is 404 for a stream that there is not, 405 for another method, 503 for a stream or database that is off', async () => {
    expect((await get('/api/streams/nothing/rows')).statusCode).toBe(404);
    for (const url of [rows, `${rows}?format=csv`, '/api/anomalies', '/api/system-metrics']) {
      for (const name of STREAM_NAMES) rest.status.streams.set(name, { state: 'off', reason: 'r', mend: 'm' });
      expect((await get(url)).json(), url).toMatchObject({ status: 503, reason: 'r', mend: 'm' });
      rest.status.streams.clear();
      rest.status.database = 'down';
      expect((await get(url)).statusCode, url).toBe(503);
      rest.status.database = 'up';
      expect((await rest.app.inject({ method: 'DELETE', url })).statusCode, url).toBe(405);
    }
  });

  it('is 503 where the table went away, also for a CSV', async () => {
    await client.query('alter table anomalies rename to elsewhere');
    const replies = await Promise.all([get('/api/anomalies'), get('/api/streams/anomalies/rows?format=csv')]);
    await client.query('alter table elsewhere rename to anomalies');
    expect(replies.map(({ statusCode }) => statusCode)).toEqual([503, 503]);
    expect(replies[1]?.headers['content-type']).toMatch(/problem\+json/);
    expect(replies[1]?.headers['content-disposition']).toBeUndefined();
  });
});
