/**
 * What the console knows: the page's own feed machine and series, fed by a connection, looked at when a picture is drawn.
 * No clock, socket or terminal of its own, so that every state can be tried.
 */
import { ServerClock } from '../client/feed/clock.ts';
import { type Command, Feed, type FeedEvent, type News } from '../client/feed.ts';
import { type ChartState, type FeedState, RANGE_MS, type RangeName, type StreamView } from '../client/model.ts';
import { edgeAfter, spanOf } from '../client/painters/span.ts';
import type { CardContent } from '../client/recipes/recipe.ts';
import { CHART_ORDER, RECIPES } from '../client/recipes.ts';
import { HeldStream, offReason } from '../client/store/held.ts';
import { COLUMNS_USUAL, pictureFor } from '../client/store/picture.ts';
import { troubleOf } from '../client/store/state.ts';
import { lead, ofSymbol, until } from '../client/window.ts';
import type { Frame } from '../shared/protocol.ts';
import { STREAM_NAMES, type StreamName } from '../shared/streams.ts';
import { newestAnomalies, type SeenAnomaly } from './anomalies.ts';

/** What the visitor chose to see. */
export interface Choice {
  readonly symbol: string;
  readonly range: RangeName;
  /** List the anomalies of every symbol, in place of those of the chosen one. */
  readonly everyAnomaly: boolean;
}

/** One stream as it is to be shown. Times are those of the server's clock, epoch ms. */
export interface SeenStream {
  readonly stream: StreamName;
  readonly title: string;
  readonly state: ChartState;
  /** Why it is off; null where it is not. */
  readonly offReason: string | null;
  readonly card: CardContent | null;
  readonly rowsLastHour: number;
  readonly arrivedAt: number | null;
  /** The window of the sparkline. */
  readonly from: number;
  readonly to: number;
  /** Since when nothing in the window is known to be whole; null where all of it is. */
  readonly doubtFrom: number | null;
  /** Whether rows may be missing, because there was no connection or the server could not send them. */
  readonly isCut: boolean;
}

/** Everything there is to show at one moment. */
export interface Seen {
  readonly choice: Choice;
  /** The server's clock, epoch ms. */
  readonly now: number;
  readonly feed: FeedState;
  /** What keeps the feed from being live on a connection that stands, or kept the last one from standing; null where nothing is known to. */
  readonly trouble: string | null;
  /** Since when it is not live (server's clock, epoch ms); null while it is. */
  readonly since: number | null;
  /** How long until the next try, in ms; null where none is waited for. */
  readonly retryMs: number | null;
  /** Within how many ms rows arrive while notifications are down; null while they work. */
  readonly slowMs: number | null;
  readonly demo: boolean;
  readonly streams: readonly SeenStream[];
  readonly anomalies: readonly SeenAnomaly[];
}

export interface BoardDeps {
  /** This machine's clock, epoch ms. */
  now(): number;
  /** In [0, 1). */
  random(): number;
  run(command: Command): void;
  /** The server said hello. */
  greeted(): void;
}

/** The feed, what is held of it, and the choice that it is held for. */
export class Board {
  readonly #deps: BoardDeps;
  readonly #machine: Feed;
  readonly #clock = new ServerClock();
  readonly #streams: ReadonlyMap<StreamName, HeldStream>;
  #choice: Choice;
  #hello: Frame<'hello'> | null = null;
  #heartbeat: Frame<'heartbeat'> | null = null;
  /** When the connection was last heard, and since when it is not live; server's clock. */
  #heardAt: number;
  /** Why the last connection failed, in the words of the system or the server; empty where they had none. */
  #failure = '';
  #since: number | null;

