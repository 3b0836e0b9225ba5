/**
 * One stream's part of the cache of history. A channel that is asked for again is brought up to date by the rows that the
 * stream's log has of it since, so that what is given stands at exactly one place of the feed, as what is read does (F2).
 */
import type { StreamDeclaration } from '../../shared/streams.ts';
import type { CacheEntry, Dropped, HistoryCache } from './cache.ts';
import type { SharedText } from './frames.ts';
import {
  advanceChannel,
  encodeShown,
  hasRows,
  isComplete,
  isSame,
  type KeptChannel,
  keepChannel,
  showChannel,
  shownLines,
} from './kept.ts';
import type { FeedLog } from './log.ts';
import type { ChannelSnapshot, HeldPosition, SnapshotRequest } from './ports.ts';
import type { ReducedChannel } from './reduced.ts';
import { encodeBody, encodeSpan } from './reduced.ts';
import { type Window, windowOf } from './window.ts';

/** How long a channel is kept while rewritten rows are told of: what is seldom told wrong is not wrong for ever. */
const KEPT_MS = 180_000;
/** How long where nobody tells: no longer than a tick is. */
const UNTOLD_MS = 10_000;
/** Rows since, of all channels of one request, above which reading anew is as cheap. */
const MOST_ROWS = 5000;
/** Frames of all channels since, above which they are not looked through for keys that are new. */
const MOST_FRAMES = 5000;
/** Lists of keys that are remembered; the one that was read first goes first. */
const MOST_LISTS = 100;

/** A channel as it is wanted: brought up to date, or null where it has to be read. */
interface Wanted {
  readonly key: string;
  readonly entry: CacheEntry | null;
  readonly kept: KeptChannel | null;
}

/** The keys that a request for every key found. */
interface KeyList {
  readonly keys: readonly string[];
  /** Of the first frame after it. */
  number: number;
}

/** The kept channels of one stream. */
export class StreamCache {
  readonly #stream: StreamDeclaration;
  readonly #log: FeedLog;
  readonly #cache: HistoryCache;
  readonly #prepare: (body: SharedText) => Promise<void>;
  readonly #lists = new Map<string, KeyList>();
  #told = false;
  #age = 0;

  constructor(
    stream: StreamDeclaration,
    log: FeedLog,
    cache: HistoryCache,
    prepare: (body: SharedText) => Promise<void>,
  ) {
    this.#stream = stream;
    this.#log = log;
    this.#cache = cache;
    this.#prepare = prepare;
  }

  /** Changes when everything that was kept goes: what was asked for before is not to be kept then. */
  get age(): number {
    return this.#age;
  }

  /** Drops all of the stream. */
  forget(why: Dropped): void {
    this.#age += 1;
    this.#lists.clear();
    this.#cache.dropStream(this.#stream.name, why);
  }

  /** Whether rows that are updated or deleted are told of (by `forget`) from now on. */
  tell(told: boolean): void {
    if (this.#told === told) return;
    this.#told = told;
    this.forget('untold');
  }

  /** Whether every channel of a request is kept, so that it is worth a look to have it served. */
  mayServe(request: Omit<SnapshotRequest, 'now' | 'pointLimit'>): boolean {
    if (request.range.kind === 'latest') return false;
    if (request.keys === null) return this.#lists.has(listName(request));
    return request.keys.every((key) => this.#cache.get(this.#nameOf(key, request)) !== undefined);
  }

  /** The channels of a request as they stand before the frame of a number; null where one of them has to be read. */
  serve(request: SnapshotRequest, number: number): AsyncIterable<ChannelSnapshot> | null {
    const window = windowOfRequest(request);
    const wanted = window === null ? null : this.#want(request, window, number);
    return wanted?.every(({ kept }) => kept !== null) ? this.#give(wanted, request, null) : null;
  }

  /**
   * The same, with what is not kept read at the position of that frame, and kept if `age` is still that of the cache.
   * Throws what reading throws.
   */
  async *read(
    held: HeldPosition,
    request: SnapshotRequest,
    number: number,
    age: number,
  ): AsyncGenerator<ChannelSnapshot> {
    const window = windowOfRequest(request);
    if (window === null) {
      for await (const channel of held.channels(request)) yield this.#encode(channel);
      return;
    }
    const wanted = this.#want(request, window, number);
    if (wanted === null) {
      const keys: string[] = [];
      for await (const channel of held.channels(request)) {
        keys.push(channel.key);
        yield this.#take(channel, window, request, number, age);
      }
      if (request.keys === null && age === this.#age) this.#remember(request, { keys, number });
      return;
    }
    const missing = wanted.flatMap(({ key, kept }) => (kept === null ? [key] : []));
    const reading = held.channels({ ...request, keys: missing })[Symbol.asyncIterator]();
    try {
      yield* this.#give(wanted, request, async () => {
        const next = await reading.next();
        return next.done === true ? null : this.#take(next.value, window, request, number, age);
      });
    } finally {
      await reading.return?.();
    }
  }

  /** What is wanted of the keys of a request, in order; null where not even the keys are known, or all is to be read. */
  #want(request: SnapshotRequest, window: Window, number: number): readonly Wanted[] | null {
    const list = request.keys === null ? this.#everyKey(request, window, number) : [...new Set(request.keys)];
    if (list === null) return null;
    let room = MOST_ROWS;
    const wanted = list.map((key): Wanted => {
      const name = this.#nameOf(key, request);
      const entry = this.#cache.get(name);
      if (entry === undefined) return { key, entry: null, kept: null };
      const rows = this.#rowsSince(entry, key, number, request.now, room);
      const kept =
        typeof rows === 'string' ? rows : advanceChannel(this.#stream, entry.kept, rows, window, request.now);
      if (kept === 'later') return { key, entry: null, kept: null };
      if (typeof kept === 'string') {
        this.#cache.drop(name, kept);
        return { key, entry: null, kept: null };
      }
      room -= rows.length;
      entry.kept = kept;
      entry.number = number;
      this.#cache.put(name, entry);
      return { key, entry, kept };
    });
    if (request.keys !== null) return wanted.some(({ kept }) => kept !== null) ? wanted : null;
    return this.#withRows(wanted, window, request.pointLimit);
  }

  /** Of every key those that have rows; null where one has to be read to tell, or they are more than may be asked for. */
  #withRows(wanted: readonly Wanted[], { buckets }: Window, pointLimit: number): readonly Wanted[] | null {
    const shown: Wanted[] = [];
    for (const one of wanted) {
      const has = one.kept === null ? null : hasRows(one.kept);
      if (has === null) return null;
      if (has) shown.push(one);
    }
    return shown.length * buckets > pointLimit ? null : shown;
  }

