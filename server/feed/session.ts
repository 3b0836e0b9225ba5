/** One connection to the feed: what the client says, what it may, and what it is sent. Knows no socket. */
import type { ErrorCode, ScreenReport } from '../../shared/protocol.ts';
import { CLOSE } from '../../shared/protocol.ts';
import type { StreamName } from '../../shared/streams.ts';
import type { Credit } from './credit.ts';
import type { OutFrame } from './frames.ts';
import { controlFrame } from './frames.ts';
import type { Lane } from './lane.ts';
import type { Entry, LaneOwner } from './lane-ports.ts';
import { Outbox } from './outbox.ts';
import type { Clock } from './ports.ts';
import type { FeedLimits, Refusal, SubscriptionRequest } from './requests.ts';
import { parseClientFrame } from './requests.ts';

/** All that the feed knows of a socket. */
export interface Transport {
  /** What was written and what of it was taken; kept by the transport. */
  readonly credit: Credit;
  /** Writes frames in order, in one go. */
  write(frames: readonly OutFrame[]): void;
  close(code: number, reason: string): void;
}

/** What a client is known by: the name of its connection, which its lines in the log carry, and its address. */
export interface ClientName {
  readonly connection: string;
  readonly address: string;
}

interface ToldScreen extends ScreenReport {
  /** When it said so, epoch ms. */
  readonly told: number;
}

/** A connected page, as it last told of itself. */
export type Screen = ClientName & ToldScreen;

/** What a session needs of the hub. */
export interface SessionHost {
  readonly clock: Clock;
  readonly limits: FeedLimits;
  /** Why a stream cannot be subscribed to, null where it can. */
  offReason(stream: StreamName): string | null;
  openLane(stream: StreamName, owner: LaneOwner): Lane;
  closeLane(stream: StreamName, lane: Lane): void;
  /** Has `session.flushDue` called when it is time to write. */
  dirty(session: Session): void;
  /** Has `session.pulse` called from time to time, until it says that nothing waits. */
  press(session: Session): void;
  /** Counts frames that were written. */
  wrote(frames: number): void;
  /** Counts a client that was closed for being too slow. */
  gaveUp(): void;
}

/** A client that takes this long for what it was sent is slow: it stays behind, and is not only reading a burst (F7). */
const SLOW_MS = 1500;
/** Who goes on asking without taking the answers is closed when so many bytes of them are under way. */
const MOST_UNREAD = 1_048_576;
/** A client that has taken nothing for this long, with much under way, is closed. */
const DEADLINE_MS = 8000;

/** Times of events within a sliding window; used for the limits on frames and errors. */
class Window {
  readonly #ms: number;
  #times: number[] = [];

  constructor(ms: number) {
    this.#ms = ms;
  }

  /** Notes an event and returns how many there were within the window, this one included. */
  count(now: number): number {
    this.#times = this.#times.filter((time) => now - time < this.#ms);
    this.#times.push(now);
    return this.#times.length;
  }
}

export class Session implements LaneOwner {
  readonly #host: SessionHost;
  readonly #transport: Transport;
  readonly #lanes = new Map<StreamName, Lane>();
  /** The newest subscription of each id, with the lane that it is in. */
  readonly #newest = new Map<string, Entry>();
  /** The subscription of each id that receives; differs from the newest while that waits for its position. */
  readonly #placed = new Map<string, { readonly entry: Entry; readonly lane: Lane }>();
  /** Of a client that never says anything there is nothing to count. */
  #frames: Window | null = null;
  #errors: Window | null = null;
  /** Lanes that wait for room. */
  readonly #pressed = new Set<Lane>();
  #waiting: (() => void)[] = [];
  readonly #out: Outbox;
  #closed = false;
  #screen: ToldScreen | null = null;
  readonly #client: ClientName;

  /** @param bundles whether the client takes several frames as one message (F16). */
  constructor(host: SessionHost, transport: Transport, client: ClientName, bundles = false) {
    this.#out = new Outbox(bundles);
    this.#host = host;
    this.#transport = transport;
    this.#client = client;
  }