  constructor(choice: Choice, deps: BoardDeps) {
    this.#deps = deps;
    this.#choice = choice;
    this.#machine = new Feed(() => deps.random(), null);
    this.#heardAt = deps.now();
    this.#since = this.#heardAt;
    this.#streams = new Map(
      STREAM_NAMES.map((name) => [name, new HeldStream(name, this.#pictureOf(name), COLUMNS_USUAL)]),
    );
  }

  get choice(): Choice {
    return this.#choice;
  }

  /** Begins to connect, and asks for everything. */
  start(): void {
    this.#ask();
    this.hear({ type: 'start' });
  }

  stop(): void {
    this.hear({ type: 'stop' });
  }

  /** Shows something else; what was shown before stays, as loading, until it comes. */
  choose(choice: Choice): void {
    this.#choice = choice;
    this.#ask();
  }

  /** Takes in what happened to the connection or the clock. `failure`: why a connection closed, where that is known. */
  hear(event: FeedEvent, failure?: string): void {
    if (failure !== undefined) this.#failure = failure;
    const wasConnected = 'link' in this.#machine.state;
    for (const result of this.#machine.handle(event, this.#deps.now())) {
      switch (result.type) {
        case 'connect':
        case 'send':
        case 'close':
        case 'wake':
          this.#deps.run(result);
          break;
        case 'reload':
          // Another build of the page is nothing to a terminal.
          break;
        default:
          this.#learn(result);
      }
    }
    const { state } = this.#machine;
    if ('link' in state) {
      if (event.type === 'frame') this.#heardAt = this.#now();
    } else if (wasConnected) {
      for (const held of this.#streams.values()) held.lose(this.#heardAt);
    }
    if (state.name === 'live') this.#since = null;
    else this.#since ??= this.#heardAt;
  }

  /** What there is to show now. */
  look(): Seen {
    const { state } = this.#machine;
    const now = this.#now();
    const reasons = STREAM_NAMES.map((name) => offReason(this.#machine, name));
    const views = new Map([...this.#streams].map(([name, held]) => [name, this.#viewOf(held, now)]));
    const anomalies = views.get('anomalies');
    const { symbol, everyAnomaly } = this.#choice;
    const isSlow = this.#heartbeat?.database === 'up' && this.#heartbeat.doorbell === 'down';
    return {
      choice: this.#choice,
      now,
      feed: state.name,
      trouble: this.#trouble(reasons.find((reason) => reason !== null) ?? null),
      since: this.#since,
      retryMs:
        state.name === 'offline' && state.retryAt !== null ? Math.max(0, state.retryAt - this.#deps.now()) : null,
      slowMs: isSlow ? (this.#hello?.tick_ms ?? null) : null,
      demo: this.#hello?.demo ?? false,
      streams: CHART_ORDER.flatMap((name) => {
        const view = views.get(name);
        return view === undefined ? [] : [this.#seen(view, now)];
      }),
      anomalies: anomalies === undefined ? [] : newestAnomalies(anomalies, everyAnomaly ? null : symbol),
    };
  }

  #trouble(reason: string | null): string | null {
    const { state } = this.#machine;
    if (state.name === 'offline' || state.name === 'connecting') return this.#failure === '' ? null : this.#failure;
    return troubleOf(state, reason);
  }

  #now(): number {
    return this.#deps.now() + this.#clock.offset;
  }

  #pictureOf(name: StreamName) {
    const { symbol, range, everyAnomaly } = this.#choice;
    const picture = pictureFor(name, COLUMNS_USUAL, range, [symbol]);
    return name === 'anomalies' && everyAnomaly ? { ...picture, keys: null } : picture;
  }

  #ask(): void {
    for (const { name, series } of this.#streams.values()) {
      series.ask(this.#pictureOf(name));
      const { keys, range, bucketMs, points } = series.picture;
      this.hear({ type: 'want', want: { stream: name, keys, range, bucketMs, points } });
    }
  }

  #learn(news: News): void {
    const now = this.#deps.now();
    switch (news.type) {
      case 'hello':
        this.#clock.note(news.frame.time, now);
        this.#hello = news.frame;
        this.#heartbeat = null;
        this.#deps.greeted();
        break;
      case 'heartbeat':
        this.#clock.note(news.frame.time, now);
        this.#heartbeat = news.frame;
        break;
      case 'restart':
        this.#streams.get(news.stream)?.series.restart();
        break;
      case 'snapshot':
        this.#streams.get(news.frame.stream)?.series.load(news.frame, this.#now());
        break;
      case 'delta':
        this.#clock.note(news.frame.time, now);
        this.#streams.get(news.frame.stream)?.series.append(news.frame);
        break;
      case 'synced':
        this.#streams.get(news.stream)?.complete();
        this.#streams.get(news.stream)?.series.finish();
        break;
      case 'lost':
        this.#streams.get(news.stream)?.lose(this.#heardAt);
    }
  }

  #viewOf(held: HeldStream, now: number): StreamView {
    held.series.slide(now);
    return held.viewAt({ machine: this.#machine, now, since: this.#since, countsFollow: true }, 0);
  }

  #seen(whole: StreamView, now: number): SeenStream {
    const { symbol } = this.#choice;
    const of = ofSymbol(whole, symbol);
    const { bucketMs, range } = of;
    const to = edgeAfter(now + lead(of, now), bucketMs);
    const span = spanOf(to, bucketMs, Math.ceil(RANGE_MS[range] / bucketMs));
    const view = until(of, to);
    const rangeMs = RANGE_MS[range];
    const context = { symbol, zone: 'utc', range, rangeMs, from: span.from, bucketMs, now, variant: '' } as const;
    return {
      stream: view.stream,
      title: RECIPES[view.stream].title,
      state: view.state,
      offReason: view.off?.reason ?? null,
      card: RECIPES[view.stream].card(view, context),
      rowsLastHour: view.channels.reduce((sum, channel) => sum + channel.rowsLastHour, 0),
      arrivedAt: view.arrivedAt,
      from: span.from,
      to,
      doubtFrom: view.lostFrom ?? (view.state === 'stale' ? view.arrivedAt : null),
      isCut: view.lostFrom !== null,
    };
  }
}
