/** Rows written out exactly, for the tooltip: every digit, with its unit, and the time with its zone. Pure. */
import { STREAMS, type ValueColumn } from '../shared/streams.ts';
import {
  clock,
  fixed,
  group,
  MINUS,
  NOTHING,
  quoteOf,
  type Sign,
  SPACE,
  signed,
  timeParts,
  unitSuffix,
  words,
  type Zone,
  zoneLabel,
} from './format.ts';
import type { RowSource } from './painters/scene.ts';

/** A labelled figure of a row, ready to be read. */
export interface Figure {
  readonly label: string;
  readonly text: string;
}

/** Which line a row is of, by its key and series as they are stored. */
export function rowNames({ stream, line, symbol }: RowSource): Figure[] {
  const { series, key } = STREAMS[stream];
  return [
    ...(key.name === 'symbol' ? [{ label: words(key.name), text: symbol }] : []),
    ...(series === null ? [] : [{ label: words(series.name), text: line.name ?? NOTHING }]),
  ];
}

/** Every figure of the row at an index, exactly: what is drawn of it first, then the stored values in the declaration's order. */
export function rowFigures({ stream, line, symbol, derived }: RowSource, index: number, zone: Zone): Figure[] {
  const quote = quoteOf(symbol);
  const { values: declaredValues } = STREAMS[stream];
  // Where the unit is a column, the figures beside it are in it.
  const unitColumn = declaredValues.find(({ kind }) => kind === 'text')?.name;
  const stated = unitColumn === undefined ? null : (line.texts[unitColumn] ?? null);
  const drawn = derived.map(({ label, unit, value }) => ({
    label,
    text: exactValue(value(index), unit, zone, quote),
  }));
  const stored = declaredValues.flatMap((declared): Figure[] => {
    const values = line.columns[declared.name];
    const label = words(declared.name);
    // Of texts a line keeps the newest only: the unit, which does not change from row to row.
    if (declared.kind === 'text') return [{ label, text: stated ?? NOTHING }];
    if (values === undefined) return [];
    const text = exactValue(values[index] ?? Number.NaN, declared.unit, zone, quote);
    const isBare = declared.unit === null && text !== NOTHING;
    return [{ label, text: isBare ? text + unitSuffix(stated) : text }];
  });
  return [...drawn, ...stored];
}

/** A measured value, exactly, with its unit; for tooltips. Percent for fractions, a time with its zone for epochs. */
export function exactValue(value: number, unit: ValueColumn['unit'], zone: Zone, quote: string): string {
  if (Number.isNaN(value)) return NOTHING;
  switch (unit) {
    case 'fraction':
      return Number.isFinite(value) ? `${exact(value * 100)}%` : exact(value);
    case 'quote':
      return `${exact(value)}${SPACE}${quote}`;
    case 'epoch_ms':
      return dateTime(value, zone);
    default:
      return `${exact(value)}${unitSuffix(unit)}`;
  }
}

/** Every digit that a double carries for certain, without a tail of zeros: `0.00012345`. */
export function exact(value: number, sign: Sign = 'plain'): string {
  if (!Number.isFinite(value)) return fixed(value, 0, sign);
  const rounded = Number(Math.abs(value).toPrecision(12));
  const text = rounded.toString();
  if (text.includes('e')) return signed(value, text.replace('e-', `e${MINUS}`), sign);
  const [whole = '0', fraction] = text.split('.');
  return signed(value, fraction === undefined ? group(whole) : `${group(whole)}.${fraction}`, sign);
}

/** `22 Nov 2026 14:02:03.120 UTC`; milliseconds where there are any. */
export function dateTime(time: number, zone: Zone): string {
  if (!Number.isFinite(time)) return NOTHING;
  const { day, month, year, ms } = timeParts(time, zone);
  const fraction = ms === 0 ? '' : `.${ms.toString().padStart(3, '0')}`;
  return `${day} ${month} ${year} ${clock(time, zone)}${fraction} ${zoneLabel(time, zone)}`;
}
