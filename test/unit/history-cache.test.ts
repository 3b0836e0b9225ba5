/**
 * The cache of history against its reader: whatever rows come and however time passes, what it gives is, byte for byte, what
 * would be read at the same place of the feed.
 */
import { describe, expect, it } from 'vitest';
import { HistoryCache } from '../../server/feed/cache.ts';
import { StreamCache } from '../../server/feed/cached.ts';
import { FeedLog } from '../../server/feed/log.ts';
import type { ChannelSnapshot, HeldPosition, Position, SnapshotRequest } from '../../server/feed/ports.ts';
import { encodeBody, encodeSpan } from '../../server/feed/reduced.ts';
import type { StreamRow } from '../../shared/rows.ts';
import { rowCodec } from '../../shared/rows.ts';
import { STREAMS, type StreamDeclaration } from '../../shared/streams.ts';
import { CACHE_KEYS, randomPicture, randomQuestion, randomRow } from '../support/cache-scene.ts';
import { pick, seeded, seeds, withSeed } from '../support/random.ts';
import { readChannel, readKeys } from '../support/read-model.ts';

const FILE = 'test/unit/history-cache.test.ts';
const NOW = Date.UTC(2026, 0, 15, 12, 30, 20);
const AMPLE = { rows: 100_000, bytes: 64 * 1024 * 1024, ageMs: 3_600_000 };
const SNAPSHOT = { xmin: 1n, xmax: 1n, running: [] };
const POSITION: Position = { run: 'run~1', all: SNAPSHOT, recent: SNAPSHOT, bound: null, highest: 0n };

/** A stream with its log and its cache, whose table is a list of rows. */
class Scene {
  readonly stream: StreamDeclaration;
  readonly log: FeedLog;
  readonly cache: HistoryCache;
  readonly channels: StreamCache;
  readonly table: StreamRow[] = [];
  now = NOW;
  prepared = 0;
  /** Channels that were read from the table. */
  read = 0;
  #ids = 0;

  constructor(stream: StreamDeclaration, { limit = 1e9, log = AMPLE } = {}) {
    this.stream = stream;
    this.log = new FeedLog({ stream: stream.name, codec: rowCodec(stream) }, log);
    this.log.beginAt(POSITION);
    this.cache = new HistoryCache(limit);
    this.channels = new StreamCache(stream, this.log, this.cache, async () => {
      this.prepared += 1;
    });
    this.channels.tell(true);
  }

