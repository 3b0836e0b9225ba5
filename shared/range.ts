/** Ranges of time as subscribers write them: `15m` to `7d` in minutes, hours or days, or `latest`. */

const UNIT_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const SHORTEST_MS = 15 * UNIT_MS.m;
const LONGEST_MS = 7 * UNIT_MS.d;

/** What is accepted, for messages and documents. */
export const RANGE_HELP = 'latest, or 15m to 7d in m, h or d (for instance 15m, 24h, 7d)';

/** A parsed range: the newest row of each series, or a length in ms back from now. */
export type Range = { readonly kind: 'latest' } | { readonly kind: 'window'; readonly ms: number };

/** Parses a range; null where it is none. */
export function parseRange(text: string): Range | null {
  if (text === 'latest') return { kind: 'latest' };
  const match = /^([1-9]\d{0,4})([mhd])$/.exec(text);
  if (match === null) return null;
  const unit = match[2];
  if (unit !== 'm' && unit !== 'h' && unit !== 'd') return null;
  const ms = Number(match[1]) * UNIT_MS[unit];
  return ms >= SHORTEST_MS && ms <= LONGEST_MS ? { kind: 'window', ms } : null;
}
