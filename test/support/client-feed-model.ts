/**
 * The world around the client's machine: a model of the server, a transport that can be cut between any two frames, and
 * the series of the page's charts, which take in what the machine says. No timers, no sockets.
 */
import { Feed, type FeedEvent, type News, type Want } from '../../client/feed.ts';
import { RANGES } from '../../client/model.ts';
import { type Picture, StreamSeries } from '../../client/series.ts';
import { type ServerFrame, serverFrame, subscribeFrame } from '../../shared/protocol.ts';
import type { StreamName } from '../../shared/streams.ts';
import { ModelServer } from './client-feed-server.ts';
import { rangeMs, valueColumn } from './client-feed-stream.ts';

/** What most tests want. */
export const WANT: Want = { stream: 'funding_rates', keys: ['BTC/USDT'], range: '24h', bucketMs: 75_000, points: 1200 };

/** The one subscription of a stream that the client asked for last, as its contract sees it. */
interface Asked {
  readonly id: string;
  readonly want: string;
  /** Whether deltas move the cursor that the client may resume from. */
  live: boolean;
}

/** A cursor that a stream may be resumed from (F6), and for what. */
interface Resumable {
  readonly cursor: string;
  readonly want: string;
}

/** The world around one machine. */
export class FeedWorld {
  readonly feed: Feed;
  readonly server: ModelServer;
  readonly charts = new Map<StreamName, StreamSeries>();
  reloads = 0;
  /** The socket that the machine uses; null after it gave it up or was told of its end. */
  #open: number | null = null;
  #wakeAt = Number.POSITIVE_INFINITY;
  readonly #sentAt: number[] = [];
  readonly #wants = new Map<StreamName, Want>();
  readonly #asked = new Map<StreamName, Asked>();
  /** The newest of each stream; of a bundle all that were so at some frame of it, for what is said meanwhile is seen at its end. */
  readonly #newest = new Map<StreamName, readonly Resumable[]>();

  constructor(random: () => number, wants: readonly Want[]) {
    this.feed = new Feed(random, null);
    this.server = new ModelServer(random);
    for (const want of wants) this.want(want);
    this.tell({ type: 'start' });
  }

  get now(): number {
    return this.server.now;
  }

