/** The page's store over a hand-fed connection: states, refresh, switching, holes, symbols; and the choices in the URL. */
import { describe, expect, test } from 'vitest';
import type { Command, FeedEvent } from '../../client/feed.ts';
import type { ChannelView, StreamView } from '../../client/model.ts';
import { createStore, type Store } from '../../client/store.ts';
import { createView, formatQuery, parseQuery, type View, type ViewEnvironment } from '../../client/view.ts';
import { type ServerFrame, subscribeFrame } from '../../shared/protocol.ts';
import { isStreamName, STREAM_NAMES, type StreamName } from '../../shared/streams.ts';
import { FakeClock } from '../support/fake-clock.ts';

/** A browser's parts, remembered in plain variables. */
class FakeBrowser implements ViewEnvironment {
  search: string;
  readonly stored = new Map<string, string>();
  #listener: () => void = () => {};

  constructor(search = '') {
    this.search = search;
  }
  query(): string {
    return this.search;
  }
  replaceQuery(query: string): void {
    this.search = `?${query}`;
  }
  onNavigate(listener: () => void): () => void {
    this.#listener = listener;
    return () => {
      this.#listener = () => {};
    };
  }
  recall(name: string): string | null {
    return this.stored.get(name) ?? null;
  }
  remember(name: string, value: string): void {
    this.stored.set(name, value);
  }
  /** The visitor goes to another URL of the page. */
  go(search: string): void {
    this.search = search;
    this.#listener();
  }
}

/** A store, its visitor, and the server's side of its connection. */
class Page {
  readonly clock = new FakeClock();
  readonly browser: FakeBrowser;
  readonly view: View;
  readonly store: Store;
  hidden = false;
  /** What `GET /api/symbols` answers; null: nothing but an error. */
  symbols: readonly string[] | null = ['BTC/USDT', 'ETH/USDT'];
  /** Newest subscription id of each stream. */
  readonly ids = new Map<StreamName, string>();
  readonly asked: {
    stream: string;
    keys?: string[] | undefined;
    range?: string | undefined;
    points?: number | undefined;
  }[] = [];
  #hear: (event: FeedEvent) => void = () => {};
  #visibility: () => void = () => {};
  #socket = 0;
  #cursor = 0;
  #heads = new Map<string, string>();

  constructor(search = '') {
    this.browser = new FakeBrowser(search);
    this.view = createView(this.browser);
    const after = (ms: number, action: () => void): (() => void) => this.clock.after(ms, action);
    this.store = createStore({
      view: this.view,
      timers: {
        after,
        every(ms, action) {
          let cancel = (): void => {};
          const again = (): void => {
            cancel = after(ms, () => {
              again();
              action();
            });
          };
          again();
          return () => cancel();
        },
      },
      now: () => this.clock.now(),
      random: () => 0.5,
      build: null,
      openEdge: (hear) => {
        this.#hear = hear;
        return { run: (command) => this.#run(command), stop: () => {} };
      },
      fetchSymbols: async () => {
        if (this.symbols === null) throw new Error('away');
        return this.symbols;
      },
      isHidden: () => this.hidden,
      onVisibility: (listener) => {
        this.#visibility = listener;
        return () => {};
      },
    });
    this.store.start();
  }

  #wake: () => void = () => {};
  #run(command: Command): void {
    if (command.type === 'connect') this.#socket = command.socket;
    if (command.type === 'wake') {
      this.#wake();
      this.#wake = this.clock.after(command.afterMs, () => this.#hear({ type: 'tick' }));
    }
    if (command.type !== 'send') return;
    const frame = subscribeFrame.safeParse(JSON.parse(command.text));
    if (!frame.success || !isStreamName(frame.data.stream)) return;
    this.ids.set(frame.data.stream, frame.data.id);
    this.asked.push(frame.data);
  }

  send(frame: ServerFrame): void {
    this.#hear({ type: 'frame', socket: this.#socket, text: JSON.stringify(frame) });
  }

