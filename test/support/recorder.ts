/**
 * A program that records everything and may lose its connection at any frame. It follows the contract to the letter:
 * comes back with `since` (F6), drops only what a replay that was cut sends again, and holds every frame against F1 to F4.
 */
import WebSocket from 'ws';
import { backoff } from '../../shared/backoff.ts';
import type { Frame, ServerFrame } from '../../shared/protocol.ts';
import { SILENT_HEARTBEATS, serverFrame } from '../../shared/protocol.ts';
import type { StreamName } from '../../shared/streams.ts';
import { Recording } from './recording.ts';

/** A kind of frame; `replay` is a delta that was missed before, `burst` one with hundreds of rows. */
export type FrameKind = ServerFrame['type'] | 'replay' | 'burst';

/** Has a connection cut right after its `nth` frame of a kind (1 for the first). */
export interface Cut {
  readonly at: FrameKind;
  readonly nth: number;
}

export interface RecorderOptions {
  /** Where to connect to; asked before each try. */
  readonly url: () => string;
  readonly streams: readonly StreamName[];
  /** History to ask for; null for none, as a recorder does. */
  readonly range?: string | null;
  /** Cuts, as `planCuts` takes them, from the first connection on. */
  readonly cuts?: readonly Cut[];
  /** What it does between a cut of its own and the next try. */
  readonly away?: () => Promise<void>;
}

/** From so many rows on a delta is of a burst. */
const BURST_ROWS = 300;

function kindOf(frame: ServerFrame): FrameKind {
  if (frame.type !== 'delta') return frame.type;
  if (frame.rows.length >= BURST_ROWS) return 'burst';
  return frame.via === 'replay' ? 'replay' : 'delta';
}

/** A try that has not led to a connection by then is given up, as browsers and `tail` do. */
const HANDSHAKE_MS = 3000;

/** How many frames a failure shows. */
const REMEMBERED = 12;

