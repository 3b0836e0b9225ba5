/** What is computed from a line's columns rather than stored: intervals, annualised rates, sums, trailing shares, samples. */
import type { LineView } from './model.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** Funding intervals in hours of exchanges that are known to keep to one, for rows that do not say it themselves. */
export const KNOWN_INTERVALS_HOURS: Readonly<Record<string, number>> = {
  binance: 8,
  bybit: 8,
  okx: 8,
  gate: 8,
  htx: 8,
  kucoin: 8,
  mexc: 8,
  dydx: 1,
};

/** What the functions for funding read of a line. */
export type FundingLine = Pick<LineView, 'name' | 'times' | 'columns'>;

/**
 * Hours between two payments of a funding line: the step in which its `next_funding_time` goes on, else what is known of
 * its exchange; null where neither says it, and then nothing may be annualised.
 *
 * Missing rows make single steps longer, so that the most frequent one counts, of equally frequent ones the shortest.
 */
export function fundingIntervalHours(line: FundingLine): number | null {
  const counts = new Map<number, number>();
  let before = Number.NaN;
  for (const next of line.columns.next_funding_time ?? []) {
    if (!Number.isFinite(next) || next === before) continue;
    // Announced times are off by seconds now and then: a step is taken to the minute.
    const minutes = Math.round((next - before) / MINUTE_MS);
    if (minutes >= 30 && minutes <= 24 * 60) counts.set(minutes, (counts.get(minutes) ?? 0) + 1);
    before = next;
  }
  let best: readonly [minutes: number, count: number] | null = null;
  for (const [minutes, count] of counts) {
    if (best === null || count > best[1] || (count === best[1] && minutes < best[0])) best = [minutes, count];
  }
  if (best !== null) return best[0] / 60;
  const name = line.name?.toLowerCase() ?? '';
  return Object.hasOwn(KNOWN_INTERVALS_HOURS, name) ? (KNOWN_INTERVALS_HOURS[name] ?? null) : null;
}

/** A rate per funding interval (fraction) as a simple rate a year: `rate x 24 / hours x 365`. */
export function annualisedRate(rate: number, hours: number): number {
  return rate * (24 / hours) * 365;
}

/** A rate that was paid, at the time of its payment (epoch ms). */
export interface Payment {
  readonly time: number;
  readonly rate: number;
}

/**
 * The payments within a funding line. Polls are not payments: of all rows before a payment only the last one's rate is
 * paid. A row says which payment it is for by its `next_funding_time`; where it does not, it is for the next multiple of
 * the interval since the epoch.
 *
 * @param until epoch ms; payments after it have not been made yet.
 * @returns in order of time; empty where the interval is not known.
 */
export function fundingPayments(line: FundingLine, until: number): readonly Payment[] {
  const hours = fundingIntervalHours(line);
  const rates = line.columns.funding_rate;
  if (hours === null || rates === undefined) return [];
  const intervalMs = hours * HOUR_MS;
  const byTime = new Map<number, number>();
  for (const [index, time] of line.times.entries()) {
    const rate = rates[index] ?? Number.NaN;
    if (!Number.isFinite(rate)) continue;
    const said = line.columns.next_funding_time?.[index] ?? Number.NaN;
    const next = Number.isFinite(said)
      ? Math.round(said / MINUTE_MS) * MINUTE_MS
      : (Math.floor(time / intervalMs) + 1) * intervalMs;
    if (next <= until) byTime.set(next, rate);
  }
  return [...byTime].map(([time, rate]) => ({ time, rate })).sort((a, b) => a.time - b.time);
}

/** The running sum of a column of single trades' results; NaN where the row has none, and the sum goes on after it. */
export function cumulativePnl(pnl: Float64Array): Float64Array {
  let sum = 0;
  return pnl.map((value) => {
    if (!Number.isFinite(value)) return Number.NaN;
    sum += value;
    return sum;
  });
}

/** Over how many rows the trailing win rate is taken. */
export const TRAILING_ROWS = 200;

/**
 * The mean of the last `rows` values up to each (fractions), fewer at the beginning; NaN where the row has none, and such
 * rows do not count.
 */
export function trailingWinRate(winRates: Float64Array, rows = TRAILING_ROWS): Float64Array {
  const window: number[] = [];
  let oldest = 0;
  let sum = 0;
  return winRates.map((value) => {
    if (!Number.isFinite(value)) return Number.NaN;
    window.push(value);
    sum += value;
    if (window.length - oldest > rows) {
      sum -= window[oldest] ?? 0;
      oldest += 1;
    }
    return sum / (window.length - oldest);
  });
}

/** The newest finite value of a column and its time (epoch ms); null where it has none. */
export function latestValue(times: Float64Array, values: Float64Array): { time: number; value: number } | null {
  for (let index = values.length - 1; index >= 0; index -= 1) {
    const value = values[index] ?? Number.NaN;
    if (Number.isFinite(value)) return { time: times[index] ?? Number.NaN, value };
  }
  return null;
}

/**
 * The newest finite value less the one that held when the window began, in the values' unit; null where fewer than two
 * values are there to compare. A row before `from` (epoch ms) still held then.
 */
export function changeOverWindow(
  times: Float64Array,
  values: Float64Array,
  from = Number.NEGATIVE_INFINITY,
): number | null {
  let first = -1;
  let last = -1;
  for (const [index, value] of values.entries()) {
    if (!Number.isFinite(value)) continue;
    if (first < 0 || (times[index] ?? 0) <= from) first = index;
    last = index;
  }
  if (first < 0 || first === last) return null;
  return (values[last] ?? Number.NaN) - (values[first] ?? Number.NaN);
}

/**
 * A column sampled for a sparkline: for each of `count` equal parts of [from, to) the last finite value in it, and where
 * a part has none, the value that still held; NaN before the first.
 */
export function sparkline(
  times: Float64Array,
  values: Float64Array,
  window: { readonly from: number; readonly to: number },
  count: number,
): Float64Array {
  const { from, to } = window;
  const samples = new Float64Array(count).fill(Number.NaN);
  let held = Number.NaN;
  for (const [index, time] of times.entries()) {
    const value = values[index] ?? Number.NaN;
    if (!Number.isFinite(value) || time >= to) continue;
    if (time < from) held = value;
    else samples[Math.min(count - 1, Math.floor(((time - from) / (to - from)) * count))] = value;
  }
  return samples.map((sample) => {
    if (Number.isFinite(sample)) held = sample;
    return held;
  });
}
