/** When the pump looks, and what a look finds after rings were lost, looks broke off or the database came back. */
import { describe, expect, it } from 'vitest';
import { rest } from '../support/fake-clock.ts';
import type { Client } from '../support/feed-harness.ts';
import { FeedHarness, TICK_MS } from '../support/feed-harness.ts';

async function subscribed(feed: FeedHarness): Promise<Client> {
  await feed.start();
  const client = feed.connect();
  client.say({ type: 'subscribe', id: 's', stream: 'funding_rates' });
  await feed.clock.pass(0);
  return client;
}

function delivered(client: Client): { ids: number[]; via: string[] } {
  if (client.feed.breach !== null) throw client.feed.breach;
  const deltas = client.feed.frames.filter((frame) => frame.type === 'delta');
  return { ids: deltas.flatMap(({ rows }) => rows.map(({ id }) => id)), via: deltas.map(({ via }) => via) };
}

describe('the pump', () => {
  it('F5 delivers at once what rang, and says that it was notified', async () => {
    const feed = new FeedHarness();
    const client = await subscribed(feed);
    const id = Number(feed.insert('BTC/USDT'));
    feed.pump.ring();
    await rest();
    expect(delivered(client)).toEqual({ ids: [id], via: ['notify'] });
  });

  it('F5 delivers by the tick what never rang, and says so', async () => {
    const feed = new FeedHarness();
    const client = await subscribed(feed);
    const id = Number(feed.insert('BTC/USDT'));
    feed.pump.tick();
    await rest();
    expect(delivered(client)).toEqual({ ids: [id], via: ['tick'] });
  });

  it('F5 delivers within a second what the gate swallowed, however late it is committed', async () => {
    const feed = new FeedHarness();
    const client = await subscribed(feed);
    const late = feed.database.begin();
    const lateId = Number(feed.database.insert(late, 'BTC/USDT'));
    const id = Number(feed.insert('BTC/USDT'));
    feed.pump.ring();
    await feed.clock.pass(30_000);
    expect(delivered(client).ids).toEqual([id]);
    // No ring: the gate was shut when the row was inserted.
    feed.database.commit(late);
    await feed.clock.pass(1000);
    expect(delivered(client).ids).toEqual([id, lateId]);
  });

  it('F5 delivers within a second what was swallowed behind a ring that is itself still uncommitted', async () => {
    const feed = new FeedHarness();
    const client = await subscribed(feed);
    await feed.clock.pass(5000);
    const id = Number(feed.insert('BTC/USDT'));
    await feed.clock.pass(1000);
    expect(delivered(client).ids).toEqual([id]);
  });

  it('F4 delivers what is committed late and out of order', async () => {
    const feed = new FeedHarness();
    const client = await subscribed(feed);
    const first = feed.database.begin();
    const second = feed.database.begin();
    const early = Number(feed.database.insert(first, 'BTC/USDT'));
    const later = Number(feed.database.insert(second, 'BTC/USDT'));
    feed.database.commit(second);
    feed.pump.ring();
    await rest();
    feed.database.commit(first);
    feed.pump.ring();
    await rest();
    expect(delivered(client).ids).toEqual([later, early]);
  });

  it('F4 goes on after a look that broke off, without doubling what it had delivered', async () => {
    const feed = new FeedHarness();
    const client = await subscribed(feed);
    const transaction = feed.database.begin();
    const ids = Array.from({ length: 8 }, () => Number(feed.database.insert(transaction, 'BTC/USDT')));
    feed.database.commit(transaction);
    feed.database.failAfterBatches = 2;
    feed.pump.ring();
    await rest();
    expect(delivered(client).ids).toEqual(ids.slice(0, 6));
    await feed.clock.pass(TICK_MS);
    expect(delivered(client).ids).toEqual(ids);
    expect(feed.errors).toHaveLength(1);
  });

  it('F4 finds rows that were written with a transaction id which a crash handed out again', async () => {
    const feed = new FeedHarness();
    const client = await subscribed(feed);
    const before = Number(feed.insert('BTC/USDT'));
    feed.pump.ring();
    // An id is used up without a trace, and all positions that are remembered lie above it.
    feed.database.abort(feed.database.begin());
    for (let tick = 0; tick < 5; tick += 1) {
      feed.pump.tick();
      await feed.clock.pass(TICK_MS);
    }
    feed.database.crash();
    const after = Number(feed.insert('BTC/USDT'));
    feed.pump.tick();
    await rest();
    expect(delivered(client).ids).toEqual([before, after]);
  });

  it('F4 does not deliver again after a crash what it had delivered shortly before', async () => {
    const feed = new FeedHarness();
    const client = await subscribed(feed);
    const before = [Number(feed.insert('BTC/USDT')), Number(feed.insert('ETH/USDT'))];
    feed.pump.ring();
    await feed.clock.pass(1000);
    feed.database.crash();
    feed.pump.tick();
    await rest();
    expect(new Set(delivered(client).ids)).toEqual(new Set(before));
    expect(delivered(client).ids).toHaveLength(2);
  });

  it('F6 says that history begins anew where the database was rewound, and shows it', async () => {
    const feed = new FeedHarness();
    await feed.start();
    const client = feed.connect();
    client.say({ type: 'subscribe', id: 's', stream: 'funding_rates', keys: ['BTC/USDT'], range: '1h' });
    await feed.clock.pass(0);
    const kept = Number(feed.insert('BTC/USDT'));
    feed.insert('BTC/USDT');
    feed.insert('BTC/USDT');
    for (let tick = 0; tick < 5; tick += 1) {
      feed.pump.tick();
      await feed.clock.pass(TICK_MS);
    }
    feed.database.rewind(1);
    feed.pump.tick();
    await feed.clock.pass(100);
    const kinds = client.feed.frames.map(({ type }) => type);
    expect(kinds.slice(kinds.indexOf('gap'))).toEqual(['gap', 'snapshot', 'synced']);
    const after = Number(feed.insert('BTC/USDT'));
    feed.pump.ring();
    await rest();
    if (client.feed.breach !== null) throw client.feed.breach;
    expect(client.feed.ids('s', 'BTC/USDT')).toEqual(new Set([kept, after]));
  });

  it('never looks twice at once', async () => {
    const feed = new FeedHarness();
    await feed.start();
    feed.database.mostLooksAtOnce = 0;
    for (let ring = 0; ring < 20; ring += 1) {
      feed.insert('BTC/USDT');
      feed.pump.ring();
      feed.pump.tick();
      await Promise.resolve();
    }
    await feed.clock.pass(5000);
    expect(feed.database.mostLooksAtOnce).toBe(1);
  });
});
