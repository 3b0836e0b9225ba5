/**
 * A model of the feed's server for the client's machine: it speaks the contract over one socket at a time, whose frames
 * move one by one, so that it can be cut between any two. It resumes from its log, from the tables, or not at all.
 */
import type { Frame, ServerFrame } from '../../shared/protocol.ts';
import { type SubscribeFrame, subscribeFrame, unsubscribeFrame } from '../../shared/protocol.ts';
import { isStreamName, STREAM_NAMES, STREAMS, type StreamName } from '../../shared/streams.ts';
import { type ModelRow, ModelStream, rangeMs } from './client-feed-stream.ts';

export const HEARTBEAT_MS = 5000;

interface Subscription {
  readonly id: string;
  readonly stream: ModelStream;
  readonly keys: readonly string[] | null;
  readonly range: string;
  /** What is owed before `synced`, as of the position whose cursor that will carry; null: live. */
  owed: { readonly frames: ServerFrame[]; readonly cursor: string } | null;
  /** Deltas that wait behind what is owed. */
  held: Frame<'delta'>[];
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

/** How subscriptions with `since` were answered. */
interface Answers {
  fromLog: number;
  fromTables: number;
  anew: number;
}

/** The server and its database. `now` is set by whoever moves time. */
export class ModelServer {
  now = 1_700_000_000_000;
  build = 'build-1';
  database: 'up' | 'down' = 'up';
  readonly off = new Set<StreamName>();
  /** Whether it broke its contract and lost a delta: a client knows of it by the next one only. */
  hasLost = false;
  session: Session | null = null;
  readonly answers: Answers = { fromLog: 0, fromTables: 0, anew: 0 };
  readonly #streams = new Map(STREAM_NAMES.map((name) => [name, new ModelStream(name)]));
  readonly #random: () => number;
  #id = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  stream(name: StreamName): ModelStream {
    const stream = this.#streams.get(name);
    if (stream === undefined) throw new Error(`there is no stream ${name}`);
    return stream;
  }

  open(socket: number): void {
    this.session = { socket, greeted: false, subscriptions: new Map(), toClient: [], toServer: [] };
  }

  greet(): void {
    if (this.session === null || this.session.greeted) return;
    this.session.greeted = true;
    const pace = { heartbeat_ms: HEARTBEAT_MS, tick_ms: 10_000 };
    const rest = { version: '1', build: this.build, epoch: 'e', time: this.now, ...pace, demo: false, streams: [] };
    this.#send({ type: 'hello', protocol: 1, ...rest });
  }

