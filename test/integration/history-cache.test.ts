/**
 * The cache of history against a real database: what it gives is what a read at the same position gives.
 */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { SnapshotLog } from '../../server/db/changes.ts';
import { HeldSnapshot } from '../../server/db/held.ts';
import { readChannels } from '../../server/db/history.ts';
import { Runs } from '../../server/db/run.ts';
import { HistoryCache } from '../../server/feed/cache.ts';
import { StreamCache } from '../../server/feed/cached.ts';
import { FeedLog } from '../../server/feed/log.ts';
import type { ChannelSnapshot, HeldPosition, Position, Reservation, SnapshotRequest } from '../../server/feed/ports.ts';
import { encodeChannel } from '../../server/feed/reduced.ts';
import { rowCodec } from '../../shared/rows.ts';
import { columnsOf, STREAM_LIST, type StreamDeclaration } from '../../shared/streams.ts';
import { randomPicture, randomQuestion, randomRow } from '../support/cache-scene.ts';
import { startDashboard } from '../support/dashboard.ts';
import { FeedSocket } from '../support/feed-socket.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { pick, seeded, seeds, withSeed } from '../support/random.ts';
import { HYPERTABLES, makeChunks } from '../support/timescale.ts';

const FILE = 'test/integration/history-cache.test.ts';
const STEPS = 40;
const HOUR_MS = 3_600_000;

let database: TestDatabase;
let pool: pg.Pool;

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  pool = new pg.Pool({ ...database.config, max: 4 });
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

/** A stream that is looked at by hand. */
class Followed {
  readonly stream: StreamDeclaration;
  readonly log: FeedLog;
  readonly cache = new HistoryCache(1e9);
  readonly channels: StreamCache;
  /** Epoch ms; ahead of the machine's clock as the test lets time pass. */
  now = Date.now();
  readonly #changes: SnapshotLog;
  #position: Position;

  private constructor(stream: StreamDeclaration, changes: SnapshotLog, position: Position) {
    this.stream = stream;
    this.log = new FeedLog({ stream: stream.name, codec: rowCodec(stream) }, { rows: 1e5, bytes: 1e8, ageMs: 1e9 });
    this.log.beginAt(position);
    this.channels = new StreamCache(stream, this.log, this.cache, async () => undefined);
    this.channels.tell(true);
    this.#changes = changes;
    this.#position = position;
  }

  static async begin(stream: StreamDeclaration): Promise<Followed> {
    const options = { reads: pool, runs: new Runs(), partitioned: HYPERTABLES, refused: () => undefined };
    const changes = new SnapshotLog(pool, stream, options);
    return new Followed(stream, changes, (await changes.begin()).position);
  }

  /** What is new becomes deltas. */
  async look(reservation: Reservation | null = null): Promise<HeldPosition | null> {
    const look = await this.#changes.look(this.#position, 'all', reservation, (batch) => {
      this.log.append(batch, 'notify', this.now);
    });
    if ('otherRun' in look) throw new Error('another run of the database');
    this.#position = look.position;
    this.log.reached(look.position);
    return look.held;
  }

  /** What the cache gives at a position, and what is read there. */
  async both(request: SnapshotRequest): Promise<{ given: readonly unknown[]; read: readonly unknown[] }> {
    const reservation = await this.#changes.reserve();
    if (!(reservation instanceof HeldSnapshot)) throw new Error('a reservation is a held snapshot');
    const held = await this.look(reservation);
    if (held === null) throw new Error('the look was not held');
    try {
      const number = this.log.end;
      const kept = this.channels.serve(request, number);
      const given: unknown[] = [];
      for await (const snapshot of kept ?? this.channels.read(held, request, number, this.channels.age))
        given.push(contentOf(snapshot));
      const read: unknown[] = [];
      for await (const channel of readChannels(reservation.client, this.stream, request))
        read.push(normal(`{"key":${JSON.stringify(channel.key)},${encodeChannel(this.stream, channel)}`));
      return { given, read };
    } finally {
      await held.release();
    }
  }
}

const contentOf = ({ key, span, body }: ChannelSnapshot): unknown =>
  normal(`{"key":${JSON.stringify(key)},${span},${body.text}`);

/**
 * A snapshot as it is parsed, where `1e+21` is `1e21`, but for numbers with a fraction, whose digits all count. How far
 * apart rows come is left out, and when the newest was written: the database looks at the newest few for that.
 */
function normal(json: string): unknown {
  const text = json.replace(/,"arrived":[^,]*,"spacing_ms":[^,}]*/g, '').replace(/-?\d+\.\d+(?=[,\]])/g, '"$&"');
  return JSON.parse(text);
}

/** Writes rows in one transaction or in several that end in another order. */
async function write(followed: Followed, random: () => number, count: number, firstId: number): Promise<void> {
  const { stream } = followed;
  const columns = columnsOf(stream).filter(({ name }) => name !== 'id');
  const clients = [await pool.connect(), await pool.connect()];
  try {
    for (const client of clients) await client.query('begin');
    for (let at = 0; at < count; at += 1) {
      const row = randomRow(stream, random, Math.floor(followed.now), firstId + at);
      const values = columnsOf(stream).flatMap(({ name, kind }, index) => {
        const cell = row.cells[index] ?? null;
        if (name === 'id') return [];
        if (cell === null) return [null];
        if (kind === 'timestamp') return [new Date(Number(cell)).toISOString()];
        // Only ten digits of a rate are stored.
        return [kind === 'decimal' && (cell.includes('e') || cell.includes('Inf')) ? '0.1' : cell];
      });
      const names = columns.map(({ name }) => `"${name}"`).join(', ');
      const places = columns.map((_, index) => `$${index + 1}`).join(', ');
      await pick(random, clients).query(`insert into ${stream.table} (${names}) values (${places})`, values);
    }
    if (random() < 0.5) clients.reverse();
    for (const client of clients) {
      await client.query('commit');
      if (random() < 0.3) await followed.look();
    }
  } finally {
    for (const client of clients) client.release();
  }
}