  /** Tells the machine of an event and does what it answers. */
  tell(event: FeedEvent): void {
    for (const effect of this.feed.handle(event, this.now)) {
      switch (effect.type) {
        case 'connect':
          if (this.#open !== null) throw new Error(`socket ${effect.socket} was opened beside ${this.#open}`);
          this.#open = effect.socket;
          this.server.open(effect.socket);
          break;
        case 'send':
          this.#noteSend(effect.socket, effect.text);
          if (this.server.session?.socket === effect.socket) this.server.session.toServer.push(effect.text);
          break;
        case 'close':
          if (this.#open === effect.socket) this.#open = null;
          if (this.server.session?.socket === effect.socket) this.server.session = null;
          break;
        case 'wake':
          this.#wakeAt = this.now + effect.afterMs;
          break;
        case 'reload':
          this.reloads += 1;
          break;
        default:
          this.#learn(effect);
      }
    }
  }

  /** The visitor chooses. As on the page, what is not finer than what is loaded is there already. */
  want(want: Want): void {
    const picture = pictureOf(want);
    const chart = this.charts.get(want.stream) ?? new StreamSeries(want.stream, picture);
    this.charts.set(want.stream, chart);
    chart.ask(picture);
    const wanted = { stream: want.stream, ...chart.picture };
    this.#wants.set(want.stream, wanted);
    this.tell({ type: 'want', want: wanted });
  }

  get wants(): readonly Want[] {
    return [...this.#wants.values()];
  }

  /** Lets time go on; the machine is woken where it asked for it. */
  advance(ms: number): void {
    const until = this.now + ms;
    for (let wakes = 0; this.#wakeAt <= until; wakes += 1) {
      if (wakes > 1000) throw new Error('the machine asks to be woken again and again, and does nothing');
      this.server.now = Math.max(this.now, this.#wakeAt);
      this.#wakeAt = Number.POSITIVE_INFINITY;
      this.tell({ type: 'tick' });
    }
    this.server.now = until;
  }

  /** Commits rows dated now. */
  commit(stream: StreamName, key: string, count: number, lose = false): void {
    this.server.commit(stream, key, new Array<number>(count).fill(0), lose);
  }

  /** The rows of a channel's chart within its range, as `line id@time`, sorted. */
  shown(stream: StreamName, key: string): string[] {
    const chart = this.charts.get(stream);
    if (chart === undefined) return [];
    chart.slide(this.now);
    const from = this.now - rangeMs(chart.range);
    const lines = chart.views(this.now).find((channel) => channel.key === key)?.lines ?? [];
    return lines
      .flatMap(({ name, times, columns }) =>
        [...times].map((time, index) => ({ name, time, id: columns[valueColumn(stream)]?.[index] })),
      )
      .filter(({ time }) => time >= from)
      .map(({ name, id, time }) => `${name} ${id}@${time}`)
      .sort();
  }

  /** What `shown` has to be. */
  due(stream: StreamName, key: string): string[] {
    const range = this.#wants.get(stream)?.range ?? '1h';
    const rows = this.server.stream(stream).rows(key, this.now - rangeMs(range));
    return rows.map(({ series, id, time }) => `${series} ${id}@${time}`).sort();
  }

  /** Ids of the rows in a channel's chart, ascending. */
  ids(stream: StreamName, key: string): number[] {
    return this.shown(stream, key)
      .map((row) => Number(/ (\d+)@/.exec(row)?.[1]))
      .sort((a, b) => a - b);
  }

  /** Moves a frame from the server to the machine, or up to so many of them in a bundle (F16); whether there was one. */
  deliver(most = 1): boolean {
    const { session } = this.server;
    if (session === null) return false;
    if (!session.greeted) {
      this.tell({ type: 'opened', socket: session.socket });
      this.server.greet();
    }
    const texts = session.toClient.splice(
      0,
      bundled(session.toClient, this.feed.state.name === 'connecting' ? 1 : most),
    );
    const [first] = texts;
    if (first === undefined) return false;
    for (const [stream, cursors] of this.#newest) this.#newest.set(stream, cursors.slice(-1));
    for (const text of texts) this.#noteFrame(text);
    const text = texts.length === 1 ? first : `{"type":"bundle","frames":[${texts.join(',')}]}`;
    this.tell({ type: 'frame', socket: session.socket, text });
    return true;
  }

  /** Says good-bye and closes once what was said is delivered; the next server's log is empty. */
  restart(retryAfterMs = 1000): void {
    this.server.bye(retryAfterMs);
    while (this.deliver());
    this.cut(true, 1001);
    this.server.forgetLog();
  }

  /** Cuts the connection: everything under way is lost. The machine is told, or has to notice by itself. */
  cut(told: boolean, code = 1006): void {
    const { session } = this.server;
    this.server.session = null;
    if (session === null || !told) return;
    if (this.#open === session.socket) this.#open = null;
    this.tell({ type: 'closed', socket: session.socket, code });
  }

  #noteSend(socket: number, text: string): void {
    if (this.#open !== socket) throw new Error(`a frame was sent on socket ${socket}, open is ${this.#open}`);
    this.#sentAt.push(this.now);
    const recent = this.#sentAt.filter((at) => this.now - at < 1000);
    if (recent.length > 50) throw new Error(`${recent.length} frames were sent within a second; the server takes 50`);
    const frame = subscribeFrame.safeParse(JSON.parse(text)).data;
    if (frame === undefined) return;
    const { id, stream, keys, range, points, bucket_ms, since } = frame;
    const want = JSON.stringify({ keys, range, points, bucket_ms });
    for (const name of this.#wants.keys()) if (name === stream) this.#asked.set(name, { id, want, live: false });
    if (since === undefined) return;
    const newest = [...this.#newest].find(([name]) => name === stream)?.[1] ?? [];
    const place = newest.findLast((known) => known.cursor === since && known.want === want);
    for (const name of this.#newest.keys()) if (name === stream && place !== undefined) this.#newest.set(name, [place]);
    if (place !== undefined) return;
    throw new Error(`F6 resumed ${want} of ${stream} from ${since}; the newest cursor is ${JSON.stringify(newest)}`);
  }

  /** Follows, apart from the machine, which cursor it may resume from. */
  #noteFrame(text: string): void {
    const frame = frameOf(text);
    if (frame?.type === 'delta') {
      const asked = this.#asked.get(frame.stream);
      if (asked?.live === true) this.#noteCursor(frame.stream, { cursor: frame.cursor, want: asked.want });
    }
    if (frame?.type !== 'synced' && frame?.type !== 'gap') return;
    for (const [stream, asked] of this.#asked) {
      if (asked.id !== frame.id) continue;
      asked.live = frame.type === 'synced';
      if (asked.live) this.#noteCursor(stream, { cursor: frame.cursor, want: asked.want });
    }
  }

  #noteCursor(stream: StreamName, place: Resumable): void {
    this.#newest.set(stream, [...(this.#newest.get(stream) ?? []), place]);
  }

  #learn(news: News): void {
    const serverTime = this.now;
    switch (news.type) {
      case 'restart':
        this.charts.get(news.stream)?.restart();
        break;
      case 'snapshot':
        this.charts.get(news.frame.stream)?.load(news.frame, serverTime);
        break;
      case 'delta':
        this.charts.get(news.frame.stream)?.append(news.frame);
        break;
      case 'synced':
        this.charts.get(news.stream)?.finish();
        break;
      default:
    }
  }
}

function pictureOf({ keys, range, bucketMs = 0, points = 0 }: Want): Picture {
  const name = RANGES.find((known) => known === range);
  if (name === undefined) throw new Error(`the page has no range ${range}`);
  return { keys, range: name, bucketMs, points, pixelMs: bucketMs };
}

function frameOf(text: string): ServerFrame | null {
  try {
    return serverFrame.parse(JSON.parse(text));
  } catch {
    // A frame that is none is part of what the machine is tried with.
    return null;
  }
}

/** How many of these texts may go as one message: what is no frame goes by itself. */
function bundled(texts: readonly string[], most: number): number {
  const garbage = texts.findIndex((text) => frameOf(text) === null);
  return garbage < 0 ? most : Math.max(1, Math.min(most, garbage));
}

/** Lets everything under way arrive. */
export function settle(world: FeedWorld): void {
  while (world.deliver() || world.server.serve() || world.server.pay());
}

/** A world that is live, with one want and one row. */
export function liveWorld(): FeedWorld {
  const world = new FeedWorld(() => 0.5, [WANT]);
  world.commit('funding_rates', 'BTC/USDT', 1);
  settle(world);
  if (world.feed.state.name !== 'live') throw new Error(`expected to be live, is ${world.feed.state.name}`);
  return world;
}
