/**
 * What a stream sent lately: a bounded log of frames, which every subscriber reads from a place of its own. Who is up to
 * date is handed each frame as it is made; who is behind, or comes back with a cursor, reads on from where it was.
 */
import type { Via } from '../../shared/protocol.ts';
import { positionCursor } from './cursor.ts';
import type { StreamCodec } from './cut.ts';
import { cutBatch } from './cut.ts';
import { Deque } from './deque.ts';
import { DeltaFrame } from './frames.ts';
import type { Batch, ChangedRow, Position } from './ports.ts';

/** Bounds of a log; past one of them its oldest frames go. */
export interface LogLimits {
  readonly rows: number;
  readonly bytes: number;
  readonly ageMs: number;
}

/** What a log holds. */
export interface LogUsage {
  readonly frames: number;
  readonly rows: number;
  readonly bytes: number;
  /** Age of its oldest frame in ms, null where it is empty. */
  readonly age_ms: number | null;
}

export class FeedLog {
  readonly #codec: StreamCodec;
  readonly #limits: LogLimits;
  readonly #frames = new Deque<DeltaFrame>();
  /** The frames of each channel, oldest first. */
  readonly #channels = new Map<string, Deque<DeltaFrame>>();
  /** Cursor of each channel's newest frame, also where that has left the log. */
  readonly #heads = new Map<string, string>();
  /** By cursor, the number of the first frame after it. */
  readonly #after = new Map<string, number>();
  /** Cursors between looks that were handed out, with the number of the first frame after them, oldest first. */
  readonly #marks = new Deque<{ readonly cursor: string; readonly number: number }>();
  #end = 0;
  #rows = 0;
  #bytes = 0;
  /** What a channel's first frame follows. */
  #chainStart = '';
  /** What the oldest frame that is held follows. */
  #startCursor = '';
  /** Where everything up to the end was handed on: between looks the position, within one the last frame. */
  #cursor = '';
  #base: { readonly number: number; readonly position: Position } | null = null;
  /** The run of the database server that the last look was of. */
  #run = '';

  constructor(codec: StreamCodec, limits: LogLimits) {
    this.#codec = codec;
    this.#limits = limits;
  }

  get hasBegun(): boolean {
    return this.#base !== null;
  }

  /** The run of the database server that the last look was of. */
  get run(): string {
    return this.#run;
  }

  /**
   * The position that the log began at and the number of the first frame after it; null where it has lost that frame, or
   * the database server has been restarted since, so that the position cannot be read by any more.
   */
  get base(): { readonly number: number; readonly position: Position } | null {
    const base = this.#base;
    return base === null || base.number < this.start || base.position.run !== this.#run ? null : base;
  }

  /** Number of the oldest frame that is held; equal to `end` where none is. */
  get start(): number {
    return this.#end - this.#frames.length;
  }

  /** Number that the next frame will have. */
  get end(): number {
    return this.#end;
  }

  /** Nothing that is held is true any more, and nobody knows yet where the stream stands. */
  clear(): void {
    this.#frames.clear();
    this.#channels.clear();
    this.#heads.clear();
    this.#after.clear();
    this.#marks.clear();
    this.#rows = 0;
    this.#bytes = 0;
    this.#base = null;
  }

  /** Starts every chain anew at a position, after which only later rows come. */
  beginAt(position: Position): void {
    this.clear();
    this.#base = { number: this.#end, position };
    this.#run = position.run;
    this.#cursor = positionCursor(position);
    this.#startCursor = this.#cursor;
    this.#chainStart = this.#cursor;
  }

  /** A look is through: all that came before `position` is in the log. */
  reached(position: Position): void {
    this.#run = position.run;
    this.#cursor = positionCursor(position);
  }

