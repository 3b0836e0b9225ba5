/**
 * A model of the feed's other side for the client's machine: a database of numbered rows, a server that speaks the
 * contract, and a transport whose frames move one at a time, so that it can be cut between any two. No timers, no sockets.
 */
import { Feed, type FeedEvent, type News, type Want } from '../../client/feed.ts';
import type { ServerFrame } from '../../shared/protocol.ts';
import { subscribeFrame, unsubscribeFrame } from '../../shared/protocol.ts';
import { isStreamName, STREAMS, type StreamName } from '../../shared/streams.ts';

export const HEARTBEAT_MS = 5000;

/** What most tests want. */
export const WANT: Want = { stream: 'funding_rates', keys: ['BTC/USDT'], range: '24h', points: 1200 };

interface Subscription {
  readonly id: string;
  readonly stream: StreamName;
  readonly keys: readonly string[] | null;
  /** Snapshots that are owed, as of the position that was taken when they began to be; null: live. */
  owed: { key: string; ids: number[]; cursor: string }[] | null;
  /** Deltas of the stream that wait behind what is owed. */
  held: ServerFrame[];
  /** Channels whose chain the client can know. */
  readonly started: Set<string>;
}

/** The server's side of one socket. */
interface Session {
  readonly socket: number;
  greeted: boolean;
  readonly subscriptions: Map<string, Subscription>;
  readonly toClient: string[];
  readonly toServer: string[];
}

const channelOf = (stream: StreamName, key: string): string => `${stream} ${key}`;

/** The world around one machine. */
export class FeedWorld {
  readonly feed: Feed;
  now = 1_000_000;
  build = 'build-1';
  database: 'up' | 'down' = 'up';
  readonly off = new Set<StreamName>();
  /** What the page made of the news: ids by stream and key, in the order in which they came. */
  readonly page = new Map<StreamName, Map<string, number[]>>();
  reloads = 0;
  /** Whether the server broke its contract and lost a delta: a client knows of it by the next one only. */
  hasLost = false;
  session: Session | null = null;
  /** The socket that the machine uses; null after it gave it up or was told of its end. */
  #open: number | null = null;
  #wakeAt = Number.POSITIVE_INFINITY;
  readonly #rows = new Map<StreamName, Map<string, number[]>>();
  readonly #heads = new Map<string, string>();
  #id = 0;
  readonly #fresh = new Map<StreamName, Set<string>>();
  readonly #sentAt: number[] = [];
  readonly #wants = new Map<StreamName, Want>();

  constructor(random: () => number, wants: readonly Want[]) {
    this.feed = new Feed(random, null);
    for (const want of wants) this.want(want);
    this.tell({ type: 'start' });
  }

