/** What the server measures of itself while it works: how long a ring takes to become frames, and how many rows pass. */

/** A measured value with its unit. */
export interface Reading {
  readonly value: number;
  readonly unit: string;
}

/** More than this many latencies between two readings are not kept; the median does not need them. */
const MOST_SAMPLES = 2000;

/** Gathers between two readings and starts anew after each. Times are ms of a clock that never goes back. */
export class SelfMeasurement {
  readonly #now: () => number;
  #latencies: number[] = [];
  #rows = 0;
  #since: number;
  #latency = 0;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#since = now();
  }

  /** Notes rows that were handed to the subscribers, `rungAt` being when their ring was heard (null: there was none). */
  delivered(rows: number, rungAt: number | null): void {
    this.#rows += rows;
    if (rungAt !== null && this.#latencies.length < MOST_SAMPLES) this.#latencies.push(this.#now() - rungAt);
  }

  /** `push_latency`: median ms from ring to frames (the last known where nothing rang). `throughput`: rows a second. */
  read(): { readonly push_latency: Reading; readonly throughput: Reading } {
    const now = this.#now();
    const seconds = Math.max(0.001, (now - this.#since) / 1000);
    const sorted = this.#latencies.sort((a, b) => a - b);
    this.#latency = sorted[Math.floor(sorted.length / 2)] ?? this.#latency;
    const throughput = this.#rows / seconds;
    this.#latencies = [];
    this.#rows = 0;
    this.#since = now;
    return {
      push_latency: { value: round(this.#latency), unit: 'ms' },
      throughput: { value: round(throughput), unit: 'rows/s' },
    };
  }
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
