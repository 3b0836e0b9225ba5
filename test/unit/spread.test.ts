/** Clients of a server that stops come back evenly, at no more than a thousand a second. */
import { describe, expect, it } from 'vitest';
import { returnTimes } from '../../server/spread.ts';
import { seeded } from '../support/random.ts';

const SEED = 20_261_122;

function times(clients: number, random = seeded(SEED)): number[] {
  const next = returnTimes(clients, random);
  return Array.from({ length: clients }, next);
}

/** The most of the times that fall into one window of `ms`. */
function densest(all: readonly number[], ms: number): number {
  const sorted = all.toSorted((a, b) => a - b);
  let start = 0;
  return Math.max(
    ...sorted.map((time, end) => {
      while ((sorted[start] ?? time) <= time - ms) start += 1;
      return end - start + 1;
    }),
  );
}

describe('the times at which clients come back', () => {
  it.each([1, 7, 100, 1000, 5000])('never bring more than a thousand a second, of %i clients', (clients) => {
    const all = times(clients);
    // A window of 100 ms touches at most 101 slots of 1 ms, and a few clients have wider ones.
    expect(densest(all, 100)).toBeLessThanOrEqual(Math.min(clients, 101));
    expect(all.every(Number.isInteger)).toBe(true);
  });

  it.each([
    [1, 250, 500],
    [200, 250, 500],
    [4000, 250, 4250],
    [9750, 250, 10_000],
    [50_000, 250, 10_000],
  ])('of %i clients lie between %i and %i ms, and reach to both ends', (clients, from, to) => {
    expect(Math.min(...times(clients, () => 0))).toBe(from);
    const latest = Math.max(...times(clients, () => 0.999999));
    expect(latest).toBeLessThanOrEqual(to);
    expect(latest).toBeGreaterThanOrEqual(to - 2);
  });

  it('are spread evenly where there are more clients than a thousand a second allow for', () => {
    const all = times(50_000);
    expect(densest(all, 1000)).toBeLessThan(5300);
  });

  it('go on within the same bounds for clients that were not counted', () => {
    const next = returnTimes(0, seeded(SEED));
    const all = Array.from({ length: 20 }, next);
    expect(all.every((time) => time >= 250 && time <= 500)).toBe(true);
    expect(new Set(all).size).toBeGreaterThan(10);
  });
});
