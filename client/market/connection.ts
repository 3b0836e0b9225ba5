/**
 * The market's own connection: a second feed, of all symbols, open only while somebody looks. Another one than the page's,
 * because a stream has one subscription a connection, and the page's charts ask for another history of the same streams.
 */
import { batch, type ReadonlySignal, signal } from '@preact/signals';
import { ServerClock } from '../feed/clock.ts';
import { Feed, type FeedEvent, type News } from '../feed.ts';
import type { FeedState } from '../model.ts';
import { offReason } from '../store/held.ts';
import { troubleOf } from '../store/state.ts';
import type { FeedEdge, Timers } from '../store/types.ts';
import { MARKET_STREAMS, Market, type MarketStream } from './model.ts';

/** Who looks away and comes back within this time finds everything as it was. */
const LINGER_MS = 30_000;
/** A subscription may ask for so many points in all. */
const POINTS_MOST = 500_000;
/** Buckets of the anomalies' hour: one a minute, or as many as the number of symbols leaves. */
const BUCKETS = { most: 60, least: 16 } as const;

/** What the connection has from outside. */
export interface MarketDeps {
  readonly timers: Timers;
  /** This machine's clock, epoch ms. */
  now(): number;
  /** In [0, 1). */
  random(): number;
  readonly build: string | null;
  openEdge(hear: (event: FeedEvent) => void): FeedEdge;
  /** How many symbols there are, as far as is known. */
  symbolCount(): number;
}

/** The market, kept up to date while it is watched. */
export interface MarketLink {
  readonly market: Market;
  readonly feed: ReadonlySignal<FeedState>;
  /** Since when it is not live (server clock, epoch ms); null while it is. */
  readonly since: ReadonlySignal<number | null>;
  /** Why it is not live, in a sentence; null while it is, or while nothing is wrong yet. */
  readonly trouble: ReadonlySignal<string | null>;
  /** Why a stream cannot be had; null where it can. */
  readonly off: Readonly<Record<MarketStream, ReadonlySignal<string | null>>>;
  /** Whether the market has been here whole once. */
  readonly loaded: ReadonlySignal<boolean>;
  /** The server's clock, epoch ms. */
  serverNow(): number;
  /** Keeps the connection open; the result lets it go, and a while after the last one it is closed. */
  watch(): () => void;
  /** Calls back when the market may have changed, as often as frames come; the result stops that. */
  onChange(listener: () => void): () => void;
}

/** How finely the anomalies' hour is asked for, so that all symbols together stay within the limit. */
export function bucketsFor(symbols: number): number {
  return Math.max(BUCKETS.least, Math.min(BUCKETS.most, Math.floor(POINTS_MOST / Math.max(1, symbols))));
}

/** Makes the link; it connects when it is watched. */
export function createMarketLink(deps: MarketDeps): MarketLink {
  const clock = new ServerClock();
  const market = new Market();
  const feed = signal<FeedState>('offline');
  const since = signal<number | null>(null);
  const trouble = signal<string | null>(null);
  const off = { funding_rates: signal<string | null>(null), anomalies: signal<string | null>(null) };
  const loaded = signal(false);
  const listeners = new Set<() => void>();
  const whole = new Set<MarketStream>();
  let machine = new Feed(deps.random, deps.build);
  let edge: FeedEdge | null = null;
  let isOpen = false;
  let watchers = 0;
  let cancelClose: (() => void) | null = null;
  let heardAt = 0;

  const serverNow = (): number => deps.now() + clock.offset;

  // An edge may answer a command before it returns; what it says then waits for its turn.
  const events: FeedEvent[] = [];
  let isHandling = false;
  function hear(event: FeedEvent): void {
    events.push(event);
    if (isHandling) return;
    isHandling = true;
    try {
      batch(() => {
        for (let next = events.shift(); next !== undefined; next = events.shift()) handle(next);
        showFeed();
      });
    } finally {
      isHandling = false;
    }
    for (const listener of listeners) listener();
  }

  function handle(event: FeedEvent): void {
    for (const result of machine.handle(event, deps.now())) {
      switch (result.type) {
        case 'connect':
        case 'send':
        case 'close':
        case 'wake':
          edge?.run(result);
          break;
        // The page's own connection hears of the same build, and loads the page anew for both.
        case 'reload':
          break;
        default:
          learn(result);
      }
    }
    if (event.type === 'frame' && 'link' in machine.state) heardAt = serverNow();
  }

  function learn(news: News): void {
    switch (news.type) {
      case 'hello':
      case 'heartbeat':
        clock.note(news.frame.time, deps.now());
        break;
      case 'restart':
        market.restart(news.stream);
        break;
      case 'snapshot':
        market.load(news.frame, serverNow());
        break;
      case 'delta':
        clock.note(news.frame.time, deps.now());
        market.append(news.frame);
        break;
      case 'synced':
        market.finish(news.stream);
        for (const stream of MARKET_STREAMS) if (stream === news.stream) whole.add(stream);
        break;
      case 'lost':
        // The market's rows tell their own age, and the state of the connection the rest.
        break;
    }
  }

  function showFeed(): void {
    const { state } = machine;
    feed.value = state.name;
    if (state.name === 'live') since.value = null;
    else if (since.peek() === null) since.value = heardAt === 0 ? serverNow() : heardAt;
    const reasons = MARKET_STREAMS.map((stream) => offReason(machine, stream));
    for (const [index, stream] of MARKET_STREAMS.entries()) off[stream].value = reasons[index] ?? null;
    trouble.value = troubleOf(state, reasons.find((reason) => reason !== null) ?? null);
    // A stream that is off brings nothing that one could wait for.
    loaded.value ||= MARKET_STREAMS.every((stream) => whole.has(stream) || off[stream].peek() !== null);
  }

  function open(): void {
    cancelClose?.();
    cancelClose = null;
    if (isOpen) return;
    isOpen = true;
    since.value = null;
    heardAt = 0;
    edge ??= deps.openEdge(hear);
    hear({ type: 'want', want: { stream: 'funding_rates', keys: null, range: 'latest' } });
    const points = bucketsFor(deps.symbolCount());
    hear({ type: 'want', want: { stream: 'anomalies', keys: null, range: '1h', points } });
    hear({ type: 'start' });
  }

  function close(): void {
    cancelClose = null;
    isOpen = false;
    // The edge itself stays: to stop it would also take back the reload that the page's own connection may have asked for.
    hear({ type: 'stop' });
    // Going on from a cursor would bring every row of minutes, one by one; the history of all symbols is less.
    machine = new Feed(deps.random, deps.build);
    whole.clear();
  }

  return {
    market,
    feed,
    since,
    trouble,
    off,
    loaded,
    serverNow,
    watch() {
      watchers += 1;
      if (watchers === 1) open();
      let isHeld = true;
      return () => {
        if (!isHeld) return;
        isHeld = false;
        watchers -= 1;
        if (watchers > 0) return;
        cancelClose = deps.timers.after(LINGER_MS, close);
      };
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
