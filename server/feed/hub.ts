/** The feed's middle: from the pumps of the streams to the sessions of the clients, each delta encoded once. */
import type { Via } from '../../shared/protocol.ts';
import { rowCodec } from '../../shared/rows.ts';
import type { StreamName } from '../../shared/streams.ts';
import { STREAMS } from '../../shared/streams.ts';
import type { CacheUsage } from './cache.ts';
import { HistoryCache } from './cache.ts';
import { StreamCache } from './cached.ts';
import type { SharedText } from './frames.ts';
import { controlFrame } from './frames.ts';
import type { Placer } from './histories.ts';
import { Histories } from './histories.ts';
import { Lane } from './lane.ts';
import type { LaneOwner, StreamPort } from './lane-ports.ts';
import type { LogLimits, LogUsage } from './log.ts';
import { FeedLog } from './log.ts';
import { MissedRows } from './missed.ts';
import type { Batch, Clock, Past, Position } from './ports.ts';
import type { FeedLimits } from './requests.ts';
import { Routes } from './routes.ts';
import type { ClientName, Screen, SessionHost, Transport } from './session.ts';
import { Session } from './session.ts';

/** Between two flushes at busy times. */
const FLUSH_MS = 16;
/** A flush that took longer than this makes the next ones wait: many clients, or much to write. */
const BUSY_FLUSH_MS = 3;
/** How often clients that have something waiting for them are looked at. */
const PULSE_MS = 250;
/** Most bytes of history that wait in memory to be taken, of all streams and clients. */
const HISTORY_BYTES = 268_435_456;
/** Most bytes of history that is kept for those who ask later, of all streams. */
const CACHE_BYTES = 67_108_864;

/** A client that nobody gave a name. */
const NAMELESS: ClientName = { connection: '', address: '' };

/** What the hub counts. */
export type HubCount =
  | 'rows_total'
  | 'deltas_total'
  | 'tick_rows_total'
  | 'subscriptions_total'
  | 'gaps_total'
  | 'credit_stalls_total'
  | 'slow_consumers_closed_total'
  | 'snapshot_reads_total';

/** What the hub tells of what it does; every amount is a count. */
export interface HubEvents {
  count(name: HubCount, amount: number, labels?: Readonly<Record<string, string>>): void;
  /** A read failed; `connection` where it was for one alone. */
  failed(stream: StreamName, error: unknown, connection?: string): void;
  /** Makes a snapshot's body ready for all who will get it: bytes of the wire are no business of the core. */
  prepare(body: SharedText): Promise<void>;
}

/** What a hub is bounded by: what one client may ask for, and what each stream's log holds. */
export interface HubLimits extends FeedLimits {
  readonly log: LogLimits;
}

/** Where a stream's rows come from. */
export interface StreamSource {
  readonly placer: Placer;
  readonly past: Past | null;
}

/** What the feed holds in memory, and for how many clients it waits. */
export interface HubUsage {
  readonly clients: number;
  /** Clients that something waits for. */
  readonly clients_behind: number;
  /** Frames written since start, each as often as it was written. */
  readonly frames_sent: number;
  /** Sent to clients and not acknowledged. */
  readonly unacknowledged_bytes: number;
  /** The most that a single client has not acknowledged. */
  readonly unacknowledged_bytes_most: number;
  readonly history_bytes: number;
  readonly cache: CacheUsage;
  readonly logs: Readonly<Partial<Record<StreamName, LogUsage>>>;
}

/** What a stream looks like to the hub. */
interface StreamEntry {
  readonly log: FeedLog;
  readonly histories: Histories;
  /** What all its lanes are given. */
  readonly port: StreamPort;
  readonly routes: Routes<Lane>;
  readonly lanes: Set<Lane>;
  past: Past | null;
  off: string | null;
  newestArrival: number | null;
}

export class Hub implements SessionHost {
  readonly clock: Clock;
  readonly limits: HubLimits;
  readonly #events: HubEvents;
  readonly #streams = new Map<StreamName, StreamEntry>();
  readonly #sessions = new Map<Session, Transport>();
  readonly #pressed = new Set<Session>();
  #framesSent = 0;
  #dirty = new Set<Session>();
  /** Sessions whose frames gather for a while (F16), and when they are looked at again (`at`: epoch ms). */
  readonly #gathering = new Set<Session>();
  #gathered: { readonly at: number; cancel(): void } | null = null;
  #flushing = false;
  #pulsing = false;
  #notBefore = 0;
  #historyBytes = 0;
  readonly #cache = new HistoryCache(CACHE_BYTES);

  constructor(clock: Clock, limits: HubLimits, events: HubEvents) {
    this.clock = clock;
    this.limits = limits;
    this.#events = events;
  }

  get clients(): number {
    return this.#sessions.size;
  }