  hello(ahead = 0): void {
    const rest = { heartbeat_ms: 5000, tick_ms: 10_000, demo: true, streams: [] };
    this.send({
      type: 'hello',
      protocol: 1,
      version: '9',
      build: 'b',
      epoch: 'e',
      time: this.clock.now() + ahead,
      ...rest,
    });
  }

  heartbeat(database: 'up' | 'down' = 'up'): void {
    this.send({ type: 'heartbeat', time: this.clock.now(), database, doorbell: 'up', freshness: {} });
  }

  subscribed(stream: StreamName): void {
    const id = this.ids.get(stream) ?? '';
    this.send({ type: 'subscribed', id, stream, keys: null, cursor: 'c', resumed: false });
  }

  /** A snapshot of rows with these rates a second apart, the last one now. */
  snapshot(stream: StreamName, key: string, values: number[]): void {
    const now = this.clock.now();
    const timestamp = values.map((_, index) => now - (values.length - 1 - index) * 1000);
    const columns = { timestamp, funding_rate: values, metric_value: values };
    const series =
      values.length === 0 ? [] : [{ name: stream === 'system_metrics' ? null : 'okx', columns, arrived: now }];
    const rest = { from: null, to: null, reduced: false, bucket_ms: null, rows_total: values.length };
    this.send({
      type: 'snapshot',
      id: this.ids.get(stream) ?? '',
      stream,
      key,
      cursor: this.#advance(stream, key),
      ...rest,
      series,
    });
  }

  synced(stream: StreamName): void {
    this.send({ type: 'synced', id: this.ids.get(stream) ?? '', cursor: 'c' });
  }

  delta(key: string, rate: number): void {
    const prev = this.#heads.get(`funding_rates ${key}`) ?? '';
    const time = this.clock.now();
    const rows = [{ id: 1, timestamp: time, exchange: 'okx', funding_rate: rate }];
    this.send({
      type: 'delta',
      stream: 'funding_rates',
      key,
      prev,
      cursor: this.#advance('funding_rates', key),
      time,
      via: 'notify',
      rows,
    });
  }

  /** Brings everything that was asked for: one row in the funding rates, nothing else. */
  load(key = 'BTC/USDT'): void {
    for (const stream of STREAM_NAMES) {
      this.subscribed(stream);
      if (stream !== 'system_metrics') this.snapshot(stream, key, stream === 'funding_rates' ? [1] : []);
      this.synced(stream);
    }
  }

  cut(): void {
    this.#hear({ type: 'closed', socket: this.#socket, code: 1006 });
  }

  setHidden(hidden: boolean): void {
    this.hidden = hidden;
    this.#visibility();
  }

  get funding(): StreamView {
    return this.store.stream('funding_rates').value;
  }

  get channel(): ChannelView | undefined {
    return this.funding.channels[0];
  }

  /** The funding rates as a chart would draw them. */
  get rates(): number[] {
    return [...(this.channel?.lines[0]?.columns.funding_rate ?? [])];
  }

  #advance(stream: StreamName, key: string): string {
    this.#cursor += 1;
    const cursor = `c${this.#cursor}`;
    this.#heads.set(`${stream} ${key}`, cursor);
    return cursor;
  }
}

