/** Which cells the overview has, in which order and groups. Pure. */
import { quoteOf } from '../format.ts';
import type { OverviewChoice, SortName } from './choice.ts';
import type { MarketRow } from './model.ts';
import { changedAt, quoteOn, rateOn, spreadOf, type Value } from './values.ts';

/** One cell: a symbol, and the exchange whose rate it shows; null where it shows the spread. */
export interface Item {
  readonly row: MarketRow;
  readonly exchange: string | null;
}

/** Cells under one heading. */
export interface Section {
  /** Null where nothing is grouped. */
  readonly title: string | null;
  readonly items: readonly Item[];
}

/** The value that a cell shows. */
export function cellValue({ row, exchange }: Item, now: number): Value {
  return exchange === null ? spreadOf(row, now) : rateOn(row, exchange, now);
}

/** The exchanges of all rows, the one with the most symbols first, equal ones by name. */
export function exchangesOf(rows: Iterable<Pick<MarketRow, 'quotes'>>): readonly string[] {
  const counts = new Map<string, number>();
  for (const { quotes } of rows)
    for (const { exchange } of quotes) counts.set(exchange, (counts.get(exchange) ?? 0) + 1);
  return [...counts].sort(([a, m], [b, n]) => n - m || compare(a, b)).map(([exchange]) => exchange);
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The figure that an order goes by, greatest first; NaN comes last. */
function sortKey(item: Item, sort: SortName, now: number): number {
  const { row, exchange } = item;
  switch (sort) {
    case 'name':
      return 0;
    case 'high':
      return cellValue(item, now).value;
    case 'low':
      return -cellValue(item, now).value;
    case 'size':
      return Math.abs(cellValue(item, now).value);
    case 'spread':
      return spreadOf(row, now).value;
    case 'anomalies': {
      const { count, strongest } = row.anomalies(now);
      // Of equally many the strongest first; no z-score is so great that it makes up for one more.
      return count === 0 ? Number.NaN : count + Math.min(0.999, Math.abs(strongest) / 1000);
    }
    case 'change':
      return changedAt(row, exchange) ?? Number.NaN;
  }
}

/** Sorts by a figure, greatest first, items without one last, equal ones by symbol and exchange. */
export function sorted(items: readonly Item[], sort: SortName, now: number): Item[] {
  const keyed = items.map((item) => ({ item, key: sortKey(item, sort, now) }));
  keyed.sort((a, b) => {
    const isA = Number.isNaN(a.key);
    const isB = Number.isNaN(b.key);
    if (isA !== isB) return isA ? 1 : -1;
    return (
      (isA ? 0 : b.key - a.key) ||
      compare(a.item.row.symbol, b.item.row.symbol) ||
      compare(a.item.exchange ?? '', b.item.exchange ?? '')
    );
  });
  return keyed.map(({ item }) => item);
}

function grouped<K>(items: readonly Item[], keyOf: (item: Item) => K): ReadonlyMap<K, Item[]> {
  const groups = new Map<K, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

/** Titles of the groups by sign, in their order. */
const SIGNS = ['Above zero', 'At zero', 'Below zero', 'No rate'] as const;

function signOf(item: Item, now: number): (typeof SIGNS)[number] {
  const { value } = cellValue(item, now);
  if (Number.isNaN(value)) return 'No rate';
  return value > 0 ? 'Above zero' : value < 0 ? 'Below zero' : 'At zero';
}

/**
 * The cells of the overview.
 *
 * @param rows the symbols to show, those that the search left.
 * @param exchange whose rates are shown where the choice is the rate; null where no symbol has one.
 * @param now server clock, epoch ms.
 */
export function arrange(
  rows: readonly MarketRow[],
  { by, sort, group }: Pick<OverviewChoice, 'by' | 'sort' | 'group'>,
  exchange: string | null,
  now: number,
): readonly Section[] {
  const shown = by === 'spread' ? null : exchange;
  const items = rows.map((row): Item => ({ row, exchange: shown }));
  // A spread is of no single exchange.
  switch (by === 'spread' && group === 'exchange' ? 'none' : group) {
    case 'none':
      return [{ title: null, items: sorted(items, sort, now) }];
    case 'quote': {
      const groups = grouped(items, ({ row }) => quoteOf(row.symbol));
      // The currency of the most symbols first.
      const order = [...groups].sort(([a, m], [b, n]) => n.length - m.length || compare(a, b));
      return order.map(([title, some]) => ({ title, items: sorted(some, sort, now) }));
    }
    case 'sign': {
      const groups = grouped<string>(items, (item) => signOf(item, now));
      return SIGNS.flatMap((title) => {
        const some = groups.get(title);
        return some === undefined ? [] : [{ title, items: sorted(some, sort, now) }];
      });
    }
    case 'exchange':
      return exchangesOf(rows).map((name) => {
        const there = rows.filter((row) => quoteOn(row, name) !== undefined);
        const some = there.map((row): Item => ({ row, exchange: name }));
        return { title: name, items: sorted(some, sort, now) };
      });
  }
}
