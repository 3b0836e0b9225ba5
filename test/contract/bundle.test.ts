/** When a connection that takes bundles is written to (F16), through the whole core, on a clock that stands still. */
import { beforeEach, describe, expect, it } from 'vitest';
import { GATHER_MS } from '../../server/feed/outbox.ts';
import { rest } from '../support/fake-clock.ts';
import { type Client, FeedHarness } from '../support/feed-harness.ts';

const KEYS = Array.from({ length: 20 }, (_, index) => `K${index}`);

let feed: FeedHarness;
let client: Client;

beforeEach(async () => {
  feed = new FeedHarness();
  // A look brings all that it finds at once, as it does of so few rows.
  feed.database.batchRows = 100;
  await feed.start();
  client = feed.connect(true);
  client.say({ type: 'subscribe', id: 's', stream: 'funding_rates' });
  // Longer than a paint: nothing waits.
  await feed.clock.pass(100);
});

/** A row of each key, each in a frame of its own; no time passes. */
async function deliver(keys: readonly string[] = KEYS): Promise<void> {
  for (const key of keys) feed.insert(key);
  feed.pump.ring();
  await rest(20);
}

const deltas = (of: Client = client): number => of.feed.frames.filter(({ type }) => type === 'delta').length;
const messages = (): number => client.feed.writes.reduce((sum, count) => sum + count, 0);

describe('a connection that takes bundles', () => {
  it('F16 has what comes within a paint gathered in one message, while others have it at once', async () => {
    const other = feed.connect();
    other.say({ type: 'subscribe', id: 's', stream: 'funding_rates' });
    await rest(20);
    const before = messages();
    await deliver(KEYS.slice(0, 7));
    await feed.clock.pass(GATHER_MS - 1);
    await deliver(KEYS.slice(7));
    expect({ mine: deltas(), theirs: deltas(other) }).toEqual({ mine: 0, theirs: 20 });
    await feed.clock.pass(1);
    expect(deltas()).toBe(20);
    expect(messages() - before).toBe(1);
    expect(client.feed.breach).toBeNull();
  });

  it('F13 F16 gets a heartbeat at once, behind the deltas that waited', async () => {
    await deliver();
    await deliver();
    feed.hub.heartbeat('up', 'up', ['funding_rates']);
    await rest(20);
    expect(deltas()).toBe(40);
    expect(client.feed.frames.at(-1)?.type).toBe('heartbeat');
  });

  it('F12 F16 gets what waited before it is said good-bye', async () => {
    await deliver();
    await deliver();
    feed.hub.goodbye('test', () => 1);
    expect(deltas()).toBe(40);
    expect(client.feed.frames.at(-1)?.type).toBe('bye');
    expect(client.feed.closedWith).toBe(1001);
  });

  it('F16 that is gone is not written to any more', async () => {
    await deliver();
    await deliver();
    feed.hub.close(client.session);
    await feed.clock.pass(100);
    expect(deltas()).toBe(0);
  });

  it('F7 F16 takes no more than others while it acknowledges nothing, and all of it afterwards', async () => {
    client.feed.stalled = true;
    for (let round = 0; round < 200; round += 1) {
      await deliver();
      await feed.clock.pass(1);
    }
    expect(client.feed.credit.unacknowledged).toBeGreaterThan(65_536);
    expect(client.feed.credit.unacknowledged).toBeLessThan(262_144 + 65_536);
    client.feed.catchUp();
    client.session.acknowledged();
    await feed.clock.pass(5000);
    expect(deltas()).toBe(4000);
    expect(client.feed.breach).toBeNull();
  });
});
