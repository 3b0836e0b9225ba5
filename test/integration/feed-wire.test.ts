/** The very bytes that subscribers get: digits, documents, compression, fragments, and one frame for everybody. */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { type RawMessage, RawWebSocket } from '../support/raw-websocket.ts';
import { BEFORE_ALL } from '../support/timescale.ts';

const DEFLATE = { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_no_context_takeover' };
const DOCUMENT_LIMIT = 16_384;

let database: TestDatabase;
let dashboard: Dashboard;
let writer: pg.Client;

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  writer = await database.connect();
  // As wide as a decimal of the field may be, and an id beyond what a double holds.
  await writer.query('alter table funding_rates alter column funding_rate type numeric');
  await writer.query('alter table system_metrics alter column id type bigint');
  dashboard = await startDashboard(database.url);
});

afterAll(async () => {
  await dashboard?.stop();
  await database?.drop();
});

/** Opens a connection and subscribes; resolves when it is live. */
async function subscribed(frame: object, headers: Readonly<Record<string, string>> = {}): Promise<RawWebSocket> {
  const client = await RawWebSocket.open(dashboard.feedUrl, headers);
  client.say({ type: 'subscribe', id: 'wire', ...frame });
  await client.until(() => client.frames.some(({ type }) => type === 'synced' || type === 'error'));
  return client;
}

const messagesOf = (client: RawWebSocket, type: string): RawMessage[] =>
  client.messages.filter(({ text }) => text.startsWith(`{"type":"${type}"`));

/** Waits for a number of deltas and returns them as they came. */
async function deltas(client: RawWebSocket, count: number): Promise<RawMessage[]> {
  await client.until(() => messagesOf(client, 'delta').length >= count);
  return messagesOf(client, 'delta');
}

const insertRate = `insert into funding_rates ("timestamp", symbol, exchange, funding_rate, estimated_rate) values ($1, $2, 'x', $3, $4)`;

describe('numbers', () => {
  it('F8 every digit of a decimal passes in deltas and snapshots, and what JSON has no number for as a string', async () => {
    const live = await subscribed({ stream: 'funding_rates', keys: ['DIGITS'] });
    const rates = ['0.000100000000000000000000000000000001', '-98765432109876543210.5', 'NaN', '0.10', '1e-30'];
    const printed = [
      '0.000100000000000000000000000000000001',
      '-98765432109876543210.5',
      '"NaN"',
      '0.10',
      `0.${'0'.repeat(29)}1`,
    ];
    for (const rate of rates) await writer.query(insertRate, [new Date(), 'DIGITS', rate, null]);
    await live.until(
      () => live.frames.flatMap((frame) => (frame.type === 'delta' ? frame.rows : [])).length === rates.length,
    );
    const text = messagesOf(live, 'delta')
      .map((message) => message.text)
      .join('\n');
    expect(
      [...text.matchAll(/"funding_rate":([^,]+),"estimated_rate":(\w+)/g)].map(([, rate, estimate]) => [
        rate,
        estimate,
      ]),
    ).toEqual(printed.map((rate) => [rate, 'null']));
    const late = await subscribed({ stream: 'funding_rates', keys: ['DIGITS'], range: '1h', points: 10_000 });
    expect(messagesOf(late, 'snapshot')[0]?.text).toContain(`"funding_rate":[${printed.join(',')}]`);
    live.cut();
    late.cut();
  });

  it('F8 an id beyond 2^53 keeps its digits, and infinite values are told apart', async () => {
    const client = await subscribed({ stream: 'system_metrics', keys: ['edge'] });
    await writer.query(
      `insert into system_metrics (id, "timestamp", metric_name, metric_value) values
       (9007199254740993, now(), 'edge', 'Infinity'), (9007199254740995, now(), 'edge', '-Infinity'), (9007199254740997, now(), 'edge', 5e-324)`,
    );
    const [delta] = await deltas(client, 1);
    const rows = [...(delta?.text ?? '').matchAll(/"id":(\d+).*?"metric_value":([^,]+)/g)].map(([, id, value]) => [
      id,
      value,
    ]);
    expect(rows).toEqual([
      ['9007199254740993', '"Infinity"'],
      ['9007199254740995', '"-Infinity"'],
      ['9007199254740997', '5e-324'],
    ]);
    client.cut();
  });

  it('F8 a row at infinity is counted and not delivered, the next one is', async () => {
    const before = await refusedRows();
    const client = await subscribed({ stream: 'funding_rates', keys: ['NEVER'] });
    await writer.query(insertRate, ['infinity', 'NEVER', '1', null]);
    await writer.query(insertRate, [BEFORE_ALL, 'NEVER', '2', null]);
    await writer.query(insertRate, [new Date(), 'NEVER', '3', null]);
    await deltas(client, 1);
    expect(client.frames.flatMap((frame) => (frame.type === 'delta' ? frame.rows : []))).toMatchObject([
      { funding_rate: 3 },
    ]);
    expect((await refusedRows()) - before).toBe(2);
    client.cut();
  });
});

