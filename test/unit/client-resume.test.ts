/** What the page shows of a connection that was lost: the time without it hatched, then filled, stream by stream. */
import { describe, expect, test } from 'vitest';
import { Cursors, RESUME_WITHIN_MS } from '../../client/feed/cursors.ts';
import { STREAM_NAMES, type StreamName } from '../../shared/streams.ts';
import { livePage, type Page } from '../support/client-page.ts';

/** Cuts the connection and has it made again after `ms`. */
async function away(page: Page, ms: number): Promise<void> {
  page.cut();
  page.setHidden(true);
  await page.clock.pass(ms);
  page.setHidden(false);
  page.hello();
}

const newest = (page: Page, stream: StreamName) => page.asked.findLast((asked) => asked.stream === stream);

describe('F6 a lost connection', () => {
  test('is hatched from when it was last heard, per stream until the rows missed have come', async () => {
    const page = livePage();
    await page.clock.pass(1000);
    const lostAt = page.clock.now();
    page.heartbeat();
    await page.clock.pass(1000);
    page.cut();
    expect(page.store.feed.value).toBe('offline');
    expect(page.store.since.value).toBe(lostAt);
    expect(page.store.trouble.value).toContain('lost');
    for (const name of STREAM_NAMES) expect(page.store.stream(name).value.lostFrom, name).toBe(lostAt);
    expect(page.funding.state).toBe('stale');
    await page.clock.pass(1000);

    page.hello();
    // A connection alone brings no rows: the tail is as unknown as before.
    expect(page.funding).toMatchObject({ state: 'stale', lostFrom: lostAt });
    page.subscribed('funding_rates', true);
    page.delta('BTC/USDT', 2, { via: 'replay', id: 2 });
    expect(page.funding).toMatchObject({ state: 'stale', lostFrom: lostAt });
    page.synced('funding_rates');
    expect(page.funding).toMatchObject({ state: 'live', lostFrom: null });
    expect(page.rates).toEqual([1, 2]);
    expect(page.store.stream('anomalies').value.lostFrom).toBe(lostAt);
  });

  test('is resumed from the newest cursor, and the rows stay as they are', async () => {
    const page = livePage();
    page.delta('BTC/USDT', 2);
    page.cut();
    expect(page.asked.slice(0, STREAM_NAMES.length).map(({ since }) => since)).toEqual(
      STREAM_NAMES.map(() => undefined),
    );
    await page.clock.pass(1000);
    page.hello();
    expect(newest(page, 'funding_rates')?.since).toBe(page.head('funding_rates', 'BTC/USDT'));
    expect(newest(page, 'anomalies')?.since).toMatch(/^c\d+$/);
    page.subscribed('funding_rates', true);
    page.synced('funding_rates');
    expect(page.rates).toEqual([1, 2]);
    expect(page.funding.state).toBe('live');
    expect(page.store.counts().resumes).toBe(1);
  });

  test('in the middle of a replay has it sent again, and no row shown twice', async () => {
    const page = livePage();
    const lostAt = page.clock.now();
    const replay = (ids: number[]): void => {
      page.subscribed('funding_rates', true);
      for (const id of ids) page.delta('BTC/USDT', id, { via: 'replay', id, at: lostAt + id });
    };
    await away(page, 1000);
    const since = newest(page, 'funding_rates')?.since;
    replay([2, 4]);
    await away(page, 1000);
    expect(newest(page, 'funding_rates')?.since).toBe(since);
    replay([2, 4, 3]);
    page.synced('funding_rates');
    // Row 3 came last and belongs between the others.
    expect(page.rates).toEqual([1, 2, 3, 4]);
    expect(page.store.counts().repeats).toBe(2);
    page.delta('BTC/USDT', 5, { id: 5 });
    await away(page, 1000);
    expect(newest(page, 'funding_rates')?.since).toBe(page.head('funding_rates', 'BTC/USDT'));
  });

  test('is not resumed after long, nor into a picture that was changed meanwhile', async () => {
    const page = livePage();
    await away(page, RESUME_WITHIN_MS + 1);
    expect(newest(page, 'funding_rates')?.since).toBeUndefined();
    page.load();
    page.cut();
    page.view.setSymbol('ETH/USDT');
    page.view.setSymbol('BTC/USDT');
    await page.clock.pass(1000);
    page.hello();
    expect(newest(page, 'funding_rates')?.since).toBeUndefined();
    expect(newest(page, 'system_metrics')?.since).toMatch(/^c\d+$/);
  });

  test('is resumed where nothing came for long before it, as long as the connection was heard', async () => {
    const page = livePage();
    for (let passed = 0; passed <= RESUME_WITHIN_MS; passed += 5000) {
      await page.clock.pass(5000);
      page.heartbeat();
    }
    await away(page, RESUME_WITHIN_MS - 1000);
    expect(newest(page, 'funding_rates')?.since).toMatch(/^c\d+$/);
  });

  test('while the tab was hidden is made good when the tab is shown', async () => {
    const page = livePage();
    await away(page, 60_000);
    expect(page.store.feed.value).toBe('syncing');
    for (const name of STREAM_NAMES) page.subscribed(name, true);
    for (const id of [2, 3]) page.delta('BTC/USDT', id, { via: 'replay', id });
    for (const name of STREAM_NAMES) page.synced(name);
    expect(page.store.feed.value).toBe('live');
    expect(page.rates).toEqual([1, 2, 3]);
  });

  test('that cannot be resumed is made good by a history', async () => {
    const page = livePage();
    await away(page, 1000);
    page.subscribed('funding_rates');
    page.gap('funding_rates', null);
    page.snapshot('funding_rates', 'BTC/USDT', [1, 2, 3]);
    expect(page.funding.state).toBe('stale');
    page.synced('funding_rates');
    expect(page.funding).toMatchObject({ state: 'live', lostFrom: null });
    expect(page.rates).toEqual([1, 2, 3]);
  });

  test('while a history comes has it sent anew', async () => {
    const page = livePage();
    await away(page, 1000);
    expect(newest(page, 'funding_rates')?.since).toMatch(/^c\d+$/);
    page.subscribed('funding_rates');
    page.snapshot('funding_rates', 'BTC/USDT', [1, 2, 3]);
    await away(page, 1000);
    // Another server may know the old cursor, but the rows are no longer those of then.
    expect(newest(page, 'funding_rates')?.since).toBeUndefined();
  });

  test('whose cursor is refused is made good by a history, asked for at once', async () => {
    const page = livePage();
    await away(page, 1000);
    const id = page.ids.get('funding_rates') ?? '';
    page.send({ type: 'error', id, code: 'bad_cursor', message: 'c2 is no cursor.' });
    expect(newest(page, 'funding_rates')?.since).toBeUndefined();
    expect(page.ids.get('funding_rates')).not.toBe(id);
    page.subscribed('funding_rates');
    page.snapshot('funding_rates', 'BTC/USDT', [1, 2]);
    page.synced('funding_rates');
    expect(page.funding).toMatchObject({ state: 'live', lostFrom: null });
  });

  test('to a stream that is off is made good when the stream is back', async () => {
    const page = livePage();
    const lostAt = page.clock.now();
    const id = page.ids.get('funding_rates') ?? '';
    page.send({ type: 'error', id, code: 'unavailable', message: 'stream funding_rates is off: tried. Wait.' });
    expect(page.funding).toMatchObject({ state: 'off', lostFrom: lostAt });
    await page.clock.pass(1000);
    expect(newest(page, 'funding_rates')?.since).toMatch(/^c\d+$/);
    page.subscribed('funding_rates', true);
    page.delta('BTC/USDT', 2, { via: 'replay', id: 2 });
    expect(page.funding.state).toBe('stale');
    page.synced('funding_rates');
    expect(page.funding).toMatchObject({ state: 'live', lostFrom: null });
    expect(page.rates).toEqual([1, 2]);
  });

  test('that is silent for a while is hatched too, and is not once it speaks', async () => {
    const page = livePage();
    const heardAt = page.clock.now();
    await page.clock.pass(11_000);
    expect(page.store.feed.value).toBe('stale');
    expect(page.funding).toMatchObject({ state: 'stale', lostFrom: heardAt });
    page.heartbeat();
    expect(page.funding).toMatchObject({ state: 'live', lostFrom: null });
  });

  test('does not make rows look fresh that came long ago', async () => {
    const page = livePage();
    for (let beat = 0; beat < 3; beat += 1) {
      await page.clock.pass(2000);
      page.delta('BTC/USDT', beat);
    }
    const lostAt = page.clock.now();
    await away(page, 120_000);
    page.subscribed('funding_rates', true);
    page.delta('BTC/USDT', 9, { via: 'replay', id: 9, at: lostAt + 3000 });
    page.synced('funding_rates');
    expect(page.funding).toMatchObject({ state: 'stale', arrivedAt: lostAt + 3000 });
    expect(page.channel?.lines[0]?.spacingMs).toBeLessThan(5000);
  });
});