  /** Tells the machine of an event and does what it answers. */
  tell(event: FeedEvent): void {
    for (const effect of this.feed.handle(event, this.now)) {
      switch (effect.type) {
        case 'connect':
          if (this.#open !== null) throw new Error(`socket ${effect.socket} was opened beside ${this.#open}`);
          this.#open = effect.socket;
          this.session = {
            socket: effect.socket,
            greeted: false,
            subscriptions: new Map(),
            toClient: [],
            toServer: [],
          };
          break;
        case 'send':
          this.#noteSend(effect.socket);
          if (this.session?.socket === effect.socket) this.session.toServer.push(effect.text);
          break;
        case 'close':
          if (this.#open === effect.socket) this.#open = null;
          if (this.session?.socket === effect.socket) this.session = null;
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

  want(want: Want): void {
    const before = this.#wants.get(want.stream);
    this.#wants.set(want.stream, want);
    // As the store does: what was shown for other keys goes with the first news of the new ones; here at once.
    if (before !== undefined && String(before.keys) !== String(want.keys)) this.page.delete(want.stream);
    this.tell({ type: 'want', want });
  }

  get wants(): readonly Want[] {
    return [...this.#wants.values()];
  }

  /** Lets time go on; the machine is woken where it asked for it. */
  advance(ms: number): void {
    const until = this.now + ms;
    for (let wakes = 0; this.#wakeAt <= until; wakes += 1) {
      if (wakes > 1000) throw new Error('the machine asks to be woken again and again, and does nothing');
      this.now = Math.max(this.now, this.#wakeAt);
      this.#wakeAt = Number.POSITIVE_INFINITY;
      this.tell({ type: 'tick' });
    }
    this.now = until;
  }

  /** The ids of a channel in the database, in order. */
  rows(stream: StreamName, key: string): readonly number[] {
    return this.#rows.get(stream)?.get(key) ?? [];
  }

  keys(stream: StreamName): readonly string[] {
    return [...(this.#rows.get(stream)?.keys() ?? [])];
  }

  /** Commits rows to a channel. `lose`: the server breaks its contract and sends no delta, where a client can notice it. */
  commit(stream: StreamName, key: string, count: number, lose = false): void {
    const keys = this.#rows.get(stream) ?? new Map<string, number[]>();
    this.#rows.set(stream, keys);
    const ids = Array.from({ length: count }, () => {
      this.#id += 1;
      return this.#id;
    });
    keys.set(key, [...(keys.get(key) ?? []), ...ids]);
    const prev = this.#head(stream, key);
    const cursor = `${stream}@${this.#id}`;
    this.#heads.set(channelOf(stream, key), cursor);
    const frame: ServerFrame = {
      type: 'delta',
      stream,
      key,
      prev,
      cursor,
      time: this.now,
      via: 'notify',
      rows: ids.map((id) => ({ id, timestamp: this.now, [STREAMS[stream].key.name]: key })),
    };
    for (const subscription of this.session?.subscriptions.values() ?? []) {
      if (subscription.stream !== stream || subscription.keys?.includes(key) === false) continue;
      if (lose && subscription.started.has(key)) {
        this.hasLost = true;
        continue;
      }
      if (subscription.owed === null) {
        subscription.started.add(key);
        this.#send(frame);
      } else {
        subscription.held.push(frame);
      }
    }
  }

  /** Moves one frame from the server to the machine; whether there was one. */
  deliver(): boolean {
    const { session } = this;
    if (session === null) return false;
    if (!session.greeted) {
      session.greeted = true;
      this.tell({ type: 'opened', socket: session.socket });
      this.#send({
        type: 'hello',
        protocol: 1,
        version: '1',
        build: this.build,
        epoch: 'e',
        time: this.now,
        heartbeat_ms: HEARTBEAT_MS,
        tick_ms: 10_000,
        demo: false,
        streams: [],
      });
    }
    const text = session.toClient.shift();
    if (text === undefined) return false;
    this.tell({ type: 'frame', socket: session.socket, text });
    return true;
  }

  /** Has the server read one frame of the machine's; whether there was one. */
  serve(): boolean {
    const text = this.session?.toServer.shift();
    if (text === undefined) return false;
    const value: unknown = JSON.parse(text);
    const subscribe = subscribeFrame.safeParse(value);
    const unsubscribe = unsubscribeFrame.safeParse(value);
    if (subscribe.success) this.#subscribe(subscribe.data);
    else if (unsubscribe.success) {
      this.session?.subscriptions.delete(unsubscribe.data.id);
      this.#send({ type: 'unsubscribed', id: unsubscribe.data.id });
    } else this.#send({ type: 'pong', time: this.now });
    return true;
  }

  /** Pays one owed snapshot, or ends a debt that is paid; whether there was any. */
  pay(): boolean {
    for (const subscription of this.session?.subscriptions.values() ?? []) {
      const { owed, id, stream } = subscription;
      if (owed === null) continue;
      const next = owed.shift();
      if (next !== undefined) {
        const { key, cursor, ids } = next;
        subscription.started.add(key);
        const columns = { timestamp: ids.map(() => this.now), id: ids };
        const series = [{ name: null, columns }];
        const rest = { from: 0, to: this.now, reduced: false, bucket_ms: null, rows_total: ids.length };
        this.#send({ type: 'snapshot', id, stream, key, cursor, ...rest, series });
        return true;
      }
      subscription.owed = null;
      this.#send({ type: 'synced', id, cursor: `${stream}@${this.#id}` });
      for (const frame of subscription.held.splice(0)) {
        if (frame.type === 'delta') subscription.started.add(frame.key);
        this.#send(frame);
      }
      return true;
    }
    return false;
  }

  /** The server drops deltas of a slow client: a gap, and fresh snapshots are owed. Null: of every channel. */
  gap(stream: StreamName, key: string | null): void {
    for (const subscription of this.session?.subscriptions.values() ?? []) {
      if (subscription.stream !== stream || subscription.owed !== null) continue;
      if (key !== null && !subscription.started.has(key)) continue;
      const cursor = key === null ? `${stream}@${this.#id}` : this.#head(stream, key);
      this.#send({ type: 'gap', id: subscription.id, stream, key, cursor, reason: 'slow_consumer' });
      subscription.owed = this.#debt(stream, key === null ? (subscription.keys ?? this.keys(stream)) : [key]);
    }
  }

  heartbeat(): void {
    if (this.session?.greeted !== true) return;
    this.#send({ type: 'heartbeat', time: this.now, database: this.database, doorbell: 'up', freshness: {} });
  }

  /** A frame that is none. */
  garbage(): void {
    if (this.session?.greeted === true) this.session.toClient.push('{"type":"delta"');
  }

  /** Says good-bye and closes once what was said is delivered. */
  restart(): void {
    if (this.session?.greeted !== true) return;
    this.#send({ type: 'bye', reason: 'restart', retry_after_ms: 1000 });
    while (this.deliver());
    this.cut(true);
  }

  /** Cuts the connection: everything under way is lost. The machine is told, or has to notice by itself. */
  cut(told: boolean, code = 1006): void {
    const { session } = this;
    this.session = null;
    if (session === null || !told) return;
    if (this.#open === session.socket) this.#open = null;
    this.tell({ type: 'closed', socket: session.socket, code });
  }

  #noteSend(socket: number): void {
    if (this.#open !== socket) throw new Error(`a frame was sent on socket ${socket}, open is ${this.#open}`);
    this.#sentAt.push(this.now);
    const recent = this.#sentAt.filter((at) => this.now - at < 1000);
    if (recent.length > 50) throw new Error(`${recent.length} frames were sent within a second; the server takes 50`);
  }

  #learn(news: News): void {
    switch (news.type) {
      case 'restart':
        this.#fresh.set(news.stream, new Set());
        break;
      case 'snapshot': {
        const { stream, key, series } = news.frame;
        this.#fresh.get(stream)?.add(key);
        this.#shown(stream).set(
          key,
          series.flatMap(({ columns }) => (columns.id ?? []).map(Number)),
        );
        break;
      }
      case 'delta': {
        const { stream, key, rows } = news.frame;
        this.#fresh.get(stream)?.add(key);
        const shown = this.#shown(stream);
        const ids = shown.get(key) ?? [];
        for (const { id } of rows) if (ids.includes(id)) throw new Error(`F4 row ${id} was shown twice`);
        shown.set(key, [...ids, ...rows.map(({ id }) => id)]);
        break;
      }
      case 'synced': {
        const fresh = this.#fresh.get(news.stream);
        const shown = this.#shown(news.stream);
        if (fresh !== undefined) for (const key of shown.keys()) if (!fresh.has(key)) shown.delete(key);
        this.#fresh.delete(news.stream);
        break;
      }
      default:
    }
  }

  #shown(stream: StreamName): Map<string, number[]> {
    const shown = this.page.get(stream) ?? new Map<string, number[]>();
    this.page.set(stream, shown);
    return shown;
  }

  #subscribe(frame: { id: string; stream: string; keys?: string[] | undefined }): void {
    const { id, stream, keys = null } = frame;
    if (!isStreamName(stream)) throw new Error(`there is no stream ${stream}`);
    if (this.off.has(stream)) {
      this.#send({ type: 'error', id, code: 'unavailable', message: `stream ${stream} is off: tried. Wait.` });
      return;
    }
    this.session?.subscriptions.set(id, {
      id,
      stream,
      keys,
      owed: this.#debt(stream, keys ?? this.keys(stream)),
      held: [],
      started: new Set(),
    });
    this.#send({ type: 'subscribed', id, stream, keys, cursor: `${stream}@${this.#id}`, resumed: false });
  }

  #debt(stream: StreamName, keys: readonly string[]): { key: string; ids: number[]; cursor: string }[] {
    return keys.map((key) => ({ key, ids: [...this.rows(stream, key)], cursor: this.#head(stream, key) }));
  }

  #head(stream: StreamName, key: string): string {
    return this.#heads.get(channelOf(stream, key)) ?? `${stream}@0`;
  }

  #send(frame: ServerFrame): void {
    this.session?.toClient.push(JSON.stringify(frame));
  }
}

/** Lets everything under way arrive. */
export function settle(world: FeedWorld): void {
  while (world.deliver() || world.serve() || world.pay());
}

/** A world that is live, with one want and one row. */
export function liveWorld(): FeedWorld {
  const world = new FeedWorld(() => 0.5, [WANT]);
  world.commit('funding_rates', 'BTC/USDT', 1);
  settle(world);
  if (world.feed.state.name !== 'live') throw new Error(`expected to be live, is ${world.feed.state.name}`);
  return world;
}
