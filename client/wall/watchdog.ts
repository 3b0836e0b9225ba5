/** When a page that nobody can touch is to be loaded anew, and how often it may be. Pure; all times in ms of one clock. */

/** What comes for so long without anything being painted is no picture any more. */
export const UNPAINTED_MS = 30_000;
/** A page that looks at its clock more seldom than this was asleep or held up: what it missed is no fault of its own. */
const ASLEEP_MS = 10_000;
/** So many errors within ERRORS_MS are a page that does not work. */
export const MOST_ERRORS = 5;
export const ERRORS_MS = 60_000;

/** Why a page is to be loaded anew. */
export type Ailment = 'nothing is painted' | 'too many errors';

/** Watches over one page. */
export class Watchdog {
  #paintedAt: number;
  #heardAt = Number.NEGATIVE_INFINITY;
  #lookedAt: number;
  #errors: number[] = [];

  constructor(now: number) {
    this.#paintedAt = now;
    this.#lookedAt = now;
  }

  /** The screen was painted. */
  painted(now: number): void {
    this.#paintedAt = now;
  }

  /** Something came that is to be seen. */
  heard(now: number): void {
    this.#heardAt = now;
  }

  /** An error that nobody caught. */
  failed(now: number): void {
    this.#errors = [...this.#errors.filter((at) => at <= now && now - at < ERRORS_MS), now];
  }

  /** To be asked every second or so. Null: the page is well. */
  look(now: number, isHidden: boolean): Ailment | null {
    const passed = now - this.#lookedAt;
    this.#lookedAt = now;
    // A hidden page is not painted; one that slept, or whose clock was set, gets its time once more.
    if (isHidden || passed > ASLEEP_MS || passed < 0) {
      this.#paintedAt = now;
      if (passed < 0) this.#heardAt = Number.NEGATIVE_INFINITY;
      return null;
    }
    this.#errors = this.#errors.filter((at) => at <= now && now - at < ERRORS_MS);
    if (this.#errors.length >= MOST_ERRORS) return 'too many errors';
    const isOwed = this.#heardAt > this.#paintedAt;
    return isOwed && now - this.#paintedAt >= UNPAINTED_MS ? 'nothing is painted' : null;
  }
}

/** What is remembered of the last reload, through it. `at`: epoch ms. */
export interface Reloads {
  readonly count: number;
  readonly at: number;
}

const FIRST_WAIT_MS = 20_000;
const MOST_WAIT_MS = 30 * 60_000;
/** A page that has kept for so long is well: its next reload is a first one. */
const FORGIVEN_MS = 60 * 60_000;

/** How long the next reload has to wait yet, in ms. `now`: epoch ms. */
export function reloadWait(last: Reloads | null, now: number): number {
  if (last === null || last.count === 0) return 0;
  const wait = Math.min(MOST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(20, last.count - 1));
  const passed = now - last.at;
  // A clock that was set back must not hold it up for as long.
  return passed < 0 ? wait : Math.max(0, wait - passed);
}

/** What is to be remembered of a reload now. */
export function noteReload(last: Reloads | null, now: number): Reloads {
  const isForgiven = last === null || now - last.at >= FORGIVEN_MS;
  return { count: isForgiven ? 1 : last.count + 1, at: now };
}

/** Beyond this, two clocks that go the same way have come apart because one was set, or the machine slept. */
const LEAP_MS = 3000;

/** Tells when the machine's clock was set, or time passed that the page did not see. */
export class Leaps {
  #before: { readonly wall: number; readonly steady: number } | null = null;

  /**
   * @param wall the machine's clock, epoch ms.
   * @param steady a clock that nobody sets, and that may stand still in sleep.
   * @returns whether something leapt since the last look.
   */
  look(wall: number, steady: number): boolean {
    const before = this.#before;
    this.#before = { wall, steady };
    if (before === null) return false;
    const passed = steady - before.steady;
    return Math.abs(wall - before.wall - passed) > LEAP_MS || passed > ASLEEP_MS;
  }
}
