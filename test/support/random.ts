/** Randomness that a seed repeats, and the command that repeats a failure. */

/** Numbers in [0, 1) from a 32-bit seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** One of the items. */
export function pick<T>(random: () => number, items: readonly T[]): T {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

/**
 * The seeds to try: those that once failed, then `count` fresh ones, `FUZZ` times as many where the environment says so;
 * only `SEED` where it has one.
 */
export function seeds(count: number, known: readonly number[] = []): number[] {
  const only = process.env.SEED;
  if (only !== undefined) return [Number(only)];
  const fresh = Array.from({ length: count * Number(process.env.FUZZ ?? 1) }, () =>
    Math.floor(Math.random() * 2 ** 31),
  );
  return [...known, ...fresh];
}

/** Runs `body`, and has a failure say which seed it was and how to repeat it. */
export async function withSeed(seed: number, file: string, body: () => Promise<void> | void): Promise<void> {
  try {
    await body();
  } catch (error) {
    const hint = `seed ${seed}; repeat with: SEED=${seed} npx vitest run ${file}`;
    throw new Error(`${error instanceof Error ? error.message : String(error)} (${hint})`, { cause: error });
  }
}
