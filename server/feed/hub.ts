/** The feed's middle: from the pumps of the streams to the sessions of the clients, each delta encoded once. */
import type { Via } from '../../shared/protocol.ts';
import { rowCodec } from '../../shared/rows.ts';
import type { StreamName } from '../../shared/streams.ts';
import { STREAMS } from '../../shared/streams.ts';
import { Channels } from './channels.ts';
import { controlFrame } from './frames.ts';
import type { LaneOwner, StreamPort } from './lane.ts';
import { Lane } from './lane.ts';
import type { Batch, Clock, HeldPosition, Position } from './ports.ts';
import type { FeedLimits } from './requests.ts';
import { Routes } from './routes.ts';
import type { SessionHost, Transport } from './session.ts';
import { Session } from './session.ts';

/** Between two flushes at busy times. */
const FLUSH_MS = 16;
/** A flush that took longer than this makes the next ones wait: many clients, or much to write. */
const BUSY_FLUSH_MS = 3;

/** What the hub tells of what it does; every amount is a count. */
export interface HubEvents {
  count(name: string, amount: number): void;
  failed(stream: StreamName, error: unknown): void;
}

/** What a stream looks like to the hub. */
interface StreamEntry {
  readonly channels: Channels;
  readonly routes: Routes<Lane>;
  readonly lanes: Set<Lane>;
  /** Asks the pump for a held position; null while the stream is off. */
  hold: ((holder: (held: HeldPosition) => void) => () => void) | null;
  off: string | null;
  newestArrival: number | null;
}

export class Hub implements SessionHost {
  readonly clock: Clock;
  readonly limits: FeedLimits;
  readonly #events: HubEvents;
  readonly #streams = new Map<StreamName, StreamEntry>();
  readonly #sessions = new Set<Session>();
  #dirty = new Set<Session>();
  #flushing = false;
  #notBefore = 0;

  constructor(clock: Clock, limits: FeedLimits, events: HubEvents) {
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

  /** Makes a stream known; `hold` is how lanes get at its positions. */
  start(stream: StreamName, hold: (holder: (held: HeldPosition) => void) => () => void): void {
    const entry = this.#stream(stream);
    entry.hold = hold;
    entry.off = null;
  }

  /** Ends a stream that cannot work; `message` says why and what mends it. */
  turnOff(stream: StreamName, message: string): void {
    const entry = this.#stream(stream);
    entry.hold = null;
    entry.off = message;
    for (const lane of [...entry.lanes]) lane.end(message);
  }

  /** A stream's first position: chains begin here. `newestArrival` in epoch ms. */
  beginAt(stream: StreamName, position: Position, newestArrival: number | null): void {
    const entry = this.#stream(stream);
    entry.channels.beginAt(position);
    entry.newestArrival = newestArrival;
  }

  /** The database went back behind what was delivered. */
  rewound(stream: StreamName, position: Position): void {
    const entry = this.#stream(stream);
    entry.channels.beginAt(position);
    for (const lane of [...entry.lanes]) lane.rewound(position);
  }

  /** Fans a batch out. */
  deliver(stream: StreamName, batch: Batch, via: Via): void {
    const entry = this.#stream(stream);
    const time = this.clock.now();
    entry.newestArrival = time;
    for (const frame of entry.channels.cut(batch, via, time)) {
      this.#events.count('deltas_total', 1);
      for (const lane of entry.routes.to(frame.key)) lane.deliver(frame);
    }
    this.#events.count('rows_total', batch.rows.length);
    if (via === 'tick') this.#events.count('tick_rows_total', batch.rows.length);
  }

  /** Ms since the stream's newest row arrived, null where none ever did. */
  newestAgeMs(stream: StreamName): number | null {
    const arrival = this.#streams.get(stream)?.newestArrival ?? null;
    return arrival === null ? null : Math.max(0, this.clock.now() - arrival);
  }

  /** Takes a connection. The caller sends hello through the returned session first (F1). */
  open(transport: Transport): Session {
    const session = new Session(this, transport);
    this.#sessions.add(session);
    return session;
  }

  close(session: Session): void {
    session.closed();
    this.#sessions.delete(session);
    this.#dirty.delete(session);
  }

  /** One heartbeat for everybody (F13). */
  heartbeat(database: 'up' | 'down', doorbell: 'up' | 'down', streams: readonly StreamName[]): void {
    const freshness = Object.fromEntries(streams.map((name) => [name, this.newestAgeMs(name)]));
    const frame = controlFrame({ type: 'heartbeat', time: this.clock.now(), database, doorbell, freshness });
    for (const session of this.#sessions) session.send(frame);
  }

  /** Says good-bye to every client; `retryAfterMs` is drawn for each, so that they do not come back all at once. */
  goodbye(reason: string, retryAfterMs: () => number): void {
    for (const session of [...this.#sessions]) {
      session.bye(reason, retryAfterMs());
      this.#sessions.delete(session);
    }
  }

  offReason(stream: StreamName): string | null {
    return this.#stream(stream).off;
  }

  openLane(stream: StreamName, owner: LaneOwner): Lane {
    const entry = this.#stream(stream);
    const port: StreamPort = {
      name: stream,
      hold: (holder) => (entry.hold === null ? () => {} : entry.hold(holder)),
      head: (key) => entry.channels.head(key),
      route: (lane, keys) => entry.routes.add(lane, keys),
      unroute: (lane, keys) => entry.routes.remove(lane, keys),
      failed: (error) => this.#events.failed(stream, error),
    };
    const lane = new Lane(port, owner);
    entry.lanes.add(lane);
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

  #flush(): void {
    const started = this.clock.now();
    this.#flushing = false;
    const sessions = this.#dirty;
    this.#dirty = new Set();
    for (const session of sessions) session.flush();
    const ended = this.clock.now();
    this.#notBefore = ended - started > BUSY_FLUSH_MS ? ended + FLUSH_MS : 0;
  }

  #stream(name: StreamName): StreamEntry {
    const known = this.#streams.get(name);
    if (known !== undefined) return known;
    const entry: StreamEntry = {
      channels: new Channels(name, rowCodec(STREAMS[name])),
      routes: new Routes(),
      lanes: new Set(),
      hold: null,
      off: null,
      newestArrival: null,
    };
    this.#streams.set(name, entry);
    return entry;
  }
}
