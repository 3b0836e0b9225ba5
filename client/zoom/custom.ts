/** A stretch of time as a visitor types it into two fields, and what is wrong with it. Pure. */
import { offsetMinutes, type Zone } from '../format.ts';
import { RANGE_MS } from '../model.ts';
import type { Zoom } from '../view.ts';
import { LEAST_SPAN_MS } from './moves.ts';

/** A time as a `datetime-local` field holds it, to the second: `2026-11-22T18:30:00` in the zone. */
export function fieldOfTime(time: number, zone: Zone): string {
  return new Date(time + offsetMinutes(time, zone) * 60_000).toISOString().slice(0, 19);
}

/** The time (epoch ms) that such a field holds; null where it holds none. */
export function timeOfField(text: string, zone: Zone): number | null {
  // Without a zone at its end a time is a local one.
  const time = Date.parse(zone === 'utc' ? `${text}Z` : text);
  return Number.isNaN(time) ? null : time;
}

/** What two fields ask for, or what is to be changed before they ask for anything. */
export type Asked = { readonly zoom: Zoom } | { readonly mend: string };

/** @param to empty: up to the present, which is followed. @param now epoch ms. */
export function askedStretch(from: string, to: string, zone: Zone, now: number): Asked {
  const start = timeOfField(from, zone);
  const end = to === '' ? now : timeOfField(to, zone);
  if (start === null) return { mend: 'Enter when it begins.' };
  if (end === null) return { mend: 'Enter when it ends, or leave the field empty to follow the present.' };
  const spanMs = end - start;
  if (spanMs <= 0) return { mend: 'It must begin before it ends.' };
  if (spanMs < LEAST_SPAN_MS) return { mend: `It must be at least ${LEAST_SPAN_MS / 1000} s long.` };
  if (spanMs > RANGE_MS['7d']) return { mend: 'It may be at most 7 days long. Let it begin later or end earlier.' };
  return { zoom: { spanMs, to: to === '' ? null : end } };
}