  get connection(): string {
    return this.#client.connection;
  }

  /** What the page at the other end last said of itself; null where it is no page, or says nothing. */
  get screen(): Screen | null {
    return this.#screen === null ? null : { ...this.#client, ...this.#screen };
  }

  get clock(): Clock {
    return this.#host.clock;
  }

  /** Takes a text frame of the client. */
  receive(text: string): void {
    if (this.#closed) return;
    const { limits, clock } = this.#host;
    const { credit } = this.#transport;
    if (credit.unacknowledged + this.#out.chars > MOST_UNREAD && !credit.isExcused) {
      this.giveUp();
      return;
    }
    this.#frames ??= new Window(1000);
    if (this.#frames.count(clock.now()) > limits.framesPerSecond) {
      this.refuse('limit', `more than ${limits.framesPerSecond} frames a second; this one was not read`, undefined);
      return;
    }
    const frame = parseClientFrame(text, limits);
    if ('refused' in frame) this.#refuse(frame);
    else if (frame.type === 'subscribe') this.subscribe(frame.request);
    else if (frame.type === 'unsubscribe') this.#unsubscribe(frame.id);
    else {
      if (frame.screen !== undefined) this.#screen = { ...frame.screen, told: clock.now() };
      this.send(controlFrame({ type: 'pong', ...(frame.id === undefined ? {} : { id: frame.id }), time: clock.now() }));
    }
  }

  /** Takes a request of the query string: a subscription, or what was wrong with it. */
  request(request: SubscriptionRequest | Refusal): void {
    if ('refused' in request) this.#refuse(request);
    else this.subscribe(request);
  }

  subscribe(request: SubscriptionRequest): void {
    const refusal = this.#overLimit(request);
    if (refusal !== null) {
      this.refuse('limit', refusal, request.id);
      return;
    }
    const off = this.#host.offReason(request.stream);
    if (off !== null) {
      this.refuse('unavailable', off, request.id);
      return;
    }
    const earlier = this.#newest.get(request.id);
    // An earlier one that has not begun to receive is overtaken; one that receives goes on until this one does.
    if (earlier !== undefined && this.#placed.get(request.id)?.entry !== earlier)
      this.#lanes.get(earlier.request.stream)?.drop(earlier);
    const entry: Entry = { request, dropped: false };
    this.#newest.set(request.id, entry);
    this.#laneOf(request.stream).subscribe(entry);
  }

  /** Queues a frame for the next flush. */
  send(frame: OutFrame): void {
    if (this.#closed) return;
    if (this.#out.add(frame, this.#host.clock.now())) this.#host.dirty(this);
  }

  /** Writes what is queued in one go. */
  flush(): void {
    const frames = this.#out.length;
    if (frames === 0 || this.#closed) return;
    this.#transport.write(this.#out.take());
    this.#host.wrote(frames);
  }

  /** Does so where it is time to; else returns in how many ms that will be, and 0 where nothing is left. */
  flushDue(): number {
    if (this.#out.length === 0 || this.#closed) return 0;
    const wait = this.#out.waitMs(this.#host.clock.now());
    if (wait === 0) this.flush();
    return wait;
  }

  get hasRoom(): boolean {
    return this.#transport.credit.hasRoom(this.#host.clock, this.#out.chars);
  }

  get isDrained(): boolean {
    return this.#transport.credit.isDrainedWith(this.#out.chars);
  }

  async room(): Promise<void> {
    // What waits for a flush must be on its way first, or it would never count as taken.
    this.flush();
    if (this.#closed || this.hasRoom) return;
    this.#host.press(this);
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  excuse(): void {
    this.flush();
    this.#transport.credit.excuse();
  }

  press(lane: Lane): void {
    this.#pressed.add(lane);
    this.#host.press(this);
  }

  giveUp(): void {
    if (this.#closed) return;
    this.#host.gaveUp();
    this.#transport.close(CLOSE.slowConsumer, 'too far behind; come back with the last cursor');
    this.closed();
  }

  /** The client has taken something: those who wait for room go on. */
  acknowledged(): void {
    if (this.#closed || (this.#pressed.size === 0 && this.#waiting.length === 0)) return;
    if (this.hasRoom) {
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const resolve of waiting) resolve();
    }
    const lanes = [...this.#pressed];
    this.#pressed.clear();
    for (const lane of lanes) lane.advance();
  }

  /** Looks whether the client keeps up; false where nothing waits for it. */
  pulse(): boolean {
    if (this.#closed) return false;
    const { credit } = this.#transport;
    const now = this.clock.now();
    if (!credit.isDrainedWith(0) && credit.silentMs(now) > DEADLINE_MS) {
      this.giveUp();
      return false;
    }
    if (credit.lagMs(now) > SLOW_MS && !credit.isExcused) for (const lane of this.#pressed) lane.slow();
    this.acknowledged();
    return this.#pressed.size > 0 || this.#waiting.length > 0;
  }

  /** Sends an error frame (F11); too many of them end the connection (F10). */
  refuse(code: ErrorCode, message: string, id: string | undefined): void {
    this.send(controlFrame({ type: 'error', ...(id === undefined ? {} : { id }), code, message }));
    if (code === 'unavailable') return;
    this.#errors ??= new Window(60_000);
    if (this.#errors.count(this.#host.clock.now()) > this.#host.limits.errorsPerMinute) {
      this.flush();
      this.#transport.close(CLOSE.abuse, 'too many errors');
      this.closed();
    }
  }

  placed(entry: Entry, lane: Lane): void {
    const { id } = entry.request;
    const earlier = this.#placed.get(id);
    if (earlier !== undefined && earlier.entry !== entry) earlier.lane.drop(earlier.entry);
    this.#placed.set(id, { entry, lane });
  }

  lost(entry: Entry): void {
    const { id } = entry.request;
    if (this.#placed.get(id)?.entry === entry) this.#placed.delete(id);
    const receiving = this.#placed.get(id)?.entry;
    if (this.#newest.get(id) !== entry) return;
    if (receiving === undefined) this.#newest.delete(id);
    else this.#newest.set(id, receiving);
  }

  /** Says good-bye before a planned close (F12). */
  bye(reason: string, retryAfterMs: number): void {
    this.send(controlFrame({ type: 'bye', reason, retry_after_ms: retryAfterMs }));
    this.flush();
    this.#transport.close(CLOSE.goingAway, reason);
    this.closed();
  }

  /** The socket is gone, or will be: nothing is sent from here on. */
  closed(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#out.clear();
    this.#pressed.clear();
    for (const resolve of this.#waiting.splice(0)) resolve();
    for (const [stream, lane] of this.#lanes) {
      lane.close();
      this.#host.closeLane(stream, lane);
    }
    this.#lanes.clear();
  }

  #refuse({ refused, message, id }: Refusal): void {
    this.refuse(refused, message, id);
  }

  #laneOf(stream: StreamName): Lane {
    const lane = this.#lanes.get(stream) ?? this.#host.openLane(stream, this);
    this.#lanes.set(stream, lane);
    return lane;
  }

  #overLimit(request: SubscriptionRequest): string | null {
    const { limits } = this.#host;
    const others = [...this.#newest.values()].filter((entry) => entry.request.id !== request.id);
    if (others.length >= limits.subscriptions) return `at most ${limits.subscriptions} subscriptions a connection`;
    const keys = others.reduce((sum, entry) => sum + (entry.request.keys?.size ?? 0), request.keys?.size ?? 0);
    return keys > limits.keysPerConnection ? `${keys} keys; at most ${limits.keysPerConnection} a connection` : null;
  }

  #unsubscribe(id: string): void {
    for (const entry of [this.#newest.get(id), this.#placed.get(id)?.entry]) {
      if (entry !== undefined) this.#lanes.get(entry.request.stream)?.drop(entry);
    }
    this.#newest.delete(id);
    this.#placed.delete(id);
    this.send(controlFrame({ type: 'unsubscribed', id }));
  }
}