  /** Commits rows, which become deltas. */
  write(random: () => number, count: number): void {
    const rows = Array.from({ length: count }, () => {
      this.#ids += 1;
      return randomRow(this.stream, random, this.now, this.#ids);
    });
    this.commit(rows);
  }

  commit(rows: readonly (StreamRow & { readonly xid: bigint })[]): void {
    this.table.push(...rows);
    if (rows.length > 0) this.log.append({ from: POSITION, to: POSITION, rows }, 'notify', this.now);
    this.log.trim(this.now);
  }

  /** What a client is given, from the cache where that can be. */
  async ask(request: SnapshotRequest): Promise<readonly ChannelSnapshot[]> {
    const number = this.log.end;
    const kept = this.channels.mayServe(request) ? this.channels.serve(request, number) : null;
    return all(kept ?? this.channels.read(this.held(), request, number, this.channels.age));
  }

  /** The table as it is now, held open. */
  held(): HeldPosition {
    const rows = [...this.table];
    const scene = this;
    return {
      position: POSITION,
      async *channels(request) {
        for (const key of readKeys(rows, request)) {
          await Promise.resolve();
          scene.read += 1;
          yield readChannel(scene.stream, rows, key, request, true);
        }
      },
      release: async () => undefined,
    };
  }

  /** What the answer must be. */
  expected(request: SnapshotRequest): readonly string[] {
    return readKeys(this.table, request).map((key) => {
      const channel = readChannel(this.stream, this.table, key, request, false);
      return `${key} ${encodeSpan(channel)},${encodeBody(this.stream, channel)}`;
    });
  }
}

async function all(channels: AsyncIterable<ChannelSnapshot>): Promise<readonly ChannelSnapshot[]> {
  const snapshots: ChannelSnapshot[] = [];
  for await (const snapshot of channels) snapshots.push(snapshot);
  return snapshots;
}

/** Seeds under which an entry is dropped for every reason there is, so that none goes untried by chance. */
const KNOWN = Array.from({ length: 40 }, (_, index) => index + 1);

const texts = (snapshots: readonly ChannelSnapshot[]): readonly string[] =>
  snapshots.map(({ key, span, body }) => `${key} ${span},${body.text}`);

const HOUR_OF = (...keys: string[]): Omit<SnapshotRequest, 'now'> => ({
  keys,
  range: { kind: 'window', ms: 3_600_000 },
  resolution: { points: 1200 },
  pointLimit: 500_000,
});

function row(scene: Scene, key: string, offset: number, value = '1', created = 0): StreamRow & { xid: bigint } {
  const id = String(scene.table.length + 1);
  const time = scene.now + offset;
  const cells = [id, String(time), key, value, null, null, String(scene.now + created)];
  return { id, time, key, series: null, cells, xid: 1n };
}

describe('history that is kept', () => {
  it('F2 F4 is what would be read at the same place of the feed, whatever came since', async () => {
    let hits = 0;
    const dropped = new Set<string>();
    for (const seed of seeds(10, KNOWN)) {
      await withSeed(seed, FILE, async () => {
        const random = seeded(seed);
        const stream = pick(random, Object.values(STREAMS));
        const log = random() < 0.2 ? { ...AMPLE, rows: 40 } : AMPLE;
        const scene = new Scene(stream, { limit: random() < 0.2 ? 20_000 : 1e9, log });
        const pictures = [randomPicture(random), randomPicture(random)];
        // Long lines are encoded in blocks.
        scene.write(random, Math.floor(random() * (random() < 0.2 ? 5000 : 300)));
        for (let step = 0; step < 60; step += 1) {
          const kind = random();
          if (kind < 0.35) scene.write(random, 1 + Math.floor(random() * 3));
          else if (kind < 0.4) scene.write(random, Math.floor(random() * 60));
          else if (kind < 0.69) scene.now += Math.floor(random() * (random() < 0.1 ? 90_000 : 4000));
          else if (kind < 0.7) scene.now -= 1000;
          else {
            const request = randomQuestion(random, scene.now, pictures);
            const given = texts(await scene.ask(request));
            expect(given, `step ${step} ${JSON.stringify(request)}`).toEqual(scene.expected(request));
          }
        }
        const usage = scene.cache.usage();
        hits += usage.hits;
        for (const why of Object.keys(usage.dropped)) dropped.add(why);
        expect(usage.misses).toBe(scene.read);
      });
    }
    // A property that nothing was tried on holds always.
    if (process.env.SEED === undefined) {
      expect(hits).toBeGreaterThan(300);
      expect([...dropped]).toEqual(expect.arrayContaining(['line', 'time', 'age', 'room', 'log']));
    }
  }, 60_000);

  it('is not read again, and given as it was encoded while no row changes it', async () => {
    const scene = new Scene(STREAMS.system_metrics);
    scene.commit([row(scene, 'cpu', -5000), row(scene, 'disk', -4000)]);
    const [first] = await scene.ask({ ...HOUR_OF('cpu'), now: scene.now });
    scene.commit([row(scene, 'disk', 0)]);
    scene.now += 61_000;
    const [second] = await scene.ask({ ...HOUR_OF('cpu'), now: scene.now });
    expect(second?.body).toBe(first?.body);
    expect(second?.span).toContain(`"to":${scene.now},`);
    expect(second?.span).not.toBe(first?.span);
    expect({ read: scene.read, prepared: scene.prepared }).toEqual({ read: 1, prepared: 1 });
    scene.commit([row(scene, 'cpu', 0, '2')]);
    const [third] = await scene.ask({ ...HOUR_OF('cpu'), now: scene.now });
    expect(third?.body.text).toContain('"metric_value":[1,2]');
    expect(scene.cache.usage()).toMatchObject({ entries: 1, hits: 2, misses: 1, hit_rate: 2 / 3, dropped: {} });
  });

  it('is read again where rows were left out that belong to it now', async () => {
    const scene = new Scene(STREAMS.system_metrics);
    const offsets = Array.from({ length: 18 }, (_, index) => (index < 4 ? -3_590_000 : -1000 * index));
    for (const offset of offsets) scene.commit([row(scene, 'cpu', offset, String(offset % 7))]);
    const ask = async (): Promise<void> => {
      const request = { ...HOUR_OF('cpu'), resolution: { points: 16 }, now: scene.now };
      expect(texts(await scene.ask(request))).toEqual(scene.expected(request));
    };
    // Four of 18 leave with their bucket, and fewer are left than there are buckets.
    for (scene.now = NOW; scene.now < NOW + 170_000; scene.now += 10_000) await ask();
    expect({ read: scene.read, dropped: scene.cache.usage().dropped }).toEqual({ read: 2, dropped: { shrunk: 1 } });
  });

  it('is not kept of so many points that the database leaves out strong ones', async () => {
    const scene = new Scene(STREAMS.anomalies);
    const anomaly = (offset: number): StreamRow & { xid: bigint } => {
      const id = String(scene.table.length + 1);
      const time = scene.now + offset;
      const cells = [id, String(time), 'BTC/USDT', 'price', '1', '9', '3', null, String(scene.now)];
      return { id, time, key: 'BTC/USDT', series: 'price', cells, xid: 1n };
    };
    const request = { ...HOUR_OF('BTC/USDT'), resolution: { points: 16 }, now: scene.now };
    for (let count = 0; count < 5000; count += 1) scene.commit([anomaly(-count)]);
    await scene.ask(request);
    expect(scene.cache.usage().entries).toBe(1);
    scene.commit([anomaly(0)]);
    for (let again = 0; again < 2; again += 1) await scene.ask(request);
    expect(scene.cache.usage()).toMatchObject({ entries: 0, hits: 0, misses: 3, dropped: { thinned: 1 } });
  });

  it('of some keys has only the others read', async () => {
    const scene = new Scene(STREAMS.system_metrics);
    scene.commit([row(scene, 'cpu', -5000), row(scene, 'disk', -4000), row(scene, 'load', -3000)]);
    await scene.ask({ ...HOUR_OF('disk'), now: scene.now });
    const given = await scene.ask({ ...HOUR_OF('load', 'disk', 'cpu', 'load'), now: scene.now });
    expect(given.map(({ key }) => key)).toEqual(['load', 'disk', 'cpu']);
    expect(scene.read).toBe(3);
  });

  it('F2 of every key has those that have rows in the range now, and no others', async () => {
    const scene = new Scene(STREAMS.system_metrics);
    scene.commit([row(scene, 'cpu', -5000), row(scene, 'old', -3_595_000)]);
    const request = { ...HOUR_OF(), keys: null };
    const keys = async (): Promise<readonly string[]> =>
      (await scene.ask({ ...request, now: scene.now })).map(({ key }) => key);
    expect(await keys()).toEqual(['cpu', 'old']);
    scene.now += 10_000;
    expect(await keys()).toEqual(['cpu']);
    scene.commit([row(scene, 'ancient', -5_000_000)]);
    expect(await keys()).toEqual(['cpu']);
    expect(scene.read).toBe(2);
    scene.commit([row(scene, 'new', 0)]);
    expect(await keys()).toEqual(['cpu', 'new']);
    expect(await keys()).toEqual(['cpu', 'new']);
    expect(scene.read).toBe(4);
  });

  it('F2 stands at the place that is asked for, not at the end of the log', async () => {
    const scene = new Scene(STREAMS.system_metrics);
    scene.commit([row(scene, 'cpu', -5000)]);
    const request = { ...HOUR_OF('cpu'), now: scene.now };
    await scene.ask(request);
    scene.commit([row(scene, 'cpu', -4000, '2')]);
    const place = scene.log.end;
    scene.commit([row(scene, 'cpu', -3000, '3')]);
    const [snapshot] = await all(scene.channels.read(scene.held(), request, place, scene.channels.age));
    expect(snapshot?.body.text).toContain('"metric_value":[1,2]');
    expect(scene.read).toBe(1);
  });

  it('is read anew where so much came that it is as cheap', async () => {
    const scene = new Scene(STREAMS.system_metrics);
    for (const key of ['cpu', 'disk']) scene.commit([row(scene, key, -5000)]);
    const request = { ...HOUR_OF('cpu', 'disk'), now: scene.now };
    await scene.ask(request);
    for (let count = 0; count < 3000; count += 1) scene.commit([row(scene, count % 2 === 0 ? 'cpu' : 'disk', -count)]);
    await scene.ask(request);
    expect(scene.read).toBe(2);
    for (let count = 0; count < 6000; count += 1) scene.commit([row(scene, count % 2 === 0 ? 'cpu' : 'disk', -count)]);
    expect(texts(await scene.ask(request))).toEqual(scene.expected(request));
    expect(scene.read).toBe(3);
  });

  it('F4 goes when rows were rewritten, also while it is being read', async () => {
    const scene = new Scene(STREAMS.system_metrics);
    scene.commit([row(scene, 'cpu', -5000)]);
    const request = { ...HOUR_OF('cpu'), now: scene.now };
    await scene.ask(request);
    scene.channels.forget('rewritten');
    expect(scene.channels.mayServe(request)).toBe(false);
    const reading = scene.channels.read(scene.held(), request, scene.log.end, scene.channels.age);
    scene.channels.forget('rewritten');
    await all(reading);
    expect(scene.channels.mayServe(request)).toBe(false);
    expect(scene.cache.usage()).toMatchObject({ entries: 0, bytes: 0, dropped: { rewritten: 1 } });
  });

  it('F4 goes soon where nobody tells of rewritten rows, and when that begins or ends', async () => {
    const scene = new Scene(STREAMS.system_metrics);
    scene.commit([row(scene, 'cpu', -5000)]);
    await scene.ask({ ...HOUR_OF('cpu'), now: scene.now });
    scene.channels.tell(false);
    expect(scene.cache.usage().entries).toBe(0);
    for (const wait of [0, 10_000, 1]) {
      scene.now += wait;
      await scene.ask({ ...HOUR_OF('cpu'), now: scene.now });
    }
    expect(scene.cache.usage()).toMatchObject({ hits: 1, misses: 3, dropped: { untold: 1, age: 1 } });
  });

  it('is never older than what was read at a place before it', async () => {
    const scene = new Scene(STREAMS.system_metrics);
    scene.commit([row(scene, 'cpu', -5000)]);
    const request = { ...HOUR_OF('cpu'), now: scene.now };
    const place = scene.log.end;
    const held = scene.held();
    scene.commit([row(scene, 'cpu', -4000, '2')]);
    await scene.ask(request);
    // Of a place that the entry has passed, the channel is read, and the entry stays.
    const [before] = await all(scene.channels.read(held, request, place, scene.channels.age));
    expect(before?.body.text).toContain('"metric_value":[1]');
    const [after] = await scene.ask(request);
    expect(after?.body.text).toContain('"metric_value":[1,2]');
    expect(scene.read).toBe(2);
  });

  it('is bounded in memory: who was not asked for goes first', async () => {
    const scene = new Scene(STREAMS.system_metrics, { limit: 5000 });
    for (const key of CACHE_KEYS) scene.commit([row(scene, key, -5000)]);
    const [first = '', second = '', third = ''] = CACHE_KEYS;
    for (const key of [first, second, first, third, first]) await scene.ask({ ...HOUR_OF(key), now: scene.now });
    expect(scene.cache.usage().bytes).toBeLessThanOrEqual(5000);
    expect(scene.read).toBe(3);
  });

  it('believes a time of writing that lies ahead once it has come near', async () => {
    const scene = new Scene(STREAMS.system_metrics);
    scene.commit([row(scene, 'cpu', -5000, '1', -5000)]);
    await scene.ask({ ...HOUR_OF('cpu'), now: scene.now });
    scene.commit([row(scene, 'cpu', 0, '1', 100_000)]);
    const written = NOW + 100_000;
    const arrived = async (): Promise<string | undefined> => {
      const [snapshot] = await scene.ask({ ...HOUR_OF('cpu'), now: scene.now });
      return /"arrived":(\d+)/.exec(snapshot?.body.text ?? '')?.[1];
    };
    expect(await arrived()).toBe(String(NOW - 5000));
    scene.now += 50_000;
    expect(await arrived()).toBe(String(scene.now));
    scene.now += 60_000;
    expect(await arrived()).toBe(String(written));
    expect(scene.read).toBe(1);
  });
});
