/** The page's store over a hand-fed connection: states, refresh, switching and symbols. */
import { describe, expect, test } from 'vitest';
import { STREAM_NAMES } from '../../shared/streams.ts';
import { livePage, Page } from '../support/client-page.ts';

describe('the store', () => {
  test('goes from connecting over syncing to live, and its charts from loading to live or empty', () => {
    const page = new Page();
    expect(page.store.feed.value).toBe('connecting');
    expect(page.funding.state).toBe('loading');
    page.hello();
    expect(page.store.feed.value).toBe('syncing');
    expect(page.store.demo.value).toBe(true);
    expect(page.store.version.value).toBe('9');
    expect(page.store.since.value).not.toBeNull();
    page.load();
    expect(page.store.feed.value).toBe('live');
    expect(page.store.since.value).toBeNull();
    expect(page.funding.state).toBe('live');
    expect(page.rates).toEqual([1]);
    expect(page.store.stream('anomalies').value.state).toBe('empty');
    expect(page.store.stream('system_metrics').value.state).toBe('empty');
  });

  test('asks for the chosen symbol in four streams, and for every metric', () => {
    const page = livePage('?symbol=SOL/USDT&range=6h');
    expect(page.asked.map(({ stream, keys, range }) => [stream, keys, range])).toEqual(
      STREAM_NAMES.map((stream) => [stream, stream === 'system_metrics' ? undefined : ['SOL/USDT'], '6h']),
    );
  });

  test('shows a row at once, and a burst in few pictures', async () => {
    const page = livePage();
    await page.clock.pass(30);
    const { frame } = page.store;
    const before = frame.value;
    for (const rate of [2, 3, 4]) page.delta('BTC/USDT', rate);
    expect(page.rates).toEqual([1, 2]);
    expect(frame.value).toBe(before + 1);
    await page.clock.pass(30);
    expect(page.rates).toEqual([1, 2, 3, 4]);
    expect(frame.value).toBe(before + 2);
  });

  test('F16 takes a bundle in whole before it draws, once', async () => {
    const page = livePage();
    await page.clock.pass(40);
    const { frame } = page.store;
    const before = frame.value;
    page.bundle(() => {
      for (const rate of [2, 3, 4]) page.delta('BTC/USDT', rate);
    });
    expect(page.rates).toEqual([1, 2, 3, 4]);
    expect(frame.value).toBe(before + 1);
    await page.clock.pass(100);
    expect(frame.value).toBe(before + 1);
  });

  test('while paused draws nothing and holds the right edge, and jumps to now when live again', async () => {
    const page = livePage();
    await page.clock.pass(1000);
    page.view.setRefresh('paused');
    const { frame, viewNow } = page.store;
    const held = { frame: frame.value, viewNow: viewNow.value };
    for (let second = 0; second < 60; second += 1) {
      page.delta('BTC/USDT', second);
      await page.clock.pass(1000);
    }
    expect({ frame: frame.value, viewNow: viewNow.value }).toEqual(held);
    expect(page.rates).toEqual([1]);
    page.view.setRefresh('live');
    expect(frame.value).toBe(held.frame + 1);
    expect(viewNow.value).toBe(page.clock.now());
    expect(page.rates).toHaveLength(61);
  });

  test('every ten seconds draws every ten seconds', async () => {
    const page = livePage();
    page.view.setRefresh('10s');
    const before = page.store.frame.value;
    for (let second = 0; second < 30; second += 1) {
      await page.clock.pass(1000);
      page.delta('BTC/USDT', second);
    }
    expect(page.store.frame.value).toBe(before + 3);
  });

  test('a paused page still tells that its feed is lost', () => {
    const page = livePage();
    page.view.setRefresh('paused');
    page.cut();
    expect(page.store.feed.value).toBe('offline');
    expect(page.funding.state).toBe('stale');
  });

  test('another symbol keeps the old picture as loading until its first rows, also while paused', () => {
    const page = livePage();
    page.view.setRefresh('paused');
    page.view.setSymbol('ETH/USDT');
    expect(page.funding.state).toBe('loading');
    expect(page.channel?.key).toBe('BTC/USDT');
    page.delta('BTC/USDT', 5);
    expect(page.rates).toEqual([1]);
    page.subscribed('funding_rates');
    page.snapshot('funding_rates', 'ETH/USDT', [7, 8]);
    expect(page.channel?.key).toBe('ETH/USDT');
    expect(page.rates).toEqual([7, 8]);
    page.synced('funding_rates');
    expect(page.funding.state).toBe('live');
  });

  test('connected without a database is stale, not live', () => {
    const page = livePage();
    page.heartbeat('down');
    expect(page.store.feed.value).toBe('stale');
    expect(page.funding.state).toBe('stale');
    expect(page.store.trouble.value).toContain('database');
    page.heartbeat('up');
    expect(page.funding.state).toBe('live');
  });

  test('a series that falls silent is stale while the feed is live', async () => {
    const page = livePage();
    for (let beat = 0; beat < 7; beat += 1) {
      await page.clock.pass(4500);
      page.heartbeat();
    }
    expect(page.store.feed.value).toBe('live');
    expect(page.funding.state).toBe('stale');
    expect(page.channel?.lines[0]?.stale).toBe(true);
    page.delta('BTC/USDT', 2);
    expect(page.funding.state).toBe('live');
  });

  test('a stream that is off says why, in the words of the server', () => {
    const page = new Page();
    page.hello();
    const message = 'stream anomalies is off: column z_score is missing. Run migrate.';
    page.send({ type: 'error', id: page.ids.get('anomalies') ?? '', code: 'unavailable', message });
    expect(page.store.stream('anomalies').value).toMatchObject({ state: 'off', off: { reason: message } });
  });

  test('a hidden tab draws nothing, and everything once when it is shown', async () => {
    const page = livePage();
    await page.clock.pass(100);
    page.setHidden(true);
    const before = page.store.frame.value;
    for (let second = 0; second < 5; second += 1) {
      await page.clock.pass(1000);
      page.delta('BTC/USDT', second);
    }
    expect(page.store.frame.value).toBe(before);
    page.setHidden(false);
    expect(page.store.frame.value).toBe(before + 1);
    expect(page.rates).toHaveLength(6);
  });

  test("counts ages by the server's clock", async () => {
    const page = new Page();
    page.hello(3_600_000);
    expect(page.store.serverClockOffset.value).toBe(3_600_000);
    page.load();
    await page.clock.pass(1000);
    expect(page.store.now.value).toBe(page.clock.now() + 3_600_000);
    expect(page.store.viewNow.value).toBeGreaterThan(page.clock.now() + 3_590_000);
  });

  test('loads a chart that has another width in buckets that are its pixels, when it has stopped growing, and keeps the picture meanwhile', async () => {
    const page = livePage();
    const before = page.asked.length;
    for (const width of [1300, 1500, 1700]) page.store.setChartWidth('funding_rates', width);
    // A little narrower shows the same range in the same buckets.
    page.store.setChartWidth('anomalies', 1155);
    await page.clock.pass(400);
    expect(page.asked).toHaveLength(before);
    await page.clock.pass(200);
    expect(page.asked.slice(before).map(({ stream, bucket_ms, points }) => [stream, bucket_ms, points])).toEqual([
      ['funding_rates', 55_000, 1728],
    ]);
    expect(page.funding.bucketMs).toBe(75_000);
    expect(page.funding.state).toBe('live');
    page.subscribed('funding_rates');
    expect(page.funding.state).toBe('live');
    expect(page.rates).toEqual([1]);
  });

  test('another symbol does not load the metrics again, nor another URL everything twice', async () => {
    const page = livePage();
    for (const stream of STREAM_NAMES) page.store.setChartWidth(stream, 500);
    await page.clock.pass(600);
    const before = page.asked.length;
    page.view.setSymbol('ETH/USDT');
    expect(page.asked.slice(before).map(({ stream }) => stream)).toEqual(STREAM_NAMES.slice(0, 4));
    page.browser.go('?symbol=ADA/USDT&range=7d');
    expect(page.asked.slice(before + 4).map(({ keys, range }) => [keys?.[0], range])).toEqual([
      ...Array.from({ length: 4 }, () => ['ADA/USDT', '7d']),
      [undefined, '7d'],
    ]);
  });

  test('loads the symbols at every connect, and again soon where that failed', async () => {
    const page = new Page();
    page.symbols = null;
    page.hello();
    await page.clock.pass(1000);
    expect(page.store.symbols.value).toEqual([]);
    expect(page.store.counts().symbolFailures).toBe(1);
    page.symbols = ['ADA/USDT', 'ETH/USDT'];
    page.heartbeat();
    await page.clock.pass(8000);
    page.heartbeat();
    await page.clock.pass(8000);
    expect(page.store.symbols.value).toEqual(['ADA/USDT', 'ETH/USDT']);
    expect(page.view.symbol.value).toBe('ADA/USDT');
  });

  test('once stopped says and asks nothing any more', async () => {
    const page = livePage();
    page.store.stop();
    const before = { frame: page.store.frame.value, asked: page.asked.length };
    page.view.setSymbol('ETH/USDT');
    await page.clock.pass(60_000);
    expect({ frame: page.store.frame.value, asked: page.asked.length }).toEqual(before);
  });
});
