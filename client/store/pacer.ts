/** When the picture follows the data: at once, at the visitor's pace, or not at all. */
import type { RefreshName } from '../model.ts';
import type { Timers } from './types.ts';

/**
 * The least time between two pictures. A screen could show twice as many; but rows come in bursts, and what one picture shows
 * of a burst costs the page a fraction of what it costs in two.
 */
const FRAME_MS = 30;

/** Time between two pictures in ms; null where none follows by itself. */
const PERIOD_MS: Readonly<Record<RefreshName, number | null>> = {
  live: FRAME_MS,
  '10s': 10_000,
  '30s': 30_000,
  '1m': 60_000,
  paused: null,
};

/** Calls `draw` when it is time to. A hidden tab is not drawn; it is once, when it is shown again. */
export class Pacer {
  readonly #deps: { readonly timers: Timers; now(): number; isHidden(): boolean; draw(): void };
  #refresh: RefreshName;
  #drawnAt = Number.NEGATIVE_INFINITY;
  #dirty = false;
  /** Whether a picture is owed whatever the pace. */
  #forced = false;
  #cancel: (() => void) | null = null;

  constructor(deps: { timers: Timers; now(): number; isHidden(): boolean; draw(): void }, refresh: RefreshName) {
    this.#deps = deps;
    this.#refresh = refresh;
  }

  /** Whether the picture follows the data at once. */
  get isLive(): boolean {
    return this.#refresh === 'live';
  }

  /** There is something new to see. */
  touch(): void {
    this.#dirty = true;
    this.#plan();
  }

  /** Another pace: the picture jumps to now, except into a pause, which holds it as it is. */
  setRefresh(refresh: RefreshName): void {
    if (refresh === this.#refresh) return;
    this.#refresh = refresh;
    this.#stopTimer();
    if (refresh !== 'paused') this.force();
  }

  /** Draws at once, whatever the pace: the visitor asked for another picture. */
  force(): void {
    this.#forced = true;
    if (!this.#deps.isHidden()) this.#draw();
  }

  /** Once a second and when the tab is shown: draws what became due. */
  tick(): void {
    if (this.#deps.isHidden()) return;
    if (this.#forced) this.#draw();
    const period = PERIOD_MS[this.#refresh];
    if (period === null) return;
    if (period > FRAME_MS) this.#dirty = true;
    this.#plan();
  }

  stop(): void {
    this.#stopTimer();
  }

  #plan(): void {
    const period = PERIOD_MS[this.#refresh];
    if (period === null || !this.#dirty || this.#cancel !== null || this.#deps.isHidden()) return;
    const waitMs = this.#drawnAt + period - this.#deps.now();
    // A clock that was set back must not hold the picture for as long.
    if (waitMs <= 0 || waitMs > period) this.#inFrame();
    else this.#cancel = this.#deps.timers.after(waitMs, () => this.#inFrame());
  }

  /** Draws when the browser does: what comes until then is in the picture too. */
  #inFrame(): void {
    const draw = (): void => {
      this.#cancel = null;
      if (!this.#deps.isHidden()) this.#draw();
    };
    const { frame } = this.#deps.timers;
    if (frame === undefined) draw();
    else this.#cancel = frame(draw);
  }

  #draw(): void {
    this.#stopTimer();
    this.#dirty = false;
    this.#forced = false;
    this.#drawnAt = this.#deps.now();
    this.#deps.draw();
  }

  #stopTimer(): void {
    this.#cancel?.();
    this.#cancel = null;
  }
}
