/** All that the page holds of one stream: its channels, and which of them belong to the picture that is shown. */
import type { Frame } from '../shared/protocol.ts';
import { STREAMS, type StreamName } from '../shared/streams.ts';
import type { ChannelView, RangeName } from './model.ts';
import { RANGE_MS } from './model.ts';
import { Channel, type Window } from './series/channel.ts';

/** What a stream is loaded for. */
export interface Picture {
  /** Null: every key. */
  readonly keys: readonly string[] | null;
  readonly range: RangeName;
  /** Width in ms of the buckets that it is loaded in. */
  readonly bucketMs: number;
  /** So many of them are shown. */
  readonly points: number;
  /** Time of a pixel column of its chart in ms: a whole number of buckets. */
  readonly pixelMs: number;
}

/**
 * The channels of one stream. A new picture does not empty the old one: its channels are shown until the first snapshot
 * of the new one comes.
 */
export class StreamSeries {
  readonly #name: StreamName;
  #picture: Picture;
  /** What `channels` were loaded for; behind `picture` while that is loading. */
  #shown: Picture;
  #channels = new Map<string, Channel>();
  /** Channels that the load under way has brought; null where none is under way. */
  #fresh: Set<string> | null = new Set();
  #loaded = false;

  constructor(name: StreamName, picture: Picture) {
    this.#name = name;
    this.#picture = picture;
    this.#shown = picture;
  }

  /** The picture that is asked for. */
  get picture(): Picture {
    return this.#picture;
  }

  /** Range of what is shown. */
  get range(): RangeName {
    return this.#shown.range;
  }

  /** Whether what is shown is what is asked for: its first snapshot came. */
  get loaded(): boolean {
    return this.#loaded;
  }

  /** Time of a pixel column that what is shown was loaded for, in ms. */
  get pixelMs(): number {
    return this.#shown.pixelMs;
  }

  /** Whether what is shown is right, and only one in other buckets is on its way. */
  get refining(): boolean {
    const { bucketMs, points } = this.#shown;
    return this.#loaded && (bucketMs !== this.#picture.bucketMs || points !== this.#picture.points);
  }

  /** Whether a load has begun that has brought nothing yet. */
  get awaiting(): boolean {
    return this.#fresh !== null && this.#fresh.size === 0;
  }

  /** Asks for another picture. One that differs in fineness only leaves the shown one valid. */
  ask(picture: Picture): void {
    const same = picture.range === this.#picture.range && sameKeys(picture.keys, this.#picture.keys);
    this.#picture = picture;
    if (!same) this.#loaded = false;
  }

  /** A load begins: snapshots and `synced` will come, and what they do not bring is gone. */
  restart(): void {
    this.#fresh = new Set();
  }

  /** A snapshot replaces its channel whole. `now`: server clock, epoch ms. */
  load(frame: Frame<'snapshot'>, now: number): void {
    this.#begin();
    this.#fresh?.add(frame.key);
    this.#shown = this.#picture;
    this.#channels.set(frame.key, new Channel(STREAMS[this.#name], frame.key, this.#window(), now, frame));
  }

  /** Rows came. A channel that had none in the range begins with them. */
  append(frame: Frame<'delta'>): void {
    this.#begin();
    this.#fresh?.add(frame.key);
    let channel = this.#channels.get(frame.key);
    if (channel === undefined) {
      channel = new Channel(STREAMS[this.#name], frame.key, this.#window(), frame.time, null);
      this.#channels.set(frame.key, channel);
    }
    channel.append(frame);
  }

  /** All that was owed has come: channels of which nothing came have no rows in the range. */
  finish(): void {
    this.#begin();
    const fresh = this.#fresh;
    if (fresh === null) return;
    for (const key of this.#channels.keys()) if (!fresh.has(key)) this.#channels.delete(key);
    this.#fresh = null;
  }

  /** Slides every window so that it ends at `right` (epoch ms). */
  slide(right: number): void {
    for (const [key, channel] of this.#channels) {
      channel.slide(right);
      // With every key watched, keys that went out of use would gather.
      if (this.#shown.keys === null && channel.lineCount === 0) this.#channels.delete(key);
    }
  }

  /** When anything last arrived, on the server's clock; null before that. */
  get arrivedAt(): number | null {
    let newest: number | null = null;
    for (const { arrivedAt } of this.#channels.values()) {
      if (arrivedAt !== null && (newest === null || arrivedAt > newest)) newest = arrivedAt;
    }
    return newest;
  }

  /** `empty` without a line, `stale` where every line is, else `live`. `now`: server clock. */
  health(now: number): 'empty' | 'stale' | 'live' {
    let lines = 0;
    let stale = 0;
    for (const channel of this.#channels.values()) {
      lines += channel.lineCount;
      stale += channel.staleLines(now).length;
    }
    if (lines === 0) return 'empty';
    return stale === lines ? 'stale' : 'live';
  }

  /** Changes exactly when a line becomes stale or fresh: asked every second, in place of building every view. */
  staleMark(now: number): string {
    const marks: string[] = [];
    for (const [key, channel] of this.#channels) {
      const names = channel.staleLines(now);
      if (names.length > 0) marks.push(JSON.stringify([key, names]));
    }
    return marks.join();
  }

  rowsLastHour(now: number): number {
    let total = 0;
    for (const channel of this.#channels.values()) total += channel.rowsLastHour(now);
    return total;
  }

  /** Rows that are held, and rows that there is room for. */
  get held(): { readonly points: number; readonly capacity: number } {
    const held = [...this.#channels.values()].map((channel) => channel.held);
    return {
      points: held.reduce((sum, { points }) => sum + points, 0),
      capacity: held.reduce((sum, { capacity }) => sum + capacity, 0),
    };
  }

  /** The channels as charts read them, sorted by key. `now`: server clock, epoch ms. */
  views(now: number): readonly ChannelView[] {
    const channels = [...this.#channels.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
    return channels.map((channel) => channel.view(now));
  }

  #window(): Window {
    const { range, bucketMs, points } = this.#picture;
    return { rangeMs: RANGE_MS[range], bucketMs, points };
  }

  /** The first thing that comes for a picture takes the place of what was shown for another. */
  #begin(): void {
    if (this.#loaded) return;
    this.#loaded = true;
    const { range, keys } = this.#picture;
    if (this.#shown.range !== range) this.#channels = new Map();
    else if (!sameKeys(this.#shown.keys, keys)) {
      // Those that are still wanted stay in sight until their own snapshot comes.
      for (const key of this.#channels.keys()) if (keys?.includes(key) === false) this.#channels.delete(key);
    }
    this.#shown = this.#picture;
  }
}

function sameKeys(a: readonly string[] | null, b: readonly string[] | null): boolean {
  if (a === null || b === null) return a === b;
  return a.length === b.length && a.every((key, index) => key === b[index]);
}