describe('history that is kept', () => {
  it('F2 F4 is what a read at the same position gives', async () => {
    let hits = 0;
    for (const stream of STREAM_LIST)
      if (stream.series !== null)
        await pool.query(`alter table ${stream.table} alter "${stream.series.name}" drop not null`);
    for (const seed of seeds(5)) {
      await withSeed(seed, FILE, async () => {
        const random = seeded(seed);
        const stream = STREAM_LIST[seed % STREAM_LIST.length] ?? pick(random, STREAM_LIST);
        await pool.query(`truncate ${stream.table}`);
        await makeChunks(pool, stream.table, Date.now() - 4 * HOUR_MS, Date.now() + HOUR_MS);
        const followed = await Followed.begin(stream);
        const pictures = [randomPicture(random), randomPicture(random)];
        await write(followed, random, Math.floor(random() * 200), 1);
        for (let step = 0; step < STEPS; step += 1) {
          const kind = random();
          if (kind < 0.4) await write(followed, random, 1 + Math.floor(random() * 5), 1);
          else if (kind < 0.6) followed.now += Math.floor(random() * 8000);
          else {
            const request = randomQuestion(random, followed.now, pictures);
            const { given, read } = await followed.both(request);
            expect(given, `${stream.name}, step ${step}: ${JSON.stringify(request)}`).toEqual(read);
          }
        }
        hits += followed.cache.usage().hits;
      });
    }
    if (process.env.SEED === undefined) expect(hits).toBeGreaterThan(20);
  });
});

const metrics = z.object({
  feed: z.object({
    cache: z.object({
      entries: z.number(),
      bytes: z.number(),
      hits: z.number(),
      misses: z.number(),
      hit_rate: z.nullable(z.number()),
      dropped: z.record(z.string(), z.number()),
    }),
  }),
  counters: z.record(z.string(), z.number()),
});

describe('a server', () => {
  it('gives history out of memory, with what came since, until its rows are rewritten', async () => {
    await pool.query('truncate funding_rates, anomalies');
    const dashboard = await startDashboard(database.url, { DASHBOARD_TICK_SECONDS: '60' });
    const feed = await FeedSocket.open(dashboard.feedUrl);
    const insert = `insert into funding_rates ("timestamp", symbol, exchange, funding_rate) values (now(), 'BTC/USDT', 'okx', $1)`;
    const alarm = `insert into anomalies ("timestamp", symbol, data_type, value, z_score) values (now(), 'BTC/USDT', 'price', 1, $1)`;
    const read = async () => metrics.parse(await (await fetch(`${dashboard.url}/api/metrics`)).json());
    const ask = async (stream: string, value: string): Promise<readonly unknown[]> => {
      await feed.subscribe({ id: 'a', stream, keys: ['BTC/USDT'], range: '1h' });
      return feed.of('snapshot').at(-1)?.series[0]?.columns[value] ?? [];
    };
    const rates = (): Promise<readonly unknown[]> => ask('funding_rates', 'funding_rate');
    const scores = (): Promise<readonly unknown[]> => ask('anomalies', 'z_score');
    const health = async (): Promise<unknown> => (await fetch(`${dashboard.url}/api/health`)).json();
    try {
      // Before that nobody tells what is rewritten, and what is read while a stream begins is not kept.
      const live = { state: 'live' };
      const ready = { doorbell: 'up', streams: { funding_rates: live, anomalies: live } };
      await expect.poll(health, { timeout: 20_000 }).toMatchObject(ready);
      await pool.query(insert, ['0.0001']);
      expect(await rates()).toEqual([0.0001]);
      await pool.query(insert, ['0.0002']);
      expect(await rates()).toEqual([0.0001, 0.0002]);
      const { feed: usage, counters } = await read();
      expect(usage.cache).toMatchObject({ entries: 1, hits: 1, misses: 1, hit_rate: 0.5, dropped: {} });
      expect(counters.snapshot_reads_total).toBe(1);

      await pool.query(`update funding_rates set funding_rate = 0.0003 where funding_rate = 0.0002`);
      // The doorbell tells it a moment after the commit.
      await expect.poll(rates).toEqual([0.0001, 0.0003]);
      await pool.query('delete from funding_rates where funding_rate = 0.0001');
      await expect.poll(rates).toEqual([0.0003]);

      await pool.query(alarm, [5]);
      expect(await scores()).toEqual([5]);
      expect(await scores()).toEqual([5]);
      await pool.query('truncate anomalies');
      await expect.poll(scores).toEqual([]);
      expect((await read()).feed.cache.dropped).toMatchObject({ rewritten: 3 });
    } finally {
      await feed.close();
      await dashboard.stop();
    }
  });
});
