/** A clock that stands still until a test moves it. */
import type { Clock } from '../../server/feed/ports.ts';

export class FakeClock implements Clock {
  #now = 1_700_000_000_000;
  #timers: { at: number; action: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(ms: number, action: () => void): () => void {
    const timer = { at: this.#now + ms, action };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Lets time pass; timers go off in order, and what they set in motion comes to rest in between. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await rest();
      const [next] = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#now = Math.max(this.#now, next.at);
      next.action();
    }
    this.#now = end;
    await rest(TURNS_AT_REST);
  }
}

/** Turns of the event loop after which the models of these tests have nothing left to do at one time of the clock. */
const TURNS_AT_REST = 20;

/** Resolves after so many turns of the event loop, when every promise that was settled by then has been acted on. */
export async function rest(turns = 1): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
