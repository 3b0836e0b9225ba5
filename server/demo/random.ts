/** Seeded random numbers for the demo market: the same seed gives the same market. */

/** A stream of random numbers. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Standard normal (Box-Muller). */
  normal(): number;
  /** Uniform in [low, high). */
  between(low: number, high: number): number;
}

/** Numbers that depend on the seed and the name alone, so that one part of the market never shifts another's. */
export function createRandom(seed: number, name: string): Random {
  // Four words of state from FNV-1a over the name and the seed, then sfc32 (PractRand's small fast counter generator).
  const state = [0, 1, 2, 3].map((word) => {
    let hash = 2166136261 ^ word;
    for (const character of `${seed}:${name}`) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 16777619);
    return hash | 0;
  });
  let [a = 0, b = 0, c = 0, counter = 1] = state;
  const next = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return (sum >>> 0) / 4294967296;
  };
  // The first draws still show the seed's structure.
  for (let draw = 0; draw < 16; draw++) next();
  let spare: number | null = null;
  return {
    next,
    between: (low, high) => low + (high - low) * next(),
    normal() {
      if (spare !== null) {
        const kept = spare;
        spare = null;
        return kept;
      }
      const radius = Math.sqrt(-2 * Math.log(1 - next()));
      const angle = 2 * Math.PI * next();
      spare = radius * Math.sin(angle);
      return radius * Math.cos(angle);
    },
  };
}

/** An Ornstein-Uhlenbeck process: wanders with standard deviation `sd` and returns to 0 with `halfLifeMs`. */
export interface Wanderer {
  value: number;
  /** Goes on by `ms` and returns the new value; exact in distribution for a step of any length, so how often it is sampled does not change its nature. */
  step(ms: number): number;
}

/** Starts a wanderer somewhere in its stationary distribution. */
export function createWanderer(random: Random, sd: number, halfLifeMs: number): Wanderer {
  return {
    value: sd * random.normal(),
    step(ms) {
      const kept = 2 ** (-ms / halfLifeMs);
      this.value = this.value * kept + sd * Math.sqrt(1 - kept * kept) * random.normal();
      return this.value;
    },
  };
}
