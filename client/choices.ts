/** What an address asks for: symbol, range and zoom, read from its query string and written into one. Pure. */
import { RANGE_MS, RANGES, type RangeName } from './model.ts';

/** The symbol that a visitor sees who asked for none, where it is listed. */
export const DEFAULT_SYMBOL = 'BTC/USDT';
/** The range of a visitor who asked for none. */
export const DEFAULT_RANGE: RangeName = '24h';

/** So many symbols are compared with the chosen one at most: with it four, which a chart can still tell apart. */
export const MOST_COMPARED = 3;

/** A part of the range, or a stretch of the past, that is shown in its place. */
export interface Zoom {
  readonly spanMs: number;
  /** Where it ends, epoch ms; null: at the present, which it follows. */
  readonly to: number | null;
}

/** What a query string asks for; null where it names none, or none that exists. */
export interface Asked {
  readonly symbol: string | null;
  readonly compare: readonly string[];
  readonly range: RangeName | null;
  readonly zoom: Zoom | null;
}

/** Reads symbol, range and zoom: `from` and `to` in ISO 8601, or `from=now-900s` for the last 900 seconds. */
export function parseQuery(query: string): Asked {
  const parameters = new URLSearchParams(query);
  const symbol = parameters.get('symbol')?.trim() ?? '';
  const from = parameters.get('from') ?? '';
  const to = Date.parse(parameters.get('to') ?? '');
  const seconds = /^now-(\d+)s$/.exec(from)?.[1];
  const spanMs = seconds === undefined ? to - Date.parse(from) : Number(seconds) * 1000;
  return {
    symbol: symbol === '' ? null : symbol,
    compare: othersOf(symbol, (parameters.get('compare') ?? '').split(',')),
    range: oneOf(RANGES, parameters.get('range')),
    zoom: spanMs > 0 && spanMs <= RANGE_MS['7d'] ? { spanMs, to: seconds === undefined ? to : null } : null,
  };
}

/** All symbols that a page with this address follows, the chosen one first. */
export function keysAsked({ symbol, compare }: Pick<Asked, 'symbol' | 'compare'>): readonly string[] {
  const chosen = symbol ?? DEFAULT_SYMBOL;
  return [chosen, ...othersOf(chosen, compare)];
}

/** The query string with the choices set and every other parameter kept; slashes and colons stay readable. */
export function formatQuery(
  query: string,
  symbol: string,
  range: RangeName,
  zoom: Zoom | null = null,
  compare: readonly string[] = [],
): string {
  const parameters = new URLSearchParams(query);
  parameters.set('symbol', symbol);
  parameters.set('range', range);
  if (compare.length > 0) parameters.set('compare', compare.join());
  else parameters.delete('compare');
  parameters.delete('from');
  parameters.delete('to');
  const iso = (time: number): string => new Date(time).toISOString();
  if (zoom !== null) {
    const { to, spanMs } = zoom;
    parameters.set('from', to === null ? `now-${Math.round(spanMs / 1000)}s` : iso(to - spanMs));
    if (to !== null) parameters.set('to', iso(to));
  }
  return parameters.toString().replaceAll('%2F', '/').replaceAll('%3A', ':').replaceAll('%2C', ',');
}

/** The symbols to compare with: each once, without the chosen one, and no more than there is room for. */
export function othersOf(symbol: string, symbols: readonly string[]): readonly string[] {
  const names = new Set(symbols.map((name) => name.trim()));
  return [...names].filter((name) => name !== '' && name !== symbol).slice(0, MOST_COMPARED);
}

/** The name that a text is; null where it is none of them. */
export function oneOf<const T extends string>(names: readonly T[], text: string | null): T | null {
  return names.find((name) => name === text) ?? null;
}
