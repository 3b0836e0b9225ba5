/** How many rows a channel has within the last hour, by the minute of their timestamps. */

const MINUTE_MS = 60_000;
const HOUR_MINUTES = 60;
/** Rows dated further ahead than the widest range are not waited for. */
const FUTURE_MINUTES = 7 * 24 * 60;

/** Counts of rows by minute: given by a snapshot, kept up by deltas, forgotten as the clock goes on. */
export class Minutes {
  readonly #counts = new Map<number, number>();

  /** @param first epoch ms of the first count's minute. */
  constructor(first: number, counts: readonly number[]) {
    const minute = Math.floor(first / MINUTE_MS);
    for (const [index, count] of counts.entries()) if (count > 0) this.#counts.set(minute + index, count);
  }

  /** Counts a row with this timestamp. `now`: server clock; both epoch ms. */
  note(time: number, now: number): void {
    const minute = Math.floor(time / MINUTE_MS);
    const thisMinute = Math.floor(now / MINUTE_MS);
    if (minute <= thisMinute - HOUR_MINUTES || minute > thisMinute + FUTURE_MINUTES) return;
    // Only by the server's own time, which `now` is here: that of this machine may have been set.
    if (!this.#counts.has(minute))
      for (const old of this.#counts.keys()) if (old <= thisMinute - HOUR_MINUTES) this.#counts.delete(old);
    this.#counts.set(minute, (this.#counts.get(minute) ?? 0) + 1);
  }

  /**
   * Rows of the last sixty whole minutes, the present one included, as the server counts them. Rows dated in the future
   * count from their minute on.
   */
  total(now: number): number {
    const thisMinute = Math.floor(now / MINUTE_MS);
    let total = 0;
    for (const [minute, count] of this.#counts)
      if (minute > thisMinute - HOUR_MINUTES && minute <= thisMinute) total += count;
    return total;
  }
}
