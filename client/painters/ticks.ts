/** Where an axis has its ticks and what stands at them. Pure; labels of one axis are never the same text twice. */
import { fixed, offsetMinutes, timeParts, type Zone } from '../format.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const TIME_STEPS: readonly number[] = [
  MINUTE,
  2 * MINUTE,
  5 * MINUTE,
  10 * MINUTE,
  15 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  3 * HOUR,
  4 * HOUR,
  6 * HOUR,
  12 * HOUR,
  DAY,
  2 * DAY,
  3 * DAY,
  7 * DAY,
];

/** The least of 1, 2, 2.5, 5 x 10^n that is at least `rough`. */
export function niceStep(rough: number): number {
  if (!(rough > 0) || !Number.isFinite(rough)) return 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  for (const factor of [1, 2, 2.5, 5]) {
    if (factor * power >= rough * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

/** Multiples of the step within [min, max]; computed as products, so that 0.1 + 0.2 does not creep in. */
export function multiples(min: number, max: number, step: number): number[] {
  const ticks: number[] = [];
  const slack = step * 1e-6;
  for (let i = Math.ceil((min - slack) / step); i * step <= max + slack && ticks.length < 64; i += 1) {
    ticks.push(i === 0 ? 0 : i * step);
  }
  return ticks;
}

/** Ticks of a value axis: at most `most` of them, at round values. */
export function valueTicks(min: number, max: number, most: number): number[] {
  return multiples(min, max, niceStep((max - min) / Math.max(1, most)));
}

/** How an axis writes its figures; the unit itself stands in the title. */
export type AxisStyle = 'percent' | 'percent-signed' | 'signed' | 'plain';

/**
 * Labels for ticks that lie a constant step apart. The decimals come from the step, not from the value, so that two
 * ticks never round to the same text.
 */
export function valueLabels(ticks: readonly number[], style: AxisStyle): string[] {
  const isPercent = style === 'percent' || style === 'percent-signed';
  const factor = isPercent ? 100 : 1;
  const greatest = Math.max(...ticks.map((tick) => Math.abs(tick * factor)), 0);
  const step = ticks.length > 1 ? Math.abs((ticks[1] ?? 0) - (ticks[0] ?? 0)) * factor : greatest;
  const [divisor, suffix] = suffixOf(greatest, step);
  const scale = factor / divisor;
  const decimals = stepDecimals(step / divisor);
  const sign = style === 'signed' || style === 'percent-signed' ? 'plus' : 'plain';
  return ticks.map((tick) => (tick === 0 ? '0' : fixed(tick * scale, decimals, sign) + suffix));
}

/** The suffix that makes labels short; one that would take more than three decimals to tell ticks apart does not. */
function suffixOf(greatest: number, step: number): readonly [number, string] {
  if (greatest >= 2e9 && step >= 1e6) return [1e9, 'G'];
  if (greatest >= 2e6 && step >= 1e3) return [1e6, 'M'];
  if (greatest >= 1e4 && step >= 1) return [1e3, 'k'];
  return [1, ''];
}

/** Decimals that tell multiples of `step` apart: 0 for 5, 1 for 0.2 and 2.5, 2 for 0.25. */
export function stepDecimals(step: number): number {
  for (let decimals = 0; decimals < 12; decimals += 1) {
    const scaled = step * 10 ** decimals;
    if (scaled >= 0.999 && Math.abs(scaled - Math.round(scaled)) < 1e-6 * Math.max(1, scaled)) return decimals;
  }
  return 12;
}

/**
 * Ticks of a time axis (epoch ms) at round times of the zone, at most `most` of them. Where clocks change within the
 * range, ticks stay at round local times.
 */
export function timeTicks(from: number, to: number, most: number, zone: Zone): { ticks: number[]; step: number } {
  const rough = (to - from) / Math.max(1, most);
  const step = TIME_STEPS.find((candidate) => candidate >= rough) ?? 7 * DAY;
  const offset = (time: number): number => offsetMinutes(time, zone) * MINUTE;
  const ticks: number[] = [];
  let local = Math.ceil((from + offset(from)) / step) * step;
  while (ticks.length < 200) {
    const guess = local - offset(local);
    const time = local - offset(guess);
    if (time > to) break;
    const before = ticks.at(-1);
    // In the hour that is skipped in spring two local times fall on one instant.
    if (time >= from && (before === undefined || time > before)) ticks.push(time);
    local += step;
  }
  return { ticks, step };
}

/** `14:00`, and the date at midnight or where ticks are days apart. */
export function timeLabels(ticks: readonly number[], step: number, zone: Zone): string[] {
  return ticks.map((time) => {
    const { day, month, weekday, hour, minute } = timeParts(time, zone);
    if (step >= DAY) return `${weekday} ${day}`;
    if (hour === 0 && minute === 0) return `${day} ${month}`;
    return `${hour.toString().padStart(2, '0')}:${minute.toString().padStart(2, '0')}`;
  });
}

/** Pads a span of values a little and widens it to half a tick, so that the axis does not breathe with every row. */
export function roundRange(low: number, high: number, ticks: number): [number, number] {
  if (!(low <= high)) return [0, 1];
  const size = high - low || Math.abs(high) * 0.2 || 1;
  const pad = high === low ? size / 2 : size * 0.06;
  const step = niceStep((size + 2 * pad) / ticks) / 2;
  return [Math.floor((low - pad) / step) * step, Math.ceil((high + pad) / step) * step];
}
