/** The times without a connection, which charts show as such. */
import type { Hole } from '../model.ts';

/** Nobody looks further back, and a connection that comes and goes must not fill the memory. */
const KEPT_MS = 7 * 86_400_000;
const MOST = 200;

/** The page's holes. Times are on the server's clock, epoch ms. */
export class Holes {
  #closed: { readonly from: number; readonly to: number }[] = [];
  #openFrom: number | null = null;

  get isOpen(): boolean {
    return this.#openFrom !== null;
  }

  /** The connection is gone; `from` is when it was last heard. */
  open(from: number): void {
    this.#openFrom ??= from;
  }

  /** There is a connection again. */
  close(to: number): void {
    if (this.#openFrom === null) return;
    this.#closed.push({ from: this.#openFrom, to });
    this.#openFrom = null;
    this.#closed = this.#closed.filter((hole) => to - hole.to < KEPT_MS).slice(-MOST);
  }

  /** The holes as a channel has them whose history was loaded at `loadedAt`: all that ended by then are filled. */
  seenFrom(loadedAt: number, now: number): readonly Hole[] {
    const holes: Hole[] = this.#closed.map(({ from, to }) => ({ from, to, filled: to <= loadedAt }));
    if (this.#openFrom !== null) holes.push({ from: this.#openFrom, to: Math.max(now, this.#openFrom), filled: false });
    return holes;
  }
}
