/** Clients that do not read: what they are told, what they get when they read again, and that nobody else notices. */
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import type { Frame } from '../../shared/protocol.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { clientFrame, OPCODE, RawWebSocket } from '../support/raw-websocket.ts';

/** What may be under way to one client, beside the one frame that goes past it and a few heartbeats. */
const MOST_UNDER_WAY = 262_144 + 16_384;

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

beforeEach(async () => {
  clients = [];
  await writer.query('truncate anomalies');
});

afterEach(() => {
  for (const client of clients) client.cut();
});

const KEY = 'SLOW/USDT';

/** A live subscriber of one channel. */
async function subscriber(more: object = {}): Promise<RawWebSocket> {
  const client = await RawWebSocket.open(dashboard.feedUrl);
  clients.push(client);
  client.say({ type: 'subscribe', id: 's', stream: 'anomalies', keys: [KEY], ...more });
  await client.until(() => of(client, 'synced').length === 1);
  return client;
}

function of<T extends 'delta' | 'snapshot' | 'gap' | 'synced' | 'error'>(client: RawWebSocket, type: T): Frame<T>[] {
  return client.frames.filter((frame): frame is Frame<T> => frame.type === type);
}

const idsOf = (deltas: readonly Frame<'delta'>[]): number[] => deltas.flatMap(({ rows }) => rows.map(({ id }) => id));

/** Writes rows of about a kilobyte each, some a statement, and returns their ids. */
async function write(rows: number, atOnce = 100): Promise<number[]> {
  const ids: number[] = [];
  for (let written = 0; written < rows; written += atOnce) {
    const inserted = await writer.query<{ id: number }>(
      `insert into anomalies ("timestamp", symbol, data_type, value, z_score, metadata)
       select clock_timestamp(), $1, 'x', i, i, jsonb_build_object('pad', repeat('x', 1000)) from generate_series(1, $2::int) i returning id`,
      [KEY, atOnce],
    );
    ids.push(...inserted.rows.map(({ id }) => id));
  }
  return ids;
}

const metrics = z.object({
  counters: z.record(z.string(), z.number()),
  feed: z.object({ unacknowledged_bytes_most: z.number() }),
});

async function read(): Promise<z.infer<typeof metrics>> {
  return metrics.parse(await (await fetch(`${dashboard.url}/api/metrics`)).json());
}

/** Waits until a counter has risen by one. */
async function risen(name: string, before: number): Promise<void> {
  const grown = async (): Promise<void> => expect((await read()).counters[name] ?? 0).toBeGreaterThan(before);
  await vi.waitFor(grown, { timeout: 20_000, interval: 50 });
}

/** The chain of a client's only channel: each delta follows the channel's frame before it, unless a gap came between. */
function expectChain(client: RawWebSocket): void {
  let head: string | null = null;
  for (const frame of client.frames) {
    if (frame.type === 'gap') head = null;
    if (frame.type === 'delta') expect(frame.prev).toBe(head ?? frame.prev);
    if (frame.type === 'delta' || frame.type === 'snapshot') head = frame.cursor;
  }
}

