/** What a cell of the market overview is about: a symbol's rate on one exchange, or how far the exchanges lie apart. Pure. */
import { annualisedRate } from '../derive.ts';
import { fixed, NOTHING, percent } from '../format.ts';
import { isStale, type MarketRow, type Quote } from './model.ts';

/** A figure of a row at a moment. Fractions. */
export interface Value {
  /** NaN where there is none. */
  readonly value: number;
  /** Whether it is too old to be trusted. */
  readonly stale: boolean;
  /** When what it rests on came (server clock, epoch ms); null where unknown. */
  readonly arrivedAt: number | null;
}

const NO_VALUE: Value = { value: Number.NaN, stale: false, arrivedAt: null };

/** The exchange's quote; undefined where the symbol has none there. */
export function quoteOn({ quotes }: Pick<MarketRow, 'quotes'>, exchange: string): Quote | undefined {
  return quotes.find((quote) => quote.exchange === exchange);
}

/** The symbol's rate on an exchange. */
export function rateOn(row: Pick<MarketRow, 'quotes'>, exchange: string, now: number): Value {
  const quote = quoteOn(row, exchange);
  if (quote === undefined) return NO_VALUE;
  return { value: quote.rate, stale: isStale(quote, now), arrivedAt: quote.arrivedAt };
}

/** The symbol's rate on the first of these exchanges where it has one. */
export function leadingRate(row: Pick<MarketRow, 'quotes'>, exchanges: readonly string[], now: number): Value {
  const exchange = exchanges.find((name) => quoteOn(row, name) !== undefined);
  return exchange === undefined ? NO_VALUE : rateOn(row, exchange, now);
}

/**
 * How far the exchanges lie apart: the highest less the lowest rate of those that are fresh. With fewer than two that are
 * fresh it is that of all, and stale; with fewer than two at all there is none.
 */
export function spreadOf({ quotes }: Pick<MarketRow, 'quotes'>, now: number): Value {
  const known = quotes.filter(({ rate }) => !Number.isNaN(rate));
  if (known.length < 2) return NO_VALUE;
  const fresh = known.filter((quote) => !isStale(quote, now));
  const stale = fresh.length < 2;
  const counted = stale ? known : fresh;
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  let arrivedAt: number | null = null;
  for (const quote of counted) {
    low = Math.min(low, quote.rate);
    high = Math.max(high, quote.rate);
    if (quote.arrivedAt !== null) arrivedAt = Math.max(arrivedAt ?? 0, quote.arrivedAt);
  }
  return { value: high - low, stale, arrivedAt };
}

/**
 * The same of rates by the year, so that exchanges which pay at different intervals compare; null where fewer than two fresh
 * ones have a known interval.
 */
export function annualSpread({ quotes }: Pick<MarketRow, 'quotes'>, now: number): number | null {
  const rates = quotes.flatMap((quote) => {
    if (quote.intervalHours === null || Number.isNaN(quote.rate) || isStale(quote, now)) return [];
    return [annualisedRate(quote.rate, quote.intervalHours)];
  });
  return rates.length < 2 ? null : Math.max(...rates) - Math.min(...rates);
}

/** When the newest of a row's rates came to be what it is (epoch ms); null where nobody knows. `exchange` null: of any. */
export function changedAt({ quotes }: Pick<MarketRow, 'quotes'>, exchange: string | null): number | null {
  let newest: number | null = null;
  for (const quote of quotes) {
    if (exchange !== null && quote.exchange !== exchange) continue;
    if (quote.changedAt !== null && (newest === null || quote.changedAt > newest)) newest = quote.changedAt;
  }
  return newest;
}

/** A rate as the page writes it: `+0.0125%`. */
export function rateText(rate: number): string {
  return percent(rate, Math.abs(rate) >= 0.01 ? 3 : 4, 'plus');
}

/** A spread, in percentage points. */
export function spreadText(spread: number): string {
  return Number.isNaN(spread) ? NOTHING : `${fixed(spread * 100, Math.abs(spread) >= 0.01 ? 3 : 4)} pp`;
}

/** `+4.2σ` */
export function zText(z: number): string {
  return `${fixed(z, 1, 'plus')}σ`;
}

/** A symbol in its two parts, of which the first is the more telling: `BTC` and `/USDT`. */
export function symbolParts(symbol: string): readonly [base: string, rest: string] {
  const at = symbol.indexOf('/');
  return at <= 0 ? [symbol, ''] : [symbol.slice(0, at), symbol.slice(at)];
}
