/**
 * Where the time went for the rows that came lately: from a row's own time to the picture, in legs. Pure.
 *
 * Times are on the server's clock; those of this machine are brought to it by the clock's offset, which is taken from the
 * fastest frame of the last minute. How long that frame itself took cannot be seen from here: half a round trip, give or
 * take the other half.
 */
import type { StreamName } from '../../shared/streams.ts';

/** One row on its way, epoch ms on the server's clock. */
export interface Sample {
  /** The row's own time. */
  readonly row: number;
  /** When the server sent it. */
  readonly sent: number;
  /** When it came here. */
  readonly received: number;
  /** When it was on the screen; null while it is not, as on a page that is paused or hidden. */
  painted: number | null;
}

/** A row with what names it, so that the time of its writing can be asked for. */
export interface Newest extends Sample {
  readonly id: number;
  readonly key: string;
}

/** The legs, in order. */
export const LEGS = ['to-server', 'network', 'paint'] as const;
export type Leg = (typeof LEGS)[number];

/** Ms of a leg; null where it is not over. */
export function legOf({ row, sent, received, painted }: Sample, leg: Leg): number | null {
  switch (leg) {
    case 'to-server':
      return sent - row;
    case 'network':
      // An estimate: what is below zero is the estimate's fault.
      return Math.max(0, received - sent);
    case 'paint':
      return painted === null ? null : Math.max(0, painted - received);
  }
}

/** What is said of a leg over the last minutes, in ms. */
export interface LegSummary {
  readonly median: number;
  readonly worst: number;
  readonly count: number;
}

export const MEMORY_MS = 300_000;
const MOST_SAMPLES = 600;

/** The samples of each stream over the last minutes. */
export class Samples {
  readonly #samples = new Map<StreamName, Sample[]>();
  readonly #newest = new Map<StreamName, Newest>();
  readonly #unpainted: Sample[] = [];

  /** A row came. Rows of a replay are not to be noted: they were late for another reason. */
  note(stream: StreamName, sample: Newest): void {
    const all = this.#samples.get(stream) ?? [];
    this.#samples.set(stream, all);
    all.push(sample);
    if (all.length > MOST_SAMPLES) all.splice(0, all.length - MOST_SAMPLES);
    this.#newest.set(stream, sample);
    this.#unpainted.push(sample);
    // Nothing is painted while the page is hidden; what is that old tells nothing about painting.
    if (this.#unpainted.length > MOST_SAMPLES) this.#unpainted.splice(0, this.#unpainted.length - MOST_SAMPLES);
  }

  /** Everything that came by `drawn` is on the screen since `at`. */
  paint(drawn: number, at: number): void {
    const rest = this.#unpainted.filter((sample) => {
      if (sample.received > drawn) return true;
      sample.painted = at;
      return false;
    });
    this.#unpainted.splice(0, this.#unpainted.length, ...rest);
  }

  /** What waits is not painted soon: the page is paused or hidden. */
  abandon(): void {
    this.#unpainted.length = 0;
  }

  newest(stream: StreamName): Newest | null {
    return this.#newest.get(stream) ?? null;
  }

  /** What was before belongs to another symbol. */
  forget(): void {
    this.#samples.clear();
    this.#newest.clear();
    this.#unpainted.length = 0;
  }

  /** Null where nothing is known of a leg. */
  summary(stream: StreamName, leg: Leg, now: number): LegSummary | null {
    const all = this.#samples.get(stream) ?? [];
    const recent = all.filter(({ received }) => now - received < MEMORY_MS);
    if (recent.length < all.length) this.#samples.set(stream, recent);
    const times = recent.flatMap((sample) => legOf(sample, leg) ?? []).sort((a, b) => a - b);
    const middle = times.length >> 1;
    const upper = times[middle];
    const worst = times.at(-1);
    if (upper === undefined || worst === undefined) return null;
    const median = times.length % 2 === 1 ? upper : (upper + (times[middle - 1] ?? upper)) / 2;
    return { median, worst, count: times.length };
  }
}