describe('a client that reads nothing for seconds', () => {
  it('F7 and charts a range is told of the gap, has history made new, and slows nobody', async () => {
    const healthy = await subscriber();
    const slow = await subscriber({ range: '1h', points: 10_000 });
    const before = (await read()).counters.gaps_total ?? 0;
    slow.socket.pause();
    const ids = await write(3000);
    await healthy.until(() => idsOf(of(healthy, 'delta')).length === 3000);
    await risen('gaps_total', before);
    const largest = Math.max(...healthy.messages.map(({ bytes }) => bytes.length));
    expect((await read()).feed.unacknowledged_bytes_most).toBeLessThan(MOST_UNDER_WAY + largest);
    slow.socket.resume();
    await slow.until(() => of(slow, 'synced').length === 2, 30_000);
    const later = await write(10, 10);
    await slow.until(() => idsOf(of(slow, 'delta')).includes(later.at(-1) ?? Number.NaN));

    expect(of(slow, 'gap')).toMatchObject([{ id: 's', key: null, reason: 'slow_consumer' }]);
    // After the gap there is nothing of the channel before its snapshot, and in that is every row.
    const rest = slow.frames.slice(slow.frames.findIndex(({ type }) => type === 'gap') + 1);
    expect(
      rest
        .map(({ type }) => type)
        .filter((type) => type !== 'heartbeat')
        .slice(0, 2),
    ).toEqual(['snapshot', 'synced']);
    const after = rest.filter((frame): frame is Frame<'delta'> => frame.type === 'delta');
    expect((of(slow, 'snapshot')[1]?.rows_total ?? 0) + idsOf(after).length).toBe(ids.length + later.length);
    const early = idsOf(of(slow, 'delta').slice(0, -after.length));
    expect(early).toEqual(ids.slice(0, early.length));
    expectChain(slow);

    expect(idsOf(of(healthy, 'delta'))).toEqual([...ids, ...later]);
    expect(of(healthy, 'gap')).toEqual([]);
    expectChain(healthy);
  });

  it('F7 and records is fed on from its own place when it reads again, and misses nothing', async () => {
    const recorder = await subscriber();
    recorder.socket.pause();
    const ids = await write(3000);
    await vi.waitFor(async () => expect((await read()).feed.unacknowledged_bytes_most).toBeGreaterThan(200_000), {
      timeout: 10_000,
    });
    const chart = await subscriber({ range: '1h' });
    chart.socket.pause();
    const before = (await read()).counters.gaps_total ?? 0;
    ids.push(...(await write(1000)));
    // A chart that began to stand still after the recorder was found slow by now, and so was the recorder.
    await risen('gaps_total', before);
    recorder.socket.resume();
    await recorder.until(() => idsOf(of(recorder, 'delta')).length >= ids.length, 30_000);
    expect(idsOf(of(recorder, 'delta'))).toEqual(ids);
    expect(of(recorder, 'gap')).toEqual([]);
    expect(new Set(of(recorder, 'delta').map(({ via }) => via))).toContain('replay');
    expectChain(recorder);
  });

  it('F7 F12 and does not come round is closed with 4408, and resumes where it was', async () => {
    const stalled = await subscriber();
    const before = (await read()).counters.slow_consumers_closed_total ?? 0;
    stalled.socket.pause();
    const ids = await write(1000);
    await risen('slow_consumers_closed_total', before);
    stalled.socket.resume();
    await stalled.until(() => stalled.ended);
    expect(stalled.closeFrame?.code).toBe(4408);
    const had = of(stalled, 'delta');
    const since = had.at(-1)?.cursor ?? of(stalled, 'synced')[0]?.cursor;
    const again = await subscriber({ since });
    expect(again.frames.find(({ type }) => type === 'subscribed')).toMatchObject({ resumed: true });
    expect([...idsOf(had), ...idsOf(of(again, 'delta'))]).toEqual(ids);
  });
});

describe('a client that reads nothing and says that it does', () => {
  it('F7 is slow all the same: what it acknowledges without having read it counts for nothing', async () => {
    const honest = await subscriber();
    const liar = await subscriber();
    const before = (await read()).counters.slow_consumers_closed_total ?? 0;
    liar.socket.pause();
    // Nearly the same bytes go to both, so that what one is asked for can be guessed for the other.
    const answer = honest.onPing;
    honest.onPing = (payload) => {
      answer(payload);
      const bytes = Number.parseInt(payload.toString(), 10);
      for (let guess = bytes - 700; guess <= bytes + 700; guess += 1) {
        liar.write(clientFrame(payload.toString().replace(/^\d+/, String(guess)), { opcode: OPCODE.pong }));
      }
    };
    const ids = await write(2000);
    await honest.until(() => idsOf(of(honest, 'delta')).length === ids.length);
    await risen('slow_consumers_closed_total', before);
    expect(of(honest, 'gap')).toEqual([]);
  });
});

describe('a client that reads', () => {
  it('F4 F7 gets 20,000 rows of one statement whole and without a gap, with a range and without', async () => {
    const chart = await subscriber({ range: '1h' });
    const recorder = await subscriber({ detail: 'values' });
    const { rows } = await writer.query<{ id: number }>(
      `insert into anomalies ("timestamp", symbol, data_type, value, z_score)
       select now(), $1, 'x', i, i from generate_series(1, 20000) i returning id`,
      [KEY],
    );
    const ids = rows.map(({ id }) => id);
    for (const client of [chart, recorder]) {
      await client.until(() => idsOf(of(client, 'delta')).length >= ids.length, 30_000);
      expect(idsOf(of(client, 'delta'))).toEqual(ids);
      expect(of(client, 'gap')).toEqual([]);
      expectChain(client);
    }
  });
});
