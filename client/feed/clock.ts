/** How far the server's clock is ahead of this machine's, from the times that its frames carry. */

/** Samples older than this count no more, so that a clock that was set is followed. */
const MEMORY_MS = 60_000;
/** Of the frames within so long one sample is kept, so that a busy second does not push the last minute out. */
const GRAIN_MS = 1000;

/**
 * Estimates the offset. A frame is always received after it was sent, so that each sample is too low by its way; the
 * highest of the last minute is the nearest to the truth.
 */
export class ServerClock {
  #samples: { readonly at: number; offset: number }[] = [];
  #offset = 0;

  /**
   * Takes the time that a frame was sent at.
   *
   * @param serverTime epoch ms on the server's clock.
   * @param now epoch ms on this machine's clock, when the frame came.
   */
  note(serverTime: number, now: number): void {
    const offset = serverTime - now;
    const newest = this.#samples.at(-1);
    if (newest !== undefined && newest.at <= now && now - newest.at < GRAIN_MS) {
      newest.offset = Math.max(newest.offset, offset);
      this.#offset = Math.max(this.#offset, offset);
      return;
    }
    this.#samples = this.#samples.filter(({ at }) => at <= now && now - at < MEMORY_MS);
    this.#samples.push({ at: now, offset });
    this.#offset = Math.max(...this.#samples.map((sample) => sample.offset));
  }

  /** Ms to add to this machine's clock. */
  get offset(): number {
    return this.#offset;
  }
}