  /** Ms for which nothing is written, because the last write was long; pumps wait as long. */
  get pause(): number {
    return Math.min(FLUSH_MS, Math.max(0, this.#notBefore - this.clock.now()));
  }

  /** Makes a stream known, with the source that lanes read its positions and its past from. */
  start(stream: StreamName, { placer, past }: StreamSource): void {
    const entry = this.#stream(stream);
    entry.histories.follow(placer);
    entry.past = past;
    entry.off = null;
  }

  /** Ends a stream that cannot work; `message` says why and what mends it. */
  turnOff(stream: StreamName, message: string): void {
    const entry = this.#stream(stream);
    entry.histories.follow(null);
    entry.past = null;
    entry.off = message;
    for (const lane of [...entry.lanes]) lane.end(message);
    // Who comes before it has begun anew has to wait for that: its chains will be others.
    entry.log.clear();
  }

  /** A stream's first position: chains begin here. `newestArrival` in epoch ms. */
  beginAt(stream: StreamName, position: Position, newestArrival: number | null): void {
    const entry = this.#stream(stream);
    entry.log.beginAt(position);
    entry.histories.forget();
    entry.newestArrival = newestArrival;
  }

  /** The database went back behind what was delivered. */
  rewound(stream: StreamName, position: Position): void {
    const entry = this.#stream(stream);
    entry.log.beginAt(position);
    entry.histories.forget();
    for (const lane of [...entry.lanes]) lane.rewound();
  }

  /** Everything up to a position was delivered. */
  reached(stream: StreamName, position: Position): void {
    const { log, histories } = this.#stream(stream);
    // A server that has crashed may have lost what was committed last.
    if (log.run !== position.run) histories.forget();
    log.reached(position);
    log.trim(this.clock.now());
  }

  /** Rows of a stream were updated or deleted: history that is in memory may still show them. */
  rewritten(stream: StreamName): void {
    this.#stream(stream).histories.forget('rewritten');
  }

  /** Whether `rewritten` is called for a stream from now on; where it is not, history is kept no longer than a tick is. */
  tellRewrites(stream: StreamName, told: boolean): void {
    this.#stream(stream).histories.tellRewrites(told);
  }

  /** Fans a batch out. */
  deliver(stream: StreamName, batch: Batch, via: Via): void {
    const entry = this.#stream(stream);
    const time = this.clock.now();
    entry.newestArrival = time;
    const frames = entry.log.append(batch, via, time);
    for (const frame of frames) for (const lane of entry.routes.to(frame.key)) lane.deliver(frame);
    entry.log.trim(time);
    this.#events.count('deltas_total', frames.length);
    this.#events.count('rows_total', batch.rows.length);
    if (via === 'tick') this.#events.count('tick_rows_total', batch.rows.length);
  }

  /** Ms since the stream's newest row arrived, null where none ever did. */
  newestAgeMs(stream: StreamName): number | null {
    const arrival = this.#streams.get(stream)?.newestArrival ?? null;
    return arrival === null ? null : Math.max(0, this.clock.now() - arrival);
  }

  /** The connected pages that tell of themselves, in order of their connections. */
  screens(): readonly Screen[] {
    return [...this.#sessions.keys()].flatMap(({ screen }) => screen ?? []);
  }

  /**
   * Takes a connection. The caller sends hello through the returned session first (F1).
   *
   * @param bundles whether the client takes several frames as one message (F16).
   */
  open(transport: Transport, client: ClientName = NAMELESS, bundles = false): Session {
    const session = new Session(this, transport, client, bundles);
    this.#sessions.set(session, transport);
    return session;
  }

  close(session: Session): void {
    session.closed();
    this.#sessions.delete(session);
    this.#dirty.delete(session);
    this.#gathering.delete(session);
    this.#pressed.delete(session);
  }

  /** One heartbeat for everybody (F13). */
  heartbeat(database: 'up' | 'down', doorbell: 'up' | 'down', streams: readonly StreamName[]): void {
    const freshness = Object.fromEntries(streams.map((name) => [name, this.newestAgeMs(name)]));
    const frame = controlFrame({ type: 'heartbeat', time: this.clock.now(), database, doorbell, freshness });
    for (const session of this.#sessions.keys()) session.send(frame);
  }

  /** Says good-bye to every client; `retryAfterMs` is drawn for each, so that they do not come back all at once. */
  goodbye(reason: string, retryAfterMs: () => number): void {
    for (const session of [...this.#sessions.keys()]) {
      session.bye(reason, retryAfterMs());
      this.close(session);
    }
  }

  usage(): HubUsage {
    let unacknowledged = 0;
    let most = 0;
    for (const { credit } of this.#sessions.values()) {
      unacknowledged += credit.unacknowledged;
      most = Math.max(most, credit.unacknowledged);
    }
    const now = this.clock.now();
    return {
      clients: this.#sessions.size,
      clients_behind: this.#pressed.size,
      frames_sent: this.#framesSent,
      unacknowledged_bytes: unacknowledged,
      unacknowledged_bytes_most: most,
      history_bytes: this.#historyBytes,
      cache: this.#cache.usage(),
      logs: Object.fromEntries([...this.#streams].map(([name, { log }]) => [name, log.usage(now)])),
    };
  }

  offReason(stream: StreamName): string | null {
    return this.#stream(stream).off;
  }

  openLane(stream: StreamName, owner: LaneOwner): Lane {
    const { port, lanes } = this.#stream(stream);
    const lane = new Lane(port, owner);
    lanes.add(lane);
    return lane;
  }

  closeLane(stream: StreamName, lane: Lane): void {
    this.#stream(stream).lanes.delete(lane);
  }

  dirty(session: Session): void {
    this.#dirty.add(session);
    if (this.#flushing) return;
    // At the end of the turn, so that all frames of one batch go out in one write a client.
    const wait = this.pause;
    this.#flushing = true;
    if (wait === 0) queueMicrotask(() => this.#flush());
    else this.clock.after(wait, () => this.#flush());
  }

  press(session: Session): void {
    if (!this.#pressed.has(session)) this.#events.count('credit_stalls_total', 1);
    this.#watch(session);
  }

  wrote(frames: number): void {
    this.#framesSent += frames;
  }

  #watch(session: Session): void {
    this.#pressed.add(session);
    if (this.#pulsing) return;
    this.#pulsing = true;
    this.clock.after(PULSE_MS, () => this.#pulse());
  }

  gaveUp(): void {
    this.#events.count('slow_consumers_closed_total', 1);
  }

  #pulse(): void {
    this.#pulsing = false;
    const sessions = [...this.#pressed];
    // A client that something still waits for stays in, so that its waiting is counted once.
    for (const session of sessions) if (!session.pulse()) this.#pressed.delete(session);
    for (const session of this.#pressed) this.#watch(session);
  }

  #flush(): void {
    const started = this.clock.now();
    this.#flushing = false;
    const sessions = this.#dirty;
    this.#dirty = new Set();
    for (const session of sessions) {
      const wait = session.flushDue();
      if (wait > 0) this.#gather(session, wait);
    }
    const ended = this.clock.now();
    this.#notBefore = ended - started > BUSY_FLUSH_MS ? ended + FLUSH_MS : 0;
  }

  /** Looks at a session's frames again in `wait` ms, or earlier, with those of all others. */
  #gather(session: Session, wait: number): void {
    this.#gathering.add(session);
    const at = this.clock.now() + wait;
    if (this.#gathered !== null && this.#gathered.at <= at) return;
    this.#gathered?.cancel();
    const cancel = this.clock.after(wait, () => {
      this.#gathered = null;
      const sessions = [...this.#gathering];
      this.#gathering.clear();
      for (const due of sessions) this.dirty(due);
    });
    this.#gathered = { at, cancel };
  }

  #stream(name: StreamName): StreamEntry {
    const known = this.#streams.get(name);
    if (known !== undefined) return known;
    const codec = { stream: name, codec: rowCodec(STREAMS[name]) };
    const log = new FeedLog(codec, this.limits.log);
    const failed = (error: unknown): void => this.#events.failed(name, error);
    const cache = new StreamCache(STREAMS[name], log, this.#cache, (body) => this.#events.prepare(body));
    const histories = new Histories(log, cache, this.clock, this.limits.points, {
      read: () => this.#events.count('snapshot_reads_total', 1),
      failed,
      room: (bytes) => this.#roomForHistory(bytes),
    });
    const missed = new MissedRows(codec, this.clock, this.limits.log.rows);
    const routes = new Routes<Lane>();
    const port: StreamPort = {
      name,
      log,
      histories,
      missed: (cursor, to) => (entry.past === null ? null : missed.since(entry.past, cursor, to)),
      route: (lane, keys) => routes.add(lane, keys),
      unroute: (lane, keys) => routes.remove(lane, keys),
      gap: (reason) => this.#events.count('gaps_total', 1, { stream: name, reason }),
      started: (start) => this.#events.count('subscriptions_total', 1, { stream: name, start }),
      failed: (error, connection) => this.#events.failed(name, error, connection),
    };
    const entry: StreamEntry = {
      log,
      histories,
      port,
      routes,
      lanes: new Set(),
      past: null,
      off: null,
      newestArrival: null,
    };
    this.#streams.set(name, entry);
    return entry;
  }

  #roomForHistory(bytes: number): boolean {
    if (bytes > 0 && this.#historyBytes + bytes > HISTORY_BYTES) return false;
    this.#historyBytes += bytes;
    return true;
  }
}
