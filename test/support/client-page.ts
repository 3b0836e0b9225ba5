/** A page without a browser: its store over a connection that a test feeds by hand, on a clock that the test moves. */
import type { Command, FeedEvent } from '../../client/feed.ts';
import type { ChannelView, StreamView } from '../../client/model.ts';
import { createStore, type Store } from '../../client/store.ts';
import { createView, type View, type ViewEnvironment } from '../../client/view.ts';
import { type ServerFrame, subscribeFrame, type Via } from '../../shared/protocol.ts';
import { isStreamName, STREAM_NAMES, type StreamName } from '../../shared/streams.ts';
import { FakeClock } from './fake-clock.ts';

/** A browser's parts, remembered in plain variables. */
export class FakeBrowser implements ViewEnvironment {
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

interface DeltaDetails {
  readonly via?: Via;
  readonly id?: number;
  /** The row's own time, epoch ms; now where it is not given. */
  readonly at?: number;
}

/** A store, its visitor, and the server's side of its connection. */
export class Page {
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
    bucket_ms?: number | undefined;
    points?: number | undefined;
    since?: string | undefined;
  }[] = [];
  #hear: (event: FeedEvent) => void = () => {};
  #visibility: () => void = () => {};
  #socket = 0;
  #cursor = 0;
  #heads = new Map<string, string>();
  #gathered: string[] | null = null;

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
    const text = JSON.stringify(frame);
    if (this.#gathered === null) this.#hear({ type: 'frame', socket: this.#socket, text });
    else this.#gathered.push(text);
  }

  /** Sends the frames of some work in one bundle (F16). */
  bundle(work: () => void): void {
    const gathered: string[] = [];
    this.#gathered = gathered;
    work();
    this.#gathered = null;
    this.#hear({ type: 'frame', socket: this.#socket, text: `{"type":"bundle","frames":[${gathered.join(',')}]}` });
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

  subscribed(stream: StreamName, resumed = false): void {
    const id = this.ids.get(stream) ?? '';
    this.send({ type: 'subscribed', id, stream, keys: null, cursor: 'c', resumed });
  }

  gap(stream: StreamName, key: string | null): void {
    const cursor = this.#advance(stream, key ?? '');
    const id = this.ids.get(stream) ?? '';
    this.send({ type: 'gap', id, stream, key, cursor, reason: 'slow_consumer' });
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
    this.#cursor += 1;
    this.send({ type: 'synced', id: this.ids.get(stream) ?? '', cursor: `c${this.#cursor}` });
  }

  /** A funding rate, of which this was the row's time and by which the row is known; 1 where that does not matter. */
  delta(key: string, rate: number, { via = 'notify', id = 1, at }: DeltaDetails = {}): void {
    const prev = this.#heads.get(`funding_rates ${key}`) ?? '';
    const time = this.clock.now();
    const rows = [{ id, timestamp: at ?? time, symbol: key, exchange: 'okx', funding_rate: rate }];
    this.send({
      type: 'delta',
      stream: 'funding_rates',
      key,
      prev,
      cursor: this.#advance('funding_rates', key),
      time,
      via,
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

  /** Cursor of a channel's last frame. */
  head(stream: StreamName, key: string): string | undefined {
    return this.#heads.get(`${stream} ${key}`);
  }

  cut(): void {
    this.#hear({ type: 'closed', socket: this.#socket, code: 1006 });
  }

  setHidden(hidden: boolean): void {
    this.hidden = hidden;
    this.#visibility();
    if (!hidden) this.#hear({ type: 'visible' });
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

export function livePage(search = ''): Page {
  const page = new Page(search);
  page.hello();
  page.load(page.view.symbol.value);
  if (page.store.feed.value !== 'live') throw new Error(`expected to be live, is ${page.store.feed.value}`);
  return page;
}