  /** Every key that a request without keys found, where no other has come since. */
  #everyKey(request: SnapshotRequest, { edge }: Window, number: number): readonly string[] | null {
    const list = this.#lists.get(listName(request));
    if (list === undefined || list.number > number) return null;
    const { start } = this.#log;
    if (list.number < start || number - list.number > MOST_FRAMES) return null;
    const known = new Set(list.keys);
    for (let at = list.number; at < number; at += 1) {
      const frame = this.#log.at(at);
      if (frame === undefined) return null;
      if (!known.has(frame.key) && frame.rows.some(({ time }) => time >= edge)) return null;
    }
    list.number = number;
    return list.keys;
  }

  /** The rows that came to an entry; `later` where it stands behind the number, or why it cannot be brought up to it. */
  #rowsSince(entry: CacheEntry, key: string, number: number, now: number, most: number) {
    if (entry.number > number) return 'later' as const;
    if (Math.abs(now - entry.readAt) > (this.#told ? KEPT_MS : UNTOLD_MS)) return 'age' as const;
    if (entry.number < this.#log.start) return 'log' as const;
    return this.#log.rowsOf(key, entry.number, number, most) ?? ('log' as const);
  }

  async *#give(
    wanted: readonly Wanted[],
    request: SnapshotRequest,
    read: (() => Promise<ChannelSnapshot | null>) | null,
  ): AsyncGenerator<ChannelSnapshot> {
    for (const { key, entry, kept } of wanted) {
      if (kept === null || entry === null) {
        const snapshot = (await read?.()) ?? null;
        if (snapshot !== null) yield snapshot;
      } else {
        this.#cache.hit();
        yield this.#show(this.#nameOf(key, request), entry, kept);
      }
    }
  }

  /** Keeps a channel that was read, and shows it. */
  async #take(
    channel: ReducedChannel,
    window: Window,
    request: SnapshotRequest,
    number: number,
    age: number,
  ): Promise<ChannelSnapshot> {
    this.#cache.miss();
    const kept = keepChannel(channel, window, request.now);
    const name = this.#nameOf(channel.key, request);
    const entry: CacheEntry = { stream: this.#stream.name, readAt: request.now, kept, number, encoded: null };
    const known = this.#cache.get(name);
    if (age === this.#age && isComplete(this.#stream, kept) && (known === undefined || known.number <= number)) {
      this.#cache.put(name, entry);
    }
    return this.#show(name, entry, kept);
  }

  /** A channel as it is sent. What was encoded last is given again where no row has changed it. */
  async #show(name: string, entry: CacheEntry, kept: KeptChannel): Promise<ChannelSnapshot> {
    const shown = shownLines(kept);
    const channel = showChannel(kept, shown);
    let { encoded } = entry;
    if (encoded === null || !isSame(encoded.shown, shown)) {
      const body = { text: encodeBody(this.#stream, channel, encodeShown(shown)) };
      encoded = { shown, body, ready: this.#prepare(body) };
      entry.encoded = encoded;
      if (this.#cache.get(name) === entry) this.#cache.put(name, entry);
    }
    try {
      await encoded.ready;
    } catch (error) {
      if (entry.encoded === encoded) entry.encoded = null;
      throw error;
    }
    return { key: kept.key, span: encodeSpan(channel), body: encoded.body };
  }

  async #encode(channel: ReducedChannel): Promise<ChannelSnapshot> {
    const body = { text: encodeBody(this.#stream, channel) };
    await this.#prepare(body);
    return { key: channel.key, span: encodeSpan(channel), body };
  }

  #remember(request: SnapshotRequest, list: KeyList): void {
    const name = listName(request);
    this.#lists.delete(name);
    this.#lists.set(name, list);
    for (const oldest of this.#lists.keys()) {
      if (this.#lists.size <= MOST_LISTS) return;
      this.#lists.delete(oldest);
    }
  }

  #nameOf(key: string, { range, resolution }: Pick<SnapshotRequest, 'range' | 'resolution'>): string {
    return JSON.stringify([this.#stream.name, key, range, resolution]);
  }
}

const listName = ({ range, resolution }: Pick<SnapshotRequest, 'range' | 'resolution'>): string =>
  JSON.stringify([range, resolution]);

function windowOfRequest({ range, resolution, now }: SnapshotRequest): Window | null {
  return range.kind === 'latest' ? null : windowOf(now, range.ms, resolution);
}
