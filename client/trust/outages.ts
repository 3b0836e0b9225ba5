/** Which periods the page missed, and how they were made good: from what the feed brings, in order. Pure. */
import { STREAM_NAMES, type StreamName } from '../../shared/streams.ts';
import type { News } from '../feed.ts';

/** A period whose rows came late. Epoch ms, the server's clock. */
export interface Outage {
  readonly stream: StreamName;
  readonly from: number;
  readonly to: number;
  /** `refilled`: exactly the missed rows were sent. `loaded`: that was not possible, and the history was loaded anew. */
  readonly how: 'refilled' | 'loaded';
}

interface Open {
  readonly from: number;
  isLoaded: boolean;
}

/** So many are remembered, the oldest go first; and none longer than the longest window. */
export const MOST_OUTAGES = 200;
const LONGEST_MS = 8 * 86_400_000;

export class Outages {
  #outages: readonly Outage[] = [];
  readonly #open = new Map<StreamName, Open>();
  /** Streams that were whole on this connection or one before. */
  readonly #synced: Set<StreamName>;
  /** When anything was heard last. */
  #heardAt: number;
  #databaseDownAt: number | null = null;

  /** @param whole streams of which the page has all that there is already, at `now`. */
  constructor(whole: Iterable<StreamName>, now: number) {
    this.#synced = new Set(whole);
    this.#heardAt = now;
  }

  /** The periods that are over, in the order in which they ended. The same list until there is another one. */
  get list(): readonly Outage[] {
    return this.#outages;
  }

  /** Since when a stream's rows are missing; null where none are. */
  openSince(stream: StreamName): number | null {
    return this.#open.get(stream)?.from ?? null;
  }

  /** Takes in what the feed brought at `now`. */
  hear(news: News, now: number): void {
    const heardAt = this.#heardAt;
    this.#heardAt = Math.max(heardAt, now);
    switch (news.type) {
      case 'hello':
        // What was whole on the connection before may miss rows from when that was heard last.
        for (const stream of this.#synced) this.#begin(stream, heardAt);
        break;
      case 'lost':
        this.#begin(news.stream, heardAt);
        break;
      case 'restart': {
        const open = this.#open.get(news.stream);
        if (open !== undefined) open.isLoaded = true;
        break;
      }
      case 'synced':
        this.#synced.add(news.stream);
        this.#end(news.stream, now);
        break;
      case 'heartbeat':
        this.#database(news.frame.database, heardAt, now);
    }
  }

  /** While the server is without its database no row comes; when it is back they come as deltas, late. */
  #database(state: 'up' | 'down', heardAt: number, now: number): void {
    if (state === 'down') {
      this.#databaseDownAt ??= heardAt;
      return;
    }
    const from = this.#databaseDownAt;
    this.#databaseDownAt = null;
    if (from === null) return;
    for (const stream of STREAM_NAMES)
      if (this.#synced.has(stream) && !this.#open.has(stream)) this.#add({ stream, from, to: now, how: 'refilled' });
  }

  #begin(stream: StreamName, from: number): void {
    if (!this.#open.has(stream)) this.#open.set(stream, { from, isLoaded: false });
  }

  #end(stream: StreamName, now: number): void {
    const open = this.#open.get(stream);
    if (open === undefined) return;
    this.#open.delete(stream);
    this.#add({ stream, from: open.from, to: Math.max(open.from, now), how: open.isLoaded ? 'loaded' : 'refilled' });
  }

  #add(outage: Outage): void {
    const kept = this.#outages.filter(({ to }) => outage.to - to < LONGEST_MS);
    this.#outages = [...kept, outage].slice(-MOST_OUTAGES);
  }
}

/** The same for whoever reads them: streams that missed the same period are one entry, the newest first. */
export interface SharedOutage {
  readonly from: number;
  readonly to: number;
  readonly how: Outage['how'];
  readonly streams: readonly StreamName[];
}

/** Periods that begin and end this near to each other are one. */
const NEAR_MS = 2000;

export function shareOutages(outages: readonly Outage[]): readonly SharedOutage[] {
  const shared: SharedOutage[] = [];
  for (const { stream, from, to, how } of [...outages].reverse()) {
    const index = shared.findIndex(
      (one) => one.how === how && Math.abs(one.from - from) < NEAR_MS && Math.abs(one.to - to) < NEAR_MS,
    );
    const one = shared[index];
    if (one === undefined) shared.push({ from, to, how, streams: [stream] });
    else {
      const streams = STREAM_NAMES.filter((name) => name === stream || one.streams.includes(name));
      shared[index] = { from: Math.min(from, one.from), to: Math.max(to, one.to), how, streams };
    }
  }
  return shared;
}
