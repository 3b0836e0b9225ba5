/**
 * Whose turn it is. It counts time by what passes between two looks at a clock, so that one that is set, or a machine that
 * slept, neither freezes it nor makes it run. Pure.
 */

/** A turn waits so long for the next one to be ready (ms), and then goes on without it. */
export const PATIENCE_MS = 15_000;

/** The schedule of a wall. */
export class Rotation {
  readonly #rotateMs: number;
  #turns: readonly string[] = [];
  #index = 0;
  /** For how long the present turn has been shown, in ms. */
  #elapsed = 0;
  #lookedAt: number | null = null;

  /** @param rotateMs how long a turn lasts; 0: for ever. */
  constructor(rotateMs: number) {
    this.#rotateMs = rotateMs;
  }

  get turns(): readonly string[] {
    return this.#turns;
  }

  /** Null while there are no turns. */
  get current(): string | null {
    return this.#turns[this.#index] ?? null;
  }

  /** What comes after the present turn; null where it stays. */
  get next(): string | null {
    if (this.#rotateMs === 0 || this.#turns.length < 2) return null;
    return this.#turns[(this.#index + 1) % this.#turns.length] ?? null;
  }

  /** Other turns. The present one goes on where it is among them; else its place in the order is kept. */
  setTurns(turns: readonly string[]): void {
    const { current } = this;
    const kept = current === null ? -1 : turns.indexOf(current);
    this.#turns = turns;
    if (kept >= 0) {
      this.#index = kept;
      return;
    }
    this.#index = turns.length === 0 ? 0 : this.#index % turns.length;
    this.#elapsed = 0;
  }

  /**
   * Looks at the clock, in ms since whenever. Returns whether the turn has changed: at most by one, however much time has
   * passed.
   */
  look(now: number, isNextReady: boolean): boolean {
    // A clock that was set back tells nothing about how long it has been.
    this.#elapsed += Math.max(0, now - (this.#lookedAt ?? now));
    this.#lookedAt = now;
    if (this.next === null) {
      this.#elapsed = 0;
      return false;
    }
    if (this.#elapsed < this.#rotateMs + (isNextReady ? 0 : PATIENCE_MS)) return false;
    this.#index = (this.#index + 1) % this.#turns.length;
    this.#elapsed = 0;
    return true;
  }
}