  /** Cuts a batch into frames, one a channel, each chained to the one before (F3), and takes them in. */
  append(batch: Batch, via: Via, time: number): readonly DeltaFrame[] {
    const frames = cutBatch(this.#codec, batch).map((channel) => {
      const frame = new DeltaFrame(channel, { number: this.#end, prev: this.#newestHead(channel.key), time, via });
      this.#end += 1;
      this.#frames.push(frame);
      let own = this.#channels.get(frame.key);
      if (own === undefined) {
        own = new Deque();
        this.#channels.set(frame.key, own);
      }
      own.push(frame);
      this.#heads.set(frame.key, frame.cursor);
      this.#after.set(frame.cursor, this.#end);
      this.#rows += frame.rowCount;
      this.#bytes += frame.bytes;
      return frame;
    });
    this.#cursor = frames.at(-1)?.cursor ?? this.#cursor;
    return frames;
  }

  /** Lets the oldest frames go until the log is within its bounds. */
  trim(now: number): void {
    const { rows, bytes, ageMs } = this.#limits;
    for (let oldest = this.#frames.at(0); oldest !== undefined; oldest = this.#frames.at(0)) {
      if (this.#rows <= rows && this.#bytes <= bytes && now - oldest.time <= ageMs) break;
      this.#evict(oldest);
    }
  }

  /** The frame of a number; undefined where it is not held. */
  at(number: number): DeltaFrame | undefined {
    return number < this.start ? undefined : this.#frames.at(number - this.start);
  }

  /** The cursor before the frame of a number: everything before it was sent. `number` is within start and end. */
  cursorAt(number: number): string {
    if (number >= this.#end) return this.#cursor;
    return this.at(number - 1)?.cursor ?? this.#startCursor;
  }

  /** The cursor of the channel's last frame before a number or, before its first, that of the stream's beginning (F3). */
  headAt(key: string, number: number): string {
    const own = this.#channels.get(key);
    let head = this.#newestHead(key);
    for (let back = -1; own !== undefined; back -= 1) {
      const frame = own.at(back);
      if (frame === undefined || frame.number < number) break;
      head = frame.prev;
    }
    return head;
  }

  /**
   * The rows of a channel's frames from number `from` to before `to`, in the order of the feed; null where they are more
   * than `most`. `from` is not before the start.
   */
  rowsOf(key: string, from: number, to: number, most: number): readonly ChangedRow[] | null {
    const own = this.#channels.get(key);
    const frames: DeltaFrame[] = [];
    let rows = 0;
    for (let back = -1; own !== undefined; back -= 1) {
      const frame = own.at(back);
      if (frame === undefined || frame.number < from) break;
      if (frame.number >= to) continue;
      rows += frame.rowCount;
      if (rows > most) return null;
      frames.push(frame);
    }
    return frames.reverse().flatMap((frame) => frame.rows);
  }

  /** Makes the cursor of the end one that `find` knows, and returns it. */
  mark(): string {
    const cursor = this.#cursor;
    if (this.#after.get(cursor) === this.#end) return cursor;
    this.#after.set(cursor, this.#end);
    this.#marks.push({ cursor, number: this.#end });
    return cursor;
  }

  /** The number of the first frame after a cursor; null where the log does not know it, or no longer has that frame. */
  find(cursor: string): number | null {
    return this.#after.get(cursor) ?? null;
  }

  usage(now: number): LogUsage {
    const oldest = this.#frames.at(0);
    return {
      frames: this.#frames.length,
      rows: this.#rows,
      bytes: this.#bytes,
      age_ms: oldest === undefined ? null : Math.max(0, now - oldest.time),
    };
  }

  #newestHead(key: string): string {
    return this.#heads.get(key) ?? this.#chainStart;
  }

  #evict(frame: DeltaFrame): void {
    this.#frames.shift();
    const own = this.#channels.get(frame.key);
    own?.shift();
    if (own?.length === 0) this.#channels.delete(frame.key);
    this.#after.delete(frame.cursor);
    this.#rows -= frame.rowCount;
    this.#bytes -= frame.bytes;
    this.#startCursor = frame.cursor;
    // A cursor is of use as long as every frame after it is there.
    for (let mark = this.#marks.at(0); mark !== undefined && mark.number <= frame.number; mark = this.#marks.at(0)) {
      this.#marks.shift();
      if (this.#after.get(mark.cursor) === mark.number) this.#after.delete(mark.cursor);
    }
  }
}
