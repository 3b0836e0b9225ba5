/** Several frames in one message, for who asks for it: on real sockets, against the whole service. */
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { type RawMessage, RawWebSocket } from '../support/raw-websocket.ts';

const DEFLATE = { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_no_context_takeover' };
const SYMBOLS = 300;
const BUNDLE = '{"type":"bundle","frames":[';

let database: TestDatabase;
let dashboard: Dashboard;
let writer: pg.Client;
let clients: RawWebSocket[];

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  writer = await database.connect();
  dashboard = await startDashboard(database.url);
});

afterAll(async () => {
  await dashboard?.stop();
  await database?.drop();
});

beforeEach(() => {
  clients = [];
});

afterEach(() => {
  for (const client of clients) client.cut();
});

async function open(query: string, headers: Readonly<Record<string, string>> = {}): Promise<RawWebSocket> {
  const client = await RawWebSocket.open(`${dashboard.feedUrl}${query}`, headers);
  clients.push(client);
  return client;
}

/** A live subscriber of every anomaly, by its address alone. */
async function subscriber(query: string, headers: Readonly<Record<string, string>> = {}): Promise<RawWebSocket> {
  const client = await open(`?streams=anomalies&detail=values${query}`, headers);
  await client.until(() => client.frames.some(({ type }) => type === 'synced'));
  return client;
}

/** Writes rows of many symbols in one statement, `rounds` times. */
async function write(symbols: number, rounds = 1): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    await writer.query(
      `insert into anomalies ("timestamp", symbol, data_type, value, z_score)
       select clock_timestamp(), 'B' || i, 'x', i, i from generate_series(1, $1::int) i`,
      [symbols],
    );
  }
}

/** The texts of the deltas in some messages, those of bundles one by one. */
function deltaTexts(messages: readonly RawMessage[]): string[] {
  return messages.flatMap(({ text }) => {
    const frames = text.startsWith(BUNDLE) ? cut(text.slice(BUNDLE.length, -2)) : [text];
    return frames.filter((frame) => frame.startsWith('{"type":"delta"'));
  });
}

