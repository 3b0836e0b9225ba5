/** What a cell of the overview shows, as plain data: it is painted anew only where that has changed. Pure. */
import { age, fixed, NOTHING } from '../format.ts';
import { cellValue, type Item } from './arrange.ts';
import { type Shade, shadeOf, type Theme } from './scale.ts';
import { rateText, spreadText, symbolParts, zText } from './values.ts';

/** How long the mark of a fresh anomaly lasts: it fades where motion is welcome, and stands still for longer where it is not. */
export const FLASH_MS = 1600;
export const STILL_FLASH_MS = 10_000;

/** A cell as it is to be painted. */
export interface Look {
  readonly base: string;
  readonly rest: string;
  readonly value: string;
  /** Null: no colour, because there is no value or it is stale. */
  readonly shade: Shade | null;
  /** How long nothing came, where that is too long: `12 m`; else null. */
  readonly stale: string | null;
  /** How many anomalies the last hour had, empty where none. */
  readonly count: string;
  /** The strongest of them. */
  readonly strongest: string;
  /** Its place in the palette's heat. */
  readonly heat: 0 | 1 | 2 | 3;
  /** How fresh the newest anomaly is: 1 when it came, 0 when that is over. In tenths. */
  readonly flash: number;
}

/** What looks depend on beside their item. */
export interface LookContext {
  /** Server clock, epoch ms. */
  readonly now: number;
  readonly limit: number;
  readonly theme: Theme;
  /** Whether the visitor wants no motion. */
  readonly isStill: boolean;
}

/** Which of the four heats a z-score has, by its distance from zero: below 3, from 3, from 4, from 5. */
export function heatOf(z: number): 0 | 1 | 2 | 3 {
  const strength = Math.abs(z);
  return strength >= 5 ? 3 : strength >= 4 ? 2 : strength >= 3 ? 1 : 0;
}

/** How fresh an anomaly is, 1 to 0 in tenths. */
export function flashOf(flashedAt: number | null, { now, isStill }: Pick<LookContext, 'now' | 'isStill'>): number {
  if (flashedAt === null) return 0;
  // The clocks of two machines differ by some ms: what comes from ahead has just come.
  const passed = Math.max(0, now - flashedAt);
  if (isStill) return passed < STILL_FLASH_MS ? 1 : 0;
  return Math.max(0, Math.ceil((1 - passed / FLASH_MS) * 10) / 10);
}

/** What a cell shows. */
export function lookOf(item: Item, context: LookContext): Look {
  const { now, limit, theme } = context;
  const { row, exchange } = item;
  const { value, stale, arrivedAt } = cellValue(item, now);
  const [base, rest] = symbolParts(row.symbol);
  const { count, strongest } = row.anomalies(now);
  const isNothing = Number.isNaN(value);
  return {
    base,
    rest,
    value: isNothing ? NOTHING : exchange === null ? spreadText(value) : rateText(value),
    shade: isNothing || stale ? null : shadeOf(value, limit, theme),
    stale: stale && arrivedAt !== null ? age(now - arrivedAt) : null,
    count: count === 0 ? '' : fixed(count, 0),
    strongest: count === 0 ? '' : zText(strongest),
    heat: heatOf(strongest),
    flash: flashOf(row.flashedAt, context),
  };
}

/** Whether two looks are painted alike. */
export function sameLook(a: Look, b: Look): boolean {
  return (
    a.value === b.value &&
    a.shade?.fill === b.shade?.fill &&
    a.flash === b.flash &&
    a.count === b.count &&
    a.strongest === b.strongest &&
    a.stale === b.stale &&
    (a.shade === null) === (b.shade === null) &&
    a.base === b.base &&
    a.rest === b.rest
  );
}
