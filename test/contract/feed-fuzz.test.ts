/** The feed core under random transactions, lost rings, failing looks, crashes and clients that come, change and go. */
import { describe, expect, it } from 'vitest';
import type { Client } from '../support/feed-harness.ts';
import { FeedHarness, TICK_MS } from '../support/feed-harness.ts';
import type { Transaction } from '../support/model-database.ts';
import { pick, seeded, seeds, withSeed } from '../support/random.ts';

const KEYS = ['BTC/USDT', 'ETH/USDT', 'SOL/USDT'];
const STEPS = 300;
/** Subscriptions whose id begins so ask for history, the others do not. */
const IDS = ['ranged-1', 'ranged-2', 'bare-1', 'bare-2'];
const isRanged = (id: string): boolean => id.startsWith('ranged');
/**
 * Seeds that once failed. Under the first two a history was given to a client from before what it had got. Under the
 * others looks break off so often that a client is told that the database does not answer.
 */
const KNOWN = [418464914, 515122298, 131749958, 1988370331];

/** What was asked under an id, so that its contents can be held against the table. */
interface Asked {
  readonly keys: readonly string[] | null;
  readonly ranged: boolean;
  /** Ids in the table when it became live: without a range they are not owed. */
  before: ReadonlySet<number>;
}

/** Answers how many snapshots came out of the cache. */
async function scenario(seed: number, crashes: boolean): Promise<number> {
  const random = seeded(seed);
  const feed = new FeedHarness();
  await feed.start();
  const open: Transaction[] = [];
  const clients: { client: Client; asked: Map<string, Asked> }[] = [];
  const committedIds = (): Set<number> => new Set(feed.database.committed.map(({ id }) => Number(id)));

  const actions: (() => Promise<void> | void)[] = [
    () => void open.push(feed.database.begin()),
    () => {
      if (open.length > 0) feed.database.insert(pick(random, open), pick(random, KEYS));
    },
    () => {
      const [transaction] = open.splice(Math.floor(random() * open.length), 1);
      if (transaction === undefined) return;
      if (random() < 0.2) feed.database.abort(transaction);
      else feed.database.commit(transaction);
      // Some rings are swallowed by the gate.
      if (random() < 0.7) feed.pump.ring();
    },
    () => {
      const transaction = feed.database.begin();
      const rows = Math.ceil(random() * 10);
      for (let i = 0; i < rows; i += 1) feed.database.insert(transaction, pick(random, KEYS));
      feed.database.commit(transaction);
      feed.pump.ring();
    },
    () => {
      if (clients.length >= 5) return;
      const entry = { client: feed.connect(random() < 0.5), asked: new Map<string, Asked>() };
      entry.client.feed.onSubscribed = (id, keys) => {
        if (isRanged(id)) entry.client.feed.expectSnapshots(id, keys);
        const asked = entry.asked.get(id);
        if (asked !== undefined) asked.before = committedIds();
      };
      clients.push(entry);
    },
    () => {
      if (clients.length === 0) return;
      const { client, asked } = pick(random, clients);
      const id = pick(random, IDS);
      const keys = random() < 0.3 ? null : KEYS.filter(() => random() < 0.6);
      if (keys?.length === 0) return;
      const ranged = isRanged(id);
      asked.set(id, { keys, ranged, before: committedIds() });
      client.say({
        type: 'subscribe',
        id,
        stream: 'funding_rates',
        ...(keys === null ? {} : { keys }),
        ...(ranged ? { range: '1h' } : {}),
        detail: pick(random, ['values', 'full']),
      });
    },
    () => {
      if (clients.length === 0) return;
      const { client, asked } = pick(random, clients);
      const id = pick(random, IDS);
      asked.delete(id);
      client.say({ type: 'unsubscribe', id });
    },
    () => {
      const [gone] = clients.splice(Math.floor(random() * clients.length), random() < 0.1 ? 1 : 0);
      if (gone !== undefined) feed.hub.close(gone.client.session);
    },
    () => {
      if (random() < 0.2) feed.database.failAfterBatches = Math.floor(random() * 3);
    },
    () => feed.pump.tick(),
    () => feed.clock.pass(Math.floor(random() * 40)),
    () => feed.clock.pass(Math.floor(random() * 2000)),
    () => {
      if (!crashes || random() > 0.15) return;
      open.length = 0;
      feed.database.crash();
    },
  ];

  for (let step = 0; step < STEPS; step += 1) await pick(random, actions)();
  for (const transaction of open) feed.database.commit(transaction);
  feed.pump.tick();
  // The tick alone must bring everything that is still owed, however many rings were lost; a failed look is tried again.
  await feed.clock.pass(2 * TICK_MS);

  const committed = feed.database.committed;
  for (const { client, asked } of clients) {
    if (client.feed.breach !== null) throw client.feed.breach;
    for (const [id, { keys, ranged, before }] of asked) {
      const answer = client.feed.frames.findLast((frame) => 'id' in frame && frame.id === id);
      // Looks broke off for so long that it was told so, and nothing is owed to it.
      if (answer?.type === 'error' && answer.code === 'unavailable') continue;
      expect(client.feed.subscriptions, `subscription ${id}`).toContain(id);
      for (const key of keys ?? KEYS) {
        const got = client.feed.ids(id, key);
        const ofKey = committed.filter((row) => row.key === key).map((row) => Number(row.id));
        const owed = ranged ? ofKey : ofKey.filter((rowId) => !before.has(rowId));
        expect(
          owed.filter((rowId) => !got.has(rowId)),
          `F4 lost for ${id} ${key}`,
        ).toEqual([]);
        expect(
          [...got].filter((rowId) => !ofKey.includes(rowId)),
          `F4 made up for ${id} ${key}`,
        ).toEqual([]);
      }
    }
  }
  for (const { client } of clients) feed.hub.close(client.session);
  await feed.clock.pass(TICK_MS);
  expect(feed.database.held, 'snapshots that are still held open').toBe(0);
  bundles += clients.reduce((sum, { client }) => sum + client.feed.bundles, 0);
  return feed.hub.usage().cache.hits;
}

/** Messages of all runs that held several frames. */
let bundles = 0;

describe('the feed core under fuzz', () => {
  it('F2 F3 F4 F16 loses and doubles nothing, keeps every chain, and lets every snapshot go', async () => {
    let cached = 0;
    for (const seed of seeds(150, KNOWN)) {
      await withSeed(seed, 'test/contract/feed-fuzz.test.ts', async () => {
        cached += await scenario(seed, false);
      });
    }
    if (process.env.SEED !== undefined) return;
    expect(cached, 'snapshots out of the cache').toBeGreaterThan(100);
    expect(bundles, 'bundles').toBeGreaterThan(100);
  });

  it('F4 loses and doubles nothing when the database crashes and hands out transaction ids again', async () => {
    for (const seed of seeds(150, KNOWN)) {
      await withSeed(seed, 'test/contract/feed-fuzz.test.ts', async () => {
        await scenario(seed, true);
      });
    }
  });
});
