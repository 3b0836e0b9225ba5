/** Everything that the overview knows of one symbol, exactly and in words: for the detail beside the pointer and for screen readers. Pure. */
import { annualisedRate } from '../derive.ts';
import { dateTime, exact } from '../exact.ts';
import { age, NOTHING, percent, type Zone } from '../format.ts';
import { isStale, type MarketRow } from './model.ts';
import { annualSpread, spreadOf, zText } from './values.ts';

/** One exchange's line of the detail. */
export interface QuoteLine {
  readonly exchange: string;
  /** Every digit. */
  readonly rate: string;
  /** By the year, with the interval; NOTHING where that is not known. */
  readonly annual: string;
  /** How long ago it came. */
  readonly age: string;
  /** The row's own time, with its zone. */
  readonly time: string;
  readonly stale: boolean;
}

export interface Summary {
  readonly symbol: string;
  readonly quotes: readonly QuoteLine[];
  /** Null with fewer than two exchanges. */
  readonly spread: string | null;
  /** Null where the hour has no anomaly. */
  readonly anomalies: string | null;
  /** When the newest of them was. */
  readonly newest: string | null;
}

const ratePercent = (rate: number): string => (Number.isNaN(rate) ? NOTHING : `${exact(rate * 100, 'plus')}%`);

/** All there is to say of a symbol at a moment. `now`: server clock, epoch ms. */
export function summaryOf(row: MarketRow, now: number, zone: Zone): Summary {
  const spread = spreadOf(row, now);
  const annual = annualSpread(row, now);
  const { count, strongest, rows } = row.anomalies(now);
  const spreadText = Number.isNaN(spread.value) ? null : `${exact(spread.value * 100)} pp`;
  const annualText = annual === null ? '' : `, ${percent(annual, 2).replace('%', ' pp')} a year`;
  return {
    symbol: row.symbol,
    quotes: row.quotes.map((quote) => ({
      exchange: quote.exchange,
      rate: ratePercent(quote.rate),
      annual:
        quote.intervalHours === null || Number.isNaN(quote.rate)
          ? NOTHING
          : percent(annualisedRate(quote.rate, quote.intervalHours), 2, 'plus'),
      age: quote.arrivedAt === null ? NOTHING : age(now - quote.arrivedAt),
      time: dateTime(quote.time, zone),
      stale: isStale(quote, now),
    })),
    spread: spreadText === null ? null : `${spreadText}${annualText}${spread.stale ? ', stale' : ''}`,
    anomalies:
      count === 0
        ? null
        : `${count} above threshold in the last hour, of ${rows} ${rows === 1 ? 'row' : 'rows'}; strongest ${zText(strongest)}`,
    newest: count === 0 || row.anomalyTime === null ? null : dateTime(row.anomalyTime, zone),
  };
}

/** The same as one sentence, for who cannot see the cell. */
export function spokenOf({ symbol, quotes, spread, anomalies }: Summary): string {
  const rates = quotes.map(
    ({ exchange, rate, age: old, stale }) => `${exchange} ${rate}${stale ? `, stale ${old}` : ''}`,
  );
  return [
    symbol,
    rates.length === 0 ? 'no rate' : rates.join(', '),
    ...(spread === null ? [] : [`spread ${spread}`]),
    anomalies ?? 'no anomalies in the last hour',
  ].join('; ');
}
