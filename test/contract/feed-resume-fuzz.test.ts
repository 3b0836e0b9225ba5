/**
 * Clients that are cut at any moment and come back with the cursor that they have, clients that stand still, servers that
 * are replaced, databases that crash: what a client holds in the end is what the table holds.
 */
import { describe, expect, it } from 'vitest';
import type { LogLimits } from '../../server/feed/log.ts';
import type { Client } from '../support/feed-harness.ts';
import { FeedHarness, LIMITS, TICK_MS } from '../support/feed-harness.ts';
import type { Transaction } from '../support/model-database.ts';
import { pick, seeded, seeds, withSeed } from '../support/random.ts';

const KEYS = ['BTC/USDT', 'ETH/USDT', 'SOL/USDT'];
const STEPS = 300;
const FILE = 'test/contract/feed-resume-fuzz.test.ts';

/** A program that wants one subscription for ever. */
interface Follower {
  client: Client;
  readonly keys: readonly string[] | null;
  readonly ranged: boolean;
  /** Ids in the table when it began: without a range they are not owed. */
  before: ReadonlySet<number>;
}

interface Options {
  readonly log: LogLimits;
  readonly crashes: boolean;
  readonly replacements: boolean;
  readonly stalls: boolean;
}

async function scenario(seed: number, { log, crashes, replacements, stalls }: Options): Promise<void> {
  const random = seeded(seed);
  const feed = new FeedHarness({ ...LIMITS, log });
  await feed.start();
  const open: Transaction[] = [];
  const followers: Follower[] = [];
  let lostToRecorders = 0;
  const committedIds = (): Set<number> => new Set(feed.database.committed.map(({ id }) => Number(id)));

  function follow(follower: Follower): void {
    const { client, ranged } = follower;
    let isFirst = client.feed.resumable('s') === null;
    client.feed.onSubscribed = (id, keys, resumed) => {
      if (ranged && !resumed) client.feed.expectSnapshots(id, keys);
      if (isFirst) follower.before = committedIds();
      isFirst = false;
    };
    client.feed.onGap = () => {
      if (!ranged) lostToRecorders += 1;
    };
    const since = client.feed.resumable('s')?.since ?? null;
    client.say({
      type: 'subscribe',
      id: 's',
      stream: 'funding_rates',
      ...(follower.keys === null ? {} : { keys: follower.keys }),
      ...(ranged ? { range: '1h' } : {}),
      ...(since === null ? {} : { since }),
      detail: pick(random, ['values', 'full']),
    });
  }

  function reconnect(follower: Follower): void {
    const { breach } = follower.client.feed;
    if (breach !== null) throw breach;
    const known = follower.client.feed.resumable('s');
    feed.hub.close(follower.client.session);
    follower.client = feed.connect(random() < 0.5);
    if (known !== null) follower.client.feed.resumeFrom('s', known);
    follow(follower);
  }

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
      if (followers.length >= 4) return;
      const keys = random() < 0.3 ? null : KEYS.filter(() => random() < 0.6);
      if (keys?.length === 0) return;
      const follower = {
        client: feed.connect(random() < 0.5),
        keys,
        ranged: random() < 0.5,
        before: new Set<number>(),
      };
      followers.push(follower);
      follow(follower);
    },
    () => {
      if (followers.length > 0) reconnect(pick(random, followers));
    },
    () => {
      if (stalls && followers.length > 0) pick(random, followers).client.feed.stalled = true;
    },
    () => {
      for (const { client } of followers) {
        if (random() < 0.5) continue;
        client.feed.catchUp();
        client.session.acknowledged();
      }
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
    async () => {
      if (!replacements || random() > 0.15) return;
      for (const { client } of followers) feed.hub.close(client.session);
      await feed.replaceServer();
      for (const follower of followers) reconnect(follower);
    },
  ];

  for (let step = 0; step < STEPS; step += 1) await pick(random, actions)();
  for (const transaction of open) feed.database.commit(transaction);
  feed.pump.tick();
  for (let turn = 0; turn < 8; turn += 1) {
    await feed.clock.pass(TICK_MS / 4);
    for (const follower of followers) {
      // Who was closed for standing still, or refused because a look failed just then, comes back as any client would.
      const errors = follower.client.feed.frames.at(-1)?.type === 'error';
      if (follower.client.feed.closedWith !== null || errors) reconnect(follower);
      follower.client.feed.catchUp();
      follower.client.session.acknowledged();
    }
  }

  const committed = feed.database.committed;
  for (const { client, keys, ranged, before } of followers) {
    if (client.feed.breach !== null) throw client.feed.breach;
    for (const key of keys ?? KEYS) {
      const got = client.feed.ids('s', key);
      const ofKey = committed.filter((row) => row.key === key).map((row) => Number(row.id));
      const owed = ranged ? ofKey : ofKey.filter((id) => !before.has(id));
      expect(
        owed.filter((id) => !got.has(id)),
        `F6 lost for ${ranged ? 'a chart' : 'a recorder'} of ${key}`,
      ).toEqual([]);
      expect(
        [...got].filter((id) => !ofKey.includes(id)),
        `F6 made up for ${key}`,
      ).toEqual([]);
    }
  }
  expect(lostToRecorders, 'gaps that a recorder was told').toBe(0);
  for (const { client } of followers) feed.hub.close(client.session);
  await feed.clock.pass(TICK_MS);
  expect(feed.database.held, 'snapshots that are still held open').toBe(0);
  expect(feed.hub.usage().history_bytes, 'bytes of history that are still held').toBe(0);
}

const AMPLE: LogLimits = { rows: 100_000, bytes: 64 * 1024 * 1024, ageMs: 3_600_000 };
/** So little that nearly everything has to be read from the table again. */
const SCARCE: LogLimits = { rows: 100_000, bytes: 4000, ageMs: 3_600_000 };

describe('resuming under fuzz', () => {
  it('F6 F7 loses and doubles nothing for clients that are cut and clients that stand still', async () => {
    for (const seed of seeds(120)) {
      await withSeed(seed, FILE, () =>
        scenario(seed, { log: AMPLE, crashes: false, replacements: false, stalls: true }),
      );
    }
  });

  it('F6 F7 loses and doubles nothing where the log is too small and the table is read again', async () => {
    for (const seed of seeds(120)) {
      await withSeed(seed, FILE, () =>
        scenario(seed, { log: SCARCE, crashes: false, replacements: false, stalls: true }),
      );
    }
  });

  it('F6 loses and doubles nothing over servers that know nothing but the database', async () => {
    for (const seed of seeds(120)) {
      await withSeed(seed, FILE, () =>
        scenario(seed, { log: AMPLE, crashes: false, replacements: true, stalls: false }),
      );
    }
  });

  it('F6 loses and doubles nothing over crashes of the database that hand out transaction ids again', async () => {
    for (const seed of seeds(120)) {
      await withSeed(seed, FILE, () =>
        scenario(seed, { log: SCARCE, crashes: true, replacements: true, stalls: true }),
      );
    }
  });
});