async function refusedRows(): Promise<number> {
  const schema = z.object({ counters: z.record(z.string(), z.number()) });
  const { counters } = schema.parse(await (await fetch(`${dashboard.url}/api/metrics`)).json());
  return counters.rows_refused_total ?? 0;
}

describe('details', () => {
  it('F9 a document of 16 KiB passes whole, one byte more is omitted and served whole by REST', async () => {
    const client = await subscribed({ stream: 'signal_predictions', keys: ['DOC'] });
    /** JSON of exactly so many bytes as PostgreSQL prints it, some of them in letters of two. */
    const document = (bytes: number): string => `{"é": "${'x'.repeat(bytes - '{"e": ""}'.length - 1)}"}`;
    for (const bytes of [DOCUMENT_LIMIT, DOCUMENT_LIMIT + 1]) {
      await writer.query(
        `insert into signal_predictions ("timestamp", symbol, signal_type, confidence, features, metadata) values (now(), 'DOC', 's', 0.5, $1, '{}')`,
        [document(bytes)],
      );
    }
    await client.until(() => client.frames.flatMap((frame) => (frame.type === 'delta' ? frame.rows : [])).length === 2);
    const rows = client.frames.flatMap((frame) => (frame.type === 'delta' ? frame.rows : []));
    expect(JSON.stringify(rows[0]?.features).length).toBeGreaterThan(DOCUMENT_LIMIT - 10);
    expect(rows[1]?.features).toEqual({ omitted_bytes: DOCUMENT_LIMIT + 1 });
    expect(rows[1]?.metadata).toEqual({});
    const rest = await (await fetch(`${dashboard.url}/api/data/DOC`)).text();
    expect(rest).toContain(document(DOCUMENT_LIMIT + 1));
    client.cut();
  });

  it('F9 F15 subscribers of one channel and detail get the same bytes, those of values the others less', async () => {
    const frame = { stream: 'anomalies', keys: ['SAME'] };
    const every = { stream: 'anomalies' };
    const [full, again, packed, all, values] = await Promise.all([
      subscribed(frame),
      subscribed({ ...frame, id: 'another id' }),
      subscribed(frame, DEFLATE),
      subscribed(every),
      subscribed({ ...frame, detail: 'values' }),
    ]);
    await writer.query(
      `insert into anomalies ("timestamp", symbol, data_type, value, z_score, metadata) select now(), 'SAME', 'x', i, i, '{"a": 1}' from generate_series(1, 30) i`,
    );
    const sent = await Promise.all([full, again, packed, all].map((client) => deltas(client, 1)));
    const [first] = sent[0] ?? [];
    expect(first?.text).toContain('"metadata":{"a": 1},"created_at":');
    for (const [other] of sent) expect(other?.bytes.equals(first?.bytes ?? Buffer.alloc(0))).toBe(true);
    const [less] = await deltas(values, 1);
    expect(less?.text).not.toMatch(/metadata|created_at/);
    expect(JSON.parse(less?.text ?? '').rows).toHaveLength(30);
    for (const client of [full, again, packed, all, values]) client.cut();
  });

  it('F2 F15 of two subscriptions that match, a delta comes once, in the fuller detail and in the bytes that others get', async () => {
    const twice = await subscribed({ stream: 'anomalies', keys: ['TWICE'], detail: 'values' });
    twice.say({ type: 'subscribe', id: 'second', stream: 'anomalies', detail: 'full' });
    await twice.until(() => twice.frames.filter(({ type }) => type === 'synced').length === 2);
    const once = await subscribed({ stream: 'anomalies', keys: ['TWICE'] });
    await writer.query(
      `insert into anomalies ("timestamp", symbol, data_type, value, z_score) values (now(), 'TWICE', 'x', 1, 1)`,
    );
    const [a] = await deltas(once, 1);
    const mine = await deltas(twice, 1);
    twice.say({ type: 'ping', id: 'after' });
    await twice.until(() => twice.frames.some(({ type }) => type === 'pong'));
    expect(mine).toHaveLength(1);
    expect(mine[0]?.bytes.equals(a?.bytes ?? Buffer.alloc(0))).toBe(true);
    twice.cut();
    once.cut();
  });
});

