/** The median time between a line's arrivals over the last day, in bounded memory: by which silence is judged. */

const DAY_MS = 86_400_000;
/** The day is forgotten in so many parts. */
const SLOTS = 6;
const SLOT_MS = DAY_MS / SLOTS;
/** Gaps are counted by their size, four sizes an octave: a median is right to a tenth. */
const SIZES_AN_OCTAVE = 4;
const SIZES = Math.ceil(Math.log2(DAY_MS) * SIZES_AN_OCTAVE) + 1;

function sizeOf(gapMs: number): number {
  return Math.min(SIZES - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, gapMs)) * SIZES_AN_OCTAVE)));
}

/** Counts gaps between arrivals. Begins with the median that the server knows, which weighs as the day it was taken over. */
export class Spacing {
  readonly #slots: { slot: number; counts: Float64Array }[] = [];
  readonly #prior: number | null;
  /** The median as last computed; null where it has to be computed anew. */
  #median: { readonly ms: number | null } | null = null;

  /**
   * @param priorMs the median of the day before `at`; null where unknown.
   * @param at server clock, epoch ms.
   */
  constructor(priorMs: number | null, at: number) {
    this.#prior = priorMs !== null && Number.isFinite(priorMs) && priorMs >= 0 ? priorMs : null;
    if (this.#prior === null) return;
    const size = sizeOf(this.#prior);
    const slot = Math.floor(at / SLOT_MS);
    for (let past = SLOTS; past >= 1; past -= 1) {
      const counts = new Float64Array(SIZES);
      counts[size] = SLOT_MS / Math.max(1, this.#prior);
      this.#slots.push({ slot: slot - past, counts });
    }
  }

  /** Counts one gap of `gapMs` that ended at `at`. */
  note(gapMs: number, at: number): void {
    this.#median = null;
    const slot = Math.floor(at / SLOT_MS);
    let newest = this.#slots.at(-1);
    if (newest === undefined || newest.slot < slot) {
      newest = { slot, counts: new Float64Array(SIZES) };
      this.#slots.push(newest);
      while ((this.#slots[0]?.slot ?? slot) < slot - SLOTS) this.#slots.shift();
    }
    const size = sizeOf(gapMs);
    newest.counts[size] = (newest.counts[size] ?? 0) + 1;
  }

  /** The median in ms; null while nothing is known. */
  get medianMs(): number | null {
    this.#median ??= { ms: this.#compute() };
    return this.#median.ms;
  }

  #compute(): number | null {
    let total = 0;
    for (const { counts } of this.#slots) for (const count of counts) total += count;
    if (total === 0) return this.#prior;
    let below = 0;
    for (let size = 0; size < SIZES; size += 1) {
      for (const { counts } of this.#slots) below += counts[size] ?? 0;
      if (below * 2 < total) continue;
      // The server's own figure is exact; a size stands for the gaps around its middle.
      if (this.#prior !== null && sizeOf(this.#prior) === size) return this.#prior;
      return 2 ** ((size + 0.5) / SIZES_AN_OCTAVE);
    }
    return this.#prior;
  }
}
