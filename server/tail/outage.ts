/** How long there has been no connection, and when that is worth a line: a short outage is made good before anybody could look. */

/** An outage of so many ms is told of even where only the weighty is printed. */
const AWAY_MS = 10_000;

export class Outage {
  #state: { readonly since: number; reason: string; told: boolean } | null = null;

  /** Notes that a try failed. @returns whether it is the first failure of this outage. */
  failed(reason: string, now: number): boolean {
    if (this.#state === null) {
      this.#state = { since: now, reason, told: false };
      return true;
    }
    this.#state.reason = reason;
    return false;
  }

  /** When it will be worth telling; infinite where there is nothing to tell. */
  get deadline(): number {
    return this.#state === null || this.#state.told ? Number.POSITIVE_INFINITY : this.#state.since + AWAY_MS;
  }

  /** What to tell now, once for each outage; null where it is too early or told already. */
  tell(now: number): string | null {
    if (this.#state === null || now < this.deadline) return null;
    this.#state.told = true;
    return `no connection for ${AWAY_MS / 1000} s: ${this.#state.reason}; trying on, nothing is lost yet`;
  }

  /** Notes that there is a connection. @returns how long there was none, in ms, and whether that had been told of. */
  over(now: number): { readonly afterMs: number; readonly told: boolean } {
    const state = this.#state;
    this.#state = null;
    return state === null ? { afterMs: 0, told: false } : { afterMs: now - state.since, told: state.told };
  }
}
