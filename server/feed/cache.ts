/**
 * Histories of channels that are kept in memory for those who ask for the same again, of all streams: which there are, how
 * much room they take, and which has to go when there is no more.
 */
import type { SharedText } from './frames.ts';
import type { KeptChannel, ShownLine, Unkept } from './kept.ts';

/**
 * Why a channel is not kept any longer. `rewritten`: rows were updated or deleted. `untold`: it is no longer sure, or has
 * not been sure, that this is told. `rewound`: what was known of the stream
 * is void. `log`: the feed has lost the rows that came since, or they are too many. `age`: it was read too long ago.
 * `room`: others were asked for later. `replaced`: it was read anew.
 */
export type Dropped = Unkept | 'rewritten' | 'untold' | 'rewound' | 'log' | 'age' | 'room' | 'replaced';

/** What was encoded last of a channel. */
export interface Encoded {
  readonly shown: readonly ShownLine[];
  readonly body: SharedText;
  /** Resolves when the body is ready for all who will get it. */
  readonly ready: Promise<void>;
}

/** A channel of one range and resolution. */
export interface CacheEntry {
  readonly stream: string;
  /** Epoch ms at which it was read from the database. */
  readonly readAt: number;
  /** As it stood before the frame of this number. */
  kept: KeptChannel;
  number: number;
  encoded: Encoded | null;
}

/** What the cache did and holds, for the metrics. */
export interface CacheUsage {
  readonly entries: number;
  readonly bytes: number;
  readonly limit_bytes: number;
  /** Channels that were served from it, and that had to be read. */
  readonly hits: number;
  readonly misses: number;
  /** Part of the former of both; null before the first. */
  readonly hit_rate: number | null;
  readonly dropped: Readonly<Partial<Record<Dropped, number>>>;
}

/** About what an array's slot and a short string take in memory. */
const NUMBER_BYTES = 8;
const FRAGMENT_BYTES = 40;
/** Text, the blocks that it is put together of, the bytes made of it, and those compressed, for each character. */
const TEXT_BYTES = 3.2;
/** What even an empty channel takes. */
const ENTRY_BYTES = 1000;

/** Entries by name, in the order in which they were asked for. */
export class HistoryCache {
  readonly #limit: number;
  readonly #entries = new Map<string, { readonly entry: CacheEntry; readonly bytes: number }>();
  readonly #dropped: Partial<Record<Dropped, number>> = {};
  #bytes = 0;
  #hits = 0;
  #misses = 0;

  /** `limit`: most bytes that all entries may take, about. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get(name: string): CacheEntry | undefined {
    return this.#entries.get(name)?.entry;
  }

  /** Takes an entry in, or notes that it has been asked for and has changed, and makes room for it. */
  put(name: string, entry: CacheEntry): void {
    const before = this.#entries.get(name);
    if (before !== undefined) {
      this.#remove(name, before.bytes);
      if (before.entry !== entry) this.#count('replaced');
    }
    const bytes = weigh(entry);
    this.#entries.set(name, { entry, bytes });
    this.#bytes += bytes;
    for (const [oldest, { bytes: own }] of this.#entries) {
      if (this.#bytes <= this.#limit) break;
      this.#remove(oldest, own);
      this.#count('room');
    }
  }

  drop(name: string, why: Dropped): void {
    const known = this.#entries.get(name);
    if (known === undefined) return;
    this.#remove(name, known.bytes);
    this.#count(why);
  }

  /** Drops every entry of a stream. */
  dropStream(stream: string, why: Dropped): void {
    for (const [name, { entry }] of this.#entries) if (entry.stream === stream) this.drop(name, why);
  }

  hit(): void {
    this.#hits += 1;
  }

  miss(): void {
    this.#misses += 1;
  }

  usage(): CacheUsage {
    const asked = this.#hits + this.#misses;
    return {
      entries: this.#entries.size,
      bytes: Math.round(this.#bytes),
      limit_bytes: this.#limit,
      hits: this.#hits,
      misses: this.#misses,
      hit_rate: asked === 0 ? null : this.#hits / asked,
      dropped: { ...this.#dropped },
    };
  }

  #remove(name: string, bytes: number): void {
    this.#entries.delete(name);
    this.#bytes -= bytes;
  }

  #count(why: Dropped): void {
    this.#dropped[why] = (this.#dropped[why] ?? 0) + 1;
  }
}

function weigh({ kept, encoded }: CacheEntry): number {
  let bytes = ENTRY_BYTES + (encoded?.body.text.length ?? 0) * TEXT_BYTES;
  for (const { times, columns, starts } of kept.lines) {
    bytes += times.length * (2 * NUMBER_BYTES + columns.length * FRAGMENT_BYTES) + starts.length * 2 * NUMBER_BYTES;
  }
  return bytes;
}
