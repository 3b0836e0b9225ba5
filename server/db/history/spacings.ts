/**
 * How far apart the rows of lines come, remembered for some minutes: telling it takes thousands of rows of a line, and it
 * changes slowly.
 */

/** How long a line's spacing is believed. */
const KEPT_MS = 600_000;
/** Lines that are remembered; the one that was told first goes first. */
const MOST_LINES = 20_000;

/** The spacings of one stream's lines. */
export class Spacings {
  readonly #lines = new Map<string, { readonly spacingMs: number | null; readonly toldAt: number }>();

  /** Median ms between arrivals of a line, null where that is not known of it; undefined where it was not told lately. */
  get(key: string, series: string | null, now: number): number | null | undefined {
    const line = this.#lines.get(nameOf(key, series));
    return line === undefined || Math.abs(now - line.toldAt) > KEPT_MS ? undefined : line.spacingMs;
  }

  /** `now`: epoch ms. */
  tell(key: string, series: string | null, spacingMs: number | null, now: number): void {
    const name = nameOf(key, series);
    this.#lines.delete(name);
    this.#lines.set(name, { spacingMs, toldAt: now });
    for (const oldest of this.#lines.keys()) {
      if (this.#lines.size <= MOST_LINES) return;
      this.#lines.delete(oldest);
    }
  }
}

/** One text for a line, by which it is found in a map. */
export const nameOf = (key: string, series: string | null): string => JSON.stringify([key, series]);