  /**
   * Commits rows to a channel. `ages`: how long before now each row is dated, in ms. `lose`: the server breaks its contract
   * and sends no delta, where a client can notice it.
   */
  commit(name: StreamName, key: string, ages: readonly number[], lose = false): void {
    const stream = this.stream(name);
    const rows = ages.map((age): ModelRow => {
      this.#id += 1;
      const series = STREAMS[name].series === null ? null : `line ${this.#id % 2}`;
      return { id: this.#id, time: this.now - age, key, series };
    });
    const frame = stream.commit(key, rows, this.now);
    for (const subscription of this.#subscriptions(stream)) {
      if (subscription.keys?.includes(key) === false) continue;
      if (lose && subscription.started.has(key)) {
        this.hasLost = true;
        // What it does not know to be missing it must not let anybody go on from.
        stream.tablesFrom = Number.POSITIVE_INFINITY;
      } else if (subscription.owed === null) {
        subscription.started.add(key);
        this.#send(frame);
      } else {
        subscription.held.push(frame);
      }
    }
  }

  /** Reads one frame of the client's; whether there was one. */
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

  /** Pays one owed frame, or ends a debt that is paid; whether there was any. */
  pay(): boolean {
    for (const subscription of this.session?.subscriptions.values() ?? []) {
      const { owed, id } = subscription;
      if (owed === null) continue;
      const next = owed.frames.shift();
      if (next !== undefined) {
        this.#sendTo(subscription, next);
        return true;
      }
      subscription.owed = null;
      this.#send({ type: 'synced', id, cursor: owed.cursor });
      for (const frame of subscription.held.splice(0)) this.#sendTo(subscription, frame);
      return true;
    }
    return false;
  }

  /** Drops deltas of a slow client: a gap, and fresh snapshots are owed. Null: of every channel. */
  gap(name: StreamName, key: string | null): void {
    const stream = this.stream(name);
    for (const subscription of this.#subscriptions(stream)) {
      if (subscription.owed !== null || (key !== null && !subscription.started.has(key))) continue;
      this.#sendGap(subscription, key, 'slow_consumer');
      subscription.owed = this.#history(subscription, key === null ? subscription.keys : [key]);
    }
  }

  heartbeat(): void {
    if (this.session?.greeted !== true) return;
    this.#send({ type: 'heartbeat', time: this.now, database: this.database, doorbell: 'up', freshness: {} });
  }

  bye(retryAfterMs: number): void {
    if (this.session?.greeted === true) this.#send({ type: 'bye', reason: 'restart', retry_after_ms: retryAfterMs });
  }

  /** A frame that is none. */
  garbage(): void {
    if (this.session?.greeted === true) this.session.toClient.push('{"type":"delta"');
  }

  /** As after a restart, or when the log is full. */
  forgetLog(): void {
    for (const stream of this.#streams.values()) stream.logFrom = stream.position;
  }

  /** What was missed so far is more than the server will replay. */
  exhaust(): void {
    for (const stream of this.#streams.values())
      stream.tablesFrom = stream.logFrom = Math.max(stream.tablesFrom, stream.position);
  }

  /** Another database stands in the place of this one. There must be no connection. */
  renewDatabase(): void {
    if (this.session !== null) throw new Error('the model renews its database only without a connection');
    for (const stream of this.#streams.values()) stream.renew();
  }

  #subscriptions(stream: ModelStream): readonly Subscription[] {
    return [...(this.session?.subscriptions.values() ?? [])].filter((subscription) => subscription.stream === stream);
  }

  #subscribe({ id, stream: name, keys: named, range = '24h', since }: SubscribeFrame): void {
    const keys = named ?? null;
    if (!isStreamName(name)) throw new Error(`there is no stream ${name}`);
    const stream = this.stream(name);
    const place = since === undefined ? null : stream.parse(since);
    if (this.off.has(name)) {
      this.#send({ type: 'error', id, code: 'unavailable', message: `stream ${name} is off: tried. Wait.` });
      return;
    }
    if (since !== undefined && place === null) {
      this.#send({ type: 'error', id, code: 'bad_cursor', message: `${since} is no cursor of ${name}.` });
      return;
    }
    const subscription: Subscription = { id, stream, keys, range, owed: null, held: [], started: new Set() };
    this.session?.subscriptions.set(id, subscription);
    const replay = place === null ? null : this.#replay(stream, place, keys);
    const resumed = replay !== null;
    this.#send({ type: 'subscribed', id, stream: name, keys, cursor: stream.cursor(), resumed });
    if (place !== null && !resumed) {
      this.answers.anew += 1;
      this.#sendGap(subscription, null, place.isOfThisEpoch ? 'replay_exhausted' : 'epoch_changed');
    }
    subscription.owed =
      replay === null ? this.#history(subscription, keys) : { frames: replay, cursor: stream.cursor() };
  }

  #replay(
    stream: ModelStream,
    place: { readonly isOfThisEpoch: boolean; readonly position: number },
    keys: readonly string[] | null,
  ): Frame<'delta'>[] | null {
    if (!place.isOfThisEpoch) return null;
    if (place.position >= stream.logFrom && stream.tablesFrom !== Number.POSITIVE_INFINITY) {
      this.answers.fromLog += 1;
      return stream.fromLog(place.position, keys);
    }
    if (place.position < stream.tablesFrom) return null;
    this.answers.fromTables += 1;
    return stream.fromTables(place.position, keys, this.now, this.#random);
  }

  #history({ id, stream, range }: Subscription, keys: readonly string[] | null): Subscription['owed'] {
    const from = this.now - rangeMs(range);
    const owed = keys ?? stream.keys.filter((key) => stream.rows(key, from).length > 0);
    return { frames: owed.map((key) => stream.snapshot(id, key, range, this.now)), cursor: stream.cursor() };
  }

  #sendGap(subscription: Subscription, key: string | null, reason: Frame<'gap'>['reason']): void {
    const { id, stream, started } = subscription;
    const cursor = key === null ? stream.cursor() : stream.head(key);
    if (key === null) started.clear();
    this.#send({ type: 'gap', id, stream: stream.name, key, cursor, reason });
  }

  #sendTo(subscription: Subscription, frame: ServerFrame): void {
    if (frame.type === 'delta' || frame.type === 'snapshot') subscription.started.add(frame.key);
    this.#send(frame);
  }

  #send(frame: ServerFrame): void {
    this.session?.toClient.push(JSON.stringify(frame));
  }
}
