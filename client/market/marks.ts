/** What the last hour holds of a symbol's anomalies, in constant memory: how many, how strong, by the minute. Pure. */

const MINUTE_MS = 60_000;
const MINUTES = 60;

/** The anomalies of an hour in two figures. */
export interface HourSummary {
  /** Rows at or above their own threshold. */
  readonly count: number;
  /** The z-score that is farthest from zero, with its sign; 0 where there is none. */
  readonly strongest: number;
  /** All rows, those below their threshold included. */
  readonly rows: number;
}

export const NO_ANOMALIES: HourSummary = { count: 0, strongest: 0, rows: 0 };

/**
 * Counts by minute over the last sixty whole minutes, the present one included. A minute's place is its number modulo sixty,
 * so that nothing grows and nothing has to be moved.
 */
export class HourMarks {
  /** The minute (since the epoch) that each place stands for. */
  readonly #minutes = new Float64Array(MINUTES).fill(Number.NEGATIVE_INFINITY);
  readonly #counts = new Float64Array(MINUTES);
  readonly #rows = new Float64Array(MINUTES);
  readonly #strongest = new Float64Array(MINUTES);
  #summary: { readonly minute: number; readonly summary: HourSummary } | null = null;

  /**
   * Takes a row in. A row that is dated ahead of the clock counts as of now: it has come, and nobody would see it otherwise.
   *
   * @param time the row's own, epoch ms; a row of more than an hour ago is left out.
   * @param now server clock, epoch ms.
   */
  note(time: number, z: number, isAbove: boolean, now: number): void {
    const place = this.#place(time, now);
    if (place === null) return;
    this.#rows[place] = (this.#rows[place] ?? 0) + 1;
    if (!isAbove) return;
    this.#counts[place] = (this.#counts[place] ?? 0) + 1;
    if (Math.abs(z) > Math.abs(this.#strongest[place] ?? 0)) this.#strongest[place] = z;
  }

  /** Counts rows that are only known by their number: a minute's total as the server counted it. */
  noteTotal(time: number, rows: number, now: number): void {
    const place = this.#place(time, now);
    if (place !== null) this.#rows[place] = Math.max(this.#rows[place] ?? 0, rows);
  }

  /** The hour that ends at `now` (server clock, epoch ms). */
  summary(now: number): HourSummary {
    const minute = Math.floor(now / MINUTE_MS);
    if (this.#summary?.minute === minute) return this.#summary.summary;
    let count = 0;
    let rows = 0;
    let strongest = 0;
    for (let place = 0; place < MINUTES; place += 1) {
      const at = this.#minutes[place] ?? Number.NEGATIVE_INFINITY;
      if (at <= minute - MINUTES || at > minute) continue;
      count += this.#counts[place] ?? 0;
      rows += this.#rows[place] ?? 0;
      const z = this.#strongest[place] ?? 0;
      if (Math.abs(z) > Math.abs(strongest)) strongest = z;
    }
    const summary = rows === 0 && count === 0 ? NO_ANOMALIES : { count, strongest, rows: Math.max(rows, count) };
    this.#summary = { minute, summary };
    return summary;
  }

  /** The place of a time's minute, emptied where it stood for an older one; null where the hour does not reach that far. */
  #place(time: number, now: number): number | null {
    const current = Math.floor(now / MINUTE_MS);
    const minute = Math.floor(Math.min(time, now) / MINUTE_MS);
    if (!(minute > current - MINUTES)) return null;
    const place = ((minute % MINUTES) + MINUTES) % MINUTES;
    // A clock that was set back must not count on what it has counted already as of later.
    if ((this.#minutes[place] ?? minute) !== minute) {
      this.#minutes[place] = minute;
      this.#counts[place] = 0;
      this.#rows[place] = 0;
      this.#strongest[place] = 0;
    }
    this.#summary = null;
    return place;
  }
}
