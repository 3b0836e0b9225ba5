/** What a check found, in words. Pure. */
import { clock, clockWithZone, type Zone } from '../format.ts';
import { RECIPES } from '../recipes.ts';
import type { Finding } from './check.ts';

/** What a check found, in short. */
export const OUTCOMES: Readonly<Record<Finding['outcome'], string>> = {
  same: 'the same',
  reloaded: 'differed, loaded anew',
  persists: 'differs still after it was loaded anew',
  moving: 'rows of the past were being written, checked again later',
  uncounted: 'more points than can be compared',
  failed: 'could not be checked',
};

/** A finding in a sentence: `Checked 14:02:10 UTC: Funding rate of BTC/USDT differed between …, loaded anew`. */
export function faultText({ at, stream, key, outcome, where, reason }: Finding, zone: Zone): string {
  const place = where === null ? '' : ` between ${clock(where.from, zone)} and ${clock(where.to, zone)}`;
  const what = {
    same: 'was the same',
    reloaded: `differed${place}; loaded anew`,
    persists: `differs${place} still after it was loaded anew; the page and the server do not agree on what they hold`,
    moving: `changed${place} while it was checked; checked again later`,
    uncounted: 'has more points than can be compared',
    failed: `could not be checked: ${reason ?? 'the server did not say why'}`,
  }[outcome];
  return `Checked ${clockWithZone(at, zone)}: ${RECIPES[stream].title} of ${key} ${what}.`;
}