/** Cuts joined frames apart where one begins; no string of these frames holds such a text. */
function cut(joined: string): string[] {
  return joined.split(/,(?=\{"type":)/);
}

const isBundle = ({ text }: RawMessage): boolean => text.startsWith(BUNDLE);

function rowsOf(client: RawWebSocket): number {
  return client.frames.reduce((sum, frame) => sum + (frame.type === 'delta' ? frame.rows.length : 0), 0);
}

const bytesOf = (messages: readonly RawMessage[]): number => messages.reduce((sum, { bytes }) => sum + bytes.length, 0);

describe('a client that asked for bundles', () => {
  it('F16 a bundle holds the frames that others get one by one, whole and in their order', async () => {
    const [bundled, plain] = await Promise.all([subscriber('&bundle=1'), subscriber('')]);
    await write(SYMBOLS, 20);
    for (const client of [bundled, plain]) await client.until(() => rowsOf(client) === SYMBOLS * 20);
    expect(deltaTexts(bundled.messages)).toEqual(deltaTexts(plain.messages));
    const bundles = bundled.messages.filter(isBundle);
    expect(bundles.length).toBeGreaterThan(0);
    for (const { text, fragments } of bundles) {
      expect(text.length).toBeLessThanOrEqual(65_536);
      expect(fragments).toBe(1);
      expect(text.endsWith(']}')).toBe(true);
    }
    expect(bundled.messages.length).toBeLessThan(plain.messages.length / 5);
    // What a message costs beside its text is saved too.
    expect(bytesOf(bundled.messages)).toBeLessThan(bytesOf(plain.messages));
  });

  it('F1 F16 is said hello by itself, also where the address subscribes', async () => {
    const client = await subscriber('&bundle=1');
    expect(client.messages[0]?.text).toMatch(/^\{"type":"hello"/);
  });

  it('F16 gets a delta by itself where nothing else came', async () => {
    const client = await subscriber('&bundle=1');
    const before = client.messages.length;
    await write(1);
    await client.until(() => rowsOf(client) === 1);
    expect(client.messages.slice(before).filter(isBundle)).toEqual([]);
    expect(client.messages.at(-1)?.text).toMatch(/^\{"type":"delta"/);
  });

  it('F2 F16 has a pong behind all that was sent before it, and nothing of a subscription after its end', async () => {
    const client = await subscriber('&bundle=1');
    const all = write(SYMBOLS, 10);
    await client.until(() => rowsOf(client) > 0);
    client.say({ type: 'unsubscribe', id: 'anomalies' });
    client.say({ type: 'ping', id: 'after' });
    await all;
    await client.until(() => client.frames.some(({ type }) => type === 'pong'));
    const types = client.frames.map(({ type }) => type);
    expect(types.slice(types.indexOf('unsubscribed'))).not.toContain('delta');
    expect(types.lastIndexOf('delta')).toBeLessThan(types.indexOf('pong'));
  });

  it('F16 has snapshots compressed and by themselves, and bundles as they are, where compression was negotiated', async () => {
    await write(SYMBOLS, 5);
    const client = await open('?streams=anomalies&range=1h&points=1000&bundle=1', DEFLATE);
    await client.until(() => client.frames.some(({ type }) => type === 'synced'));
    const before = rowsOf(client);
    await write(SYMBOLS);
    await client.until(() => rowsOf(client) === before + SYMBOLS);
    const snapshots = client.messages.filter(({ text }) => text.startsWith('{"type":"snapshot"'));
    expect(snapshots).toHaveLength(client.frames.filter(({ type }) => type === 'snapshot').length);
    const bundles = client.messages.filter(isBundle);
    expect(bundles.length).toBeGreaterThan(0);
    expect(bundles.filter(({ compressed }) => compressed)).toEqual([]);
  });

  it('F7 F16 reads nothing for a while, has no more under way than others, and misses nothing', async () => {
    const client = await subscriber('&bundle=1');
    const schema = z.object({ feed: z.object({ unacknowledged_bytes_most: z.number() }) });
    client.socket.pause();
    await write(SYMBOLS, 30);
    const { feed } = schema.parse(await (await fetch(`${dashboard.url}/api/metrics`)).json());
    expect(feed.unacknowledged_bytes_most).toBeLessThan(262_144 + 2 * 65_536);
    client.socket.resume();
    await client.until(() => rowsOf(client) === SYMBOLS * 30);
    expect(client.frames.filter(({ type }) => type === 'gap')).toEqual([]);
    const ids = client.frames.flatMap((frame) => (frame.type === 'delta' ? frame.rows.map(({ id }) => id) : []));
    expect(new Set(ids).size).toBe(SYMBOLS * 30);
  });

  it('F12 F16 is told bye after all that waited for it', async () => {
    const stopping = await startDashboard(database.url);
    const client = await RawWebSocket.open(`${stopping.feedUrl}?streams=anomalies&bundle=1`);
    clients.push(client);
    await client.until(() => client.frames.some(({ type }) => type === 'synced'));
    await write(SYMBOLS);
    await client.until(() => rowsOf(client) === SYMBOLS);
    await stopping.stop();
    await client.until(() => client.closeFrame !== null);
    expect(client.frames.at(-1)?.type).toBe('bye');
    expect(client.closeFrame?.code).toBe(1001);
  });
});

it('F16 who does not ask gets every frame by itself', async () => {
  const queries = ['', '&bundle=0', '&bundle=', '&bundle=true'];
  const plain = await Promise.all(queries.map((query) => subscriber(query)));
  await write(SYMBOLS, 5);
  for (const client of plain) {
    await client.until(() => rowsOf(client) === SYMBOLS * 5);
    expect(client.messages.filter(isBundle)).toEqual([]);
    expect(client.messages).toHaveLength(client.frames.length);
  }
});
