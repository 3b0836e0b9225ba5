/**
 * How many rows a window has, those included that the reduction left out. Exact as long as the window stands where it was
 * loaded; as it slides, the rows that it was loaded with are taken to have lain evenly, as nobody knows of those left out.
 */

const HOUR_MS = 3_600_000;

/** The rows that a window was loaded with, and by hour of their timestamps those that have come since. */
export class Total {
  readonly #loaded: number;
  readonly #from: number;
  readonly #to: number;
  readonly #since = new Map<number, number>();

  /** @param loaded rows of [from, to], epoch ms. */
  constructor(loaded: number, from: number, to: number) {
    this.#loaded = loaded;
    this.#from = from;
    this.#to = to;
  }

  /** Counts a row that has come, with this timestamp. */
  note(time: number): void {
    const hour = Math.floor(time / HOUR_MS);
    this.#since.set(hour, (this.#since.get(hour) ?? 0) + 1);
  }

  /** Rows of the window that begins at `from` (epoch ms). */
  count(from: number): number {
    const left = Math.min(1, Math.max(0, (this.#to - from) / (this.#to - this.#from || 1)));
    let total = this.#loaded * left;
    for (const [hour, rows] of this.#since) {
      if (hour < Math.floor(from / HOUR_MS)) this.#since.delete(hour);
      else total += rows;
    }
    return Math.round(total);
  }
}