function livePage(search = ''): Page {
  const page = new Page(search);
  page.hello();
  page.load(page.view.symbol.value);
  expect(page.store.feed.value).toBe('live');
  return page;
}

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

  test('shows a row at once, and no more often than a screen does', async () => {
    const page = livePage();
    await page.clock.pass(20);
    const { frame } = page.store;
    const before = frame.value;
    for (const rate of [2, 3, 4]) page.delta('BTC/USDT', rate);
    expect(page.rates).toEqual([1, 2]);
    expect(frame.value).toBe(before + 1);
    await page.clock.pass(16);
    expect(page.rates).toEqual([1, 2, 3, 4]);
    expect(frame.value).toBe(before + 2);
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

  test('a lost connection leaves a hole that is filled by what is loaded after it', async () => {
    const page = livePage();
    await page.clock.pass(1000);
    const lostAt = page.clock.now();
    page.heartbeat();
    page.cut();
    expect(page.store.feed.value).toBe('offline');
    expect(page.store.since.value).toBe(lostAt);
    expect(page.store.trouble.value).toContain('lost');
    await page.clock.pass(3000);
    expect(page.channel?.holes).toEqual([{ from: lostAt, to: lostAt + 3000, filled: false }]);
    page.hello();
    expect(page.funding.state).toBe('loading');
    page.load();
    expect(page.store.since.value).toBeNull();
    expect(page.store.trouble.value).toBeNull();
    expect(page.channel?.holes).toEqual([{ from: lostAt, to: lostAt + 3000, filled: true }]);
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

  test('loads a chart that grew wider finer, when it has stopped growing, and keeps the picture meanwhile', async () => {
    const page = livePage();
    const before = page.asked.length;
    for (const width of [1300, 1500, 1700]) page.store.setChartWidth('funding_rates', width);
    page.store.setChartWidth('anomalies', 300);
    await page.clock.pass(400);
    expect(page.asked).toHaveLength(before);
    await page.clock.pass(200);
    expect(page.asked.slice(before).map(({ stream, points }) => [stream, points])).toEqual([['funding_rates', 1800]]);
    expect(page.rates).toEqual([1]);
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

describe('the choices of the visitor', () => {
  test('symbol and range stand readable in the URL, beside what else is there', () => {
    const browser = new FakeBrowser('?debug=1');
    const view = createView(browser);
    expect([view.symbol.value, view.range.value]).toEqual(['BTC/USDT', '24h']);
    view.setSymbol('BTC/USDT:USDT');
    view.setRange('7d');
    expect(browser.search).toBe('?debug=1&symbol=BTC/USDT:USDT&range=7d');
    browser.go('?symbol=ETH/USDT&range=1h');
    expect([view.symbol.value, view.range.value]).toEqual(['ETH/USDT', '1h']);
  });

  test.each(['BTC/USDT', 'BTC/USDT:USDT', 'A&B=C', 'Ä %2F+?#'])('a symbol of %s comes back from the URL', (symbol) => {
    expect(parseQuery(formatQuery('', symbol, '6h'))).toEqual({ symbol, range: '6h' });
  });

  test('an unknown range is as good as none', () => {
    expect(parseQuery('?symbol=%20&range=5h')).toEqual({ symbol: null, range: null });
  });

  test('refresh, theme and zone are remembered, a pause is not', () => {
    const browser = new FakeBrowser();
    const view = createView(browser);
    view.setTheme('light');
    view.setZone('local');
    view.setRefresh('30s');
    view.setRefresh('paused');
    const next = createView(browser);
    expect([next.theme.value, next.zone.value, next.refresh.value]).toEqual(['light', 'local', '30s']);
  });

  test('a browser that forbids storage, or holds something else, has the defaults', () => {
    const browser = new FakeBrowser();
    browser.stored.set('theme', 'pink');
    expect(createView(browser).theme.value).toBe('system');
    browser.recall = () => {
      throw new Error('forbidden');
    };
    browser.remember = browser.recall;
    const view = createView(browser);
    view.setTheme('dark');
    expect([view.theme.value, view.zone.value]).toEqual(['dark', 'utc']);
  });

  test.each([
    ['', ['ADA/USDT', 'BTC/USDT'], 'BTC/USDT'],
    ['', ['ADA/USDT', 'ETH/USDT'], 'ADA/USDT'],
    ['?symbol=X', ['ADA/USDT'], 'X'],
    ['', [], 'BTC/USDT'],
  ])('with %j and the symbols %j it is %s', (search, symbols, symbol) => {
    const view = createView(new FakeBrowser(search));
    view.offerSymbols(symbols);
    expect(view.symbol.value).toBe(symbol);
  });
});