describe('F7 a gap', () => {
  test.each(['BTC/USDT', null])('of %s is hatched until its history has come', async (key) => {
    const page = livePage();
    await page.clock.pass(1000);
    page.heartbeat();
    const lostAt = page.clock.now();
    await page.clock.pass(1000);
    page.gap('funding_rates', key);
    expect(page.funding).toMatchObject({ state: 'stale', lostFrom: lostAt });
    expect(page.store.stream('anomalies').value.lostFrom).toBeNull();
    page.snapshot('funding_rates', 'BTC/USDT', [5, 6]);
    page.synced('funding_rates');
    expect(page.funding).toMatchObject({ state: 'live', lostFrom: null });
    expect(page.rates).toEqual([5, 6]);
  });
});

test('what a replay brought is remembered only until it is through', () => {
  const cursors = new Cursors();
  const { rows, ...rest } = { rows: [{ id: 1, timestamp: 5 }], prev: 'a', cursor: 'b', time: 6 };
  const frame = { type: 'delta', stream: 'anomalies', key: 'A', via: 'replay', ...rest, rows } as const;
  expect(cursors.unheld(frame)).toEqual(rows);
  cursors.note('anomalies', 'a', 0);
  expect(cursors.unheld(frame)).toEqual(rows);
  expect(cursors.unheld(frame)).toEqual([]);
  cursors.note('anomalies', 'b', 0);
  expect(cursors.unheld(frame)).toEqual(rows);
});

test('silence that a lost connection adds to is hatched from its beginning', async () => {
  const page = livePage();
  const arrivedAt = page.clock.now();
  for (let beat = 0; beat < 8; beat += 1) {
    await page.clock.pass(4500);
    page.heartbeat();
  }
  expect(page.funding).toMatchObject({ state: 'stale', lostFrom: null });
  page.cut();
  expect(page.funding).toMatchObject({ state: 'stale', lostFrom: arrivedAt });
});
