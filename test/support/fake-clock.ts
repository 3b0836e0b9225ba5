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
    await rest();
  }
}

/** Resolves when every promise that is settled by now has been acted on. */
export function rest(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