export class Recorder {
  readonly #options: RecorderOptions;
  readonly #recordings: ReadonlyMap<StreamName, Recording>;
  readonly #counts = new Map<FrameKind, number>();
  readonly #latest: string[] = [];
  #socket: WebSocket | null = null;
  #connections = 0;
  #cuts = 0;
  #planned: Cut[];
  #attempt = 0;
  #stopped = false;
  #timers = new Set<NodeJS.Timeout>();
  #watchdog: NodeJS.Timeout | undefined;
  /** Frames of each kind on this connection. */
  #here = new Map<FrameKind, number>();
  #greeted: Frame<'hello'> | null = null;
  /** The newest heartbeat of any connection. */
  heartbeat: Frame<'heartbeat'> | null = null;
  /** Codes that the server closed connections with. */
  readonly closes: number[] = [];
  /** The first breach of the contract. */
  breach: Error | null = null;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#recordings = new Map(options.streams.map((stream) => [stream, new Recording(stream, options.range ?? null)]));
    this.#planned = [...(options.cuts ?? [])];
    this.#connect();
  }

  /** Connections that said hello. */
  get connections(): number {
    return this.#connections;
  }

  /** Own cuts so far. */
  get cuts(): number {
    return this.#cuts;
  }

  /** Frames of a kind, on all connections. */
  count(kind: FrameKind): number {
    return this.#counts.get(kind) ?? 0;
  }

  /** What was recorded of a stream. */
  recording(stream: StreamName): Recording {
    const recording = this.#recordings.get(stream);
    if (recording === undefined) throw new Error(`${stream} is not recorded`);
    return recording;
  }

  /** Whether everything that it asked for is live, on a connection that is. */
  get live(): boolean {
    return this.#greeted !== null && [...this.#recordings.values()].every(({ live }) => live);
  }

  /** What keeps it from being live, for messages; null where it is. */
  get trouble(): string | null {
    if (this.live) return null;
    const waiting = [...this.#recordings.values()].filter(({ live }) => !live).map(({ stream }) => stream);
    const closes = this.closes.slice(-3).join();
    return `${this.#connections} connections, closed by ${closes}, waits for ${waiting.join()}; last: ${this.#latest.slice(-4).join('\n')}`;
  }

  /** Gaps that it was told of. */
  get gaps(): readonly Frame<'gap'>['reason'][] {
    return [...this.#recordings.values()].flatMap(({ gaps }) => gaps);
  }

  /** Throws the first breach of the contract, with the frames that led to it. */
  check(): void {
    if (this.breach === null) return;
    throw new Error(`${this.breach.message}\nthe frames before: ${this.#latest.join('\n')}`, { cause: this.breach });
  }

  /** Stops reading, as a program that is busy does. */
  pause(): void {
    clearTimeout(this.#watchdog);
    this.#watchdog = undefined;
    this.#socket?.pause();
  }

  /** Reads on. */
  resume(): void {
    this.#socket?.resume();
  }

  /** Planned cuts that are still to come. */
  get planned(): number {
    return this.#planned.length;
  }

  /** Has this connection cut by the first of these, the next one by the second, and so on; those after the last stay. */
  planCuts(cuts: readonly Cut[]): void {
    this.#planned = [...cuts];
    this.#here = new Map();
  }

  /** Cuts the connection now, and the next ones as planned. */
  cutAt(cuts: readonly Cut[]): void {
    this.planCuts(cuts);
    this.cut();
  }

  /** Cuts the connection, as a network does, and comes back. */
  cut(): void {
    const socket = this.#socket;
    if (socket === null) return;
    this.#cuts += 1;
    this.#lost(socket);
    void (this.#options.away?.() ?? Promise.resolve()).then(() => this.#connect());
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    if (this.#socket !== null) this.#lost(this.#socket);
  }

  #connect(): void {
    if (this.#stopped) return;
    // In a network that swallows everything a try would never end.
    const socket = new WebSocket(this.#options.url(), { handshakeTimeout: HANDSHAKE_MS });
    this.#socket = socket;
    this.#here = new Map();
    socket.on('message', (data) => {
      if (socket !== this.#socket) return;
      try {
        this.#take(serverFrame.parse(JSON.parse(String(data))));
      } catch (error) {
        this.breach ??= error instanceof Error ? error : new Error(String(error));
        this.stop();
      }
    });
    // A close follows, and that is what brings it back.
    socket.on('error', () => undefined);
    socket.on('close', (code) => {
      if (socket !== this.#socket) return;
      this.closes.push(code);
      this.#lost(socket);
      this.#later(backoff(this.#attempt, Math.random), () => this.#connect());
      this.#attempt += 1;
    });
  }

  /** Forgets the connection and all that was on its way. */
  #lost(socket: WebSocket): void {
    clearTimeout(this.#watchdog);
    this.#socket = null;
    this.#greeted = null;
    for (const recording of this.#recordings.values()) recording.lost();
    socket.terminate();
  }

  #later(ms: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, ms);
    this.#timers.add(timer);
  }

  #take(frame: ServerFrame): void {
    const kind = kindOf(frame);
    for (const counts of [this.#counts, this.#here]) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    this.#latest.push(JSON.stringify(frame).slice(0, 400));
    if (this.#latest.length > REMEMBERED) this.#latest.shift();
    this.#watch();
    if (frame.type === 'hello') this.#hello(frame);
    else if (this.#greeted === null) throw new Error(`F1 ${frame.type} came before hello`);
    else this.#handle(frame);
    const [cut] = this.#planned;
    if (cut !== undefined && cut.at === kind && this.#here.get(kind) === cut.nth) {
      this.#planned.shift();
      this.cut();
    } else if (frame.type === 'hello') for (const stream of this.#recordings.keys()) this.#subscribe(stream);
  }

  #hello(frame: Frame<'hello'>): void {
    if (this.#greeted !== null) throw new Error('F1 hello came twice');
    this.#greeted = frame;
    this.#connections += 1;
    this.#attempt = 0;
    this.#watch();
  }

  #handle(frame: Exclude<ServerFrame, { type: 'hello' }>): void {
    switch (frame.type) {
      case 'heartbeat':
        this.heartbeat = frame;
        break;
      case 'error':
        this.#refused(frame);
        break;
      case 'subscribed':
      case 'snapshot':
      case 'synced':
      case 'gap':
        this.#byId(frame.id).take(frame);
        break;
      case 'delta':
        this.recording(frame.stream).take(frame);
        break;
      default:
    }
  }

  /** A stream is asked for again where the server could not serve it yet; any other error is a fault of one side. */
  #refused({ id = '', code, message }: Frame<'error'>): void {
    if (code !== 'unavailable') throw new Error(`F11 ${code}: ${message}`);
    const recording = this.#byId(id);
    recording.lost();
    const socket = this.#socket;
    this.#later(100, () => {
      if (socket === this.#socket && socket !== null) this.#subscribe(recording.stream);
    });
  }

  #subscribe(stream: StreamName): void {
    this.#socket?.send(JSON.stringify(this.recording(stream).request()));
  }

  #byId(id: string): Recording {
    for (const recording of this.#recordings.values()) if (recording.id === id) return recording;
    throw new Error(`F2 a frame for a subscription that was never asked for: ${id}`);
  }

  /** Gives up a connection that has been silent for three heartbeats (F13). */
  #watch(): void {
    const socket = this.#socket;
    if (socket === null || this.#greeted === null || socket.isPaused) return;
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => {
      if (socket !== this.#socket || socket.isPaused) return;
      this.#lost(socket);
      this.#connect();
    }, SILENT_HEARTBEATS * this.#greeted.heartbeat_ms);
  }
}