describe('large frames', () => {
  beforeAll(async () => {
    await writer.query(
      `insert into anomalies ("timestamp", symbol, data_type, value, z_score)
       select now() - i * interval '300 ms', 'LARGE', 'x', random(), random() from generate_series(1, 10000) i`,
    );
  });

  it('F2 a snapshot is compressed where that was negotiated, and the same text where not', async () => {
    const frame = { stream: 'anomalies', keys: ['LARGE'], range: '1h', points: 10_000 };
    const [plain, packed] = await Promise.all([subscribed(frame), subscribed(frame, DEFLATE)]);
    const [large] = messagesOf(plain, 'snapshot');
    const [small] = messagesOf(packed, 'snapshot');
    expect(plain.handshake).not.toMatch(/permessage-deflate/i);
    expect(packed.handshake).toMatch(/permessage-deflate/i);
    expect({ plain: large?.compressed, packed: small?.compressed }).toEqual({ plain: false, packed: true });
    expect(small?.bytes.length).toBeLessThan((large?.bytes.length ?? 0) * 0.8);
    expect(seriesIn(small)).toEqual(seriesIn(large));
    // Above 64 KiB in fragments, so that a ping can stand between them.
    expect(large?.fragments).toBe(Math.ceil((large?.text.length ?? 0) / 65_536));
    expect(large?.fragments).toBeGreaterThan(2);
    plain.cut();
    packed.cut();
  });

  it('F7 F15 a large delta comes in the same fragments for all, uncompressed also where compression was negotiated', async () => {
    const frame = { stream: 'anomalies', keys: ['BURST'] };
    const [plain, packed] = await Promise.all([subscribed(frame), subscribed(frame, DEFLATE)]);
    await writer.query(
      `insert into anomalies ("timestamp", symbol, data_type, value, z_score) select now(), 'BURST', 'x', i, i from generate_series(1, 900) i`,
    );
    const [a] = await deltas(plain, 1);
    const [b] = await deltas(packed, 1);
    expect(a?.fragments).toBeGreaterThan(1);
    expect(b?.compressed).toBe(false);
    expect(b?.bytes.equals(a?.bytes ?? Buffer.alloc(0))).toBe(true);
    plain.cut();
    packed.cut();
  });
});

/** The lines of a snapshot; its range may end a moment later than another's. */
function seriesIn(message: RawMessage | undefined): unknown {
  return z.object({ series: z.array(z.unknown()) }).parse(JSON.parse(message?.text ?? '')).series;
}

describe('the first frame', () => {
  it('F1 is hello, also where the query string subscribes to everything and one stream that is none', async () => {
    const client = await RawWebSocket.open(`${dashboard.feedUrl}?streams=trades,anomalies,system_metrics&range=latest`);
    await client.until(() => client.frames.filter(({ type }) => type === 'synced').length === 2);
    expect(client.frames[0]?.type).toBe('hello');
    expect(client.frames.filter(({ type }) => type === 'hello')).toHaveLength(1);
    expect(client.frames.filter(({ type }) => type === 'error')).toMatchObject([
      { id: 'trades', code: 'unknown_stream' },
    ]);
    for (const { text } of client.messages) expect(text).toMatch(/^\{"type":"[a-z]+"/);
    client.cut();
  });
});
