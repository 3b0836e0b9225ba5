/** The simulated pipeline: what one poll of a symbol writes to the tables. Pure: time comes in, rows come out. */
import { createDesk, type Desk, type OpenTrade, type RunningFigures } from './desk.ts';
import { createDetector, type Detector, type Score } from './detector.ts';
import { EXCHANGES, type Instrument } from './instruments.ts';
import { createMarket, type Quote, type Remembered } from './market.ts';
import type { AnomalyRow, Batch, FundingRow } from './rows.ts';

/** The window of the simulated detectors: a day of five-minute bars. */
export const WINDOW = { windowMs: 86_400_000, barMs: 300_000, minSamples: 16 } as const;

/** z-score from which the pipeline calls a value an anomaly. */
export const THRESHOLD = 3;

/** How often a symbol's pipeline speaks, in ms. */
export interface Pace {
  /** Each data type is scored in writing once in this time, whatever the score; anomalies are written at every poll. */
  readonly scoreMs: number;
  /** Longest time between two predictions of a type. */
  readonly signalMs: number;
}

const INTERVAL_HOURS = 8;
const INTERVAL_MS = INTERVAL_HOURS * 3_600_000;

/** A symbol as an earlier run left it in the tables. */
export interface SymbolPast {
  /** The last poll. */
  readonly last: Remembered;
  /** Values that the detectors watched, a series each, in the order of time. */
  readonly watched: readonly { readonly series: string; readonly time: number; readonly value: number }[];
  readonly trades: readonly OpenTrade[];
  readonly running: RunningFigures | null;
}

/** The pipeline's side of the market. */
export interface Simulation {
  readonly symbols: readonly string[];
  /** Polls a symbol and adds the rows to `batch`. Polls of a symbol never go back in time. */
  poll(symbol: string, time: number, pace: Pace, batch: Batch): void;
  /** Goes on from what the tables hold; before the first poll. */
  resume(symbol: string, past: SymbolPast): void;
}

/** Names a series of the detectors. */
export const seriesName = (dataType: string, exchange: string): string => `${dataType} ${exchange}`;

/**
 * Builds a simulation of those instruments.
 *
 * @param options.rates false: only what the strategies write; rates and anomalies come from elsewhere.
 */
export function createSimulation(options: {
  seed: number;
  instruments: readonly Instrument[];
  rates: boolean;
}): Simulation {
  const { seed, instruments, rates } = options;
  const market = createMarket(seed, instruments);
  const parts = new Map(
    instruments.map(({ symbol }) => [symbol, { desk: createDesk(seed, symbol), watch: createWatch() }] as const),
  );
  const partsOf = (symbol: string): { desk: Desk; watch: Watch } => {
    const found = parts.get(symbol);
    if (found === undefined) throw new RangeError(`the demo market does not trade ${symbol}`);
    return found;
  };
  return {
    symbols: instruments.map((instrument) => instrument.symbol),
    poll(symbol, time, pace, batch) {
      const { desk, watch } = partsOf(symbol);
      const quote = market.quote(symbol, time);
      if (rates) {
        pushFundingRows(quote, batch.funding_rates);
        watch.look(quote, pace.scoreMs, batch.anomalies);
      }
      desk.observe(quote, pace.signalMs, batch);
    },
    resume(symbol, past) {
      const { desk, watch } = partsOf(symbol);
      market.resume(symbol, past.last);
      for (const { series, time, value } of past.watched) watch.detector(series).score(time, value);
      desk.resume(past.trades, past.running);
    },
  };
}

/** What watches one symbol. */
interface Watch {
  detector(series: string): Detector;
  /** Scores a quote; adds every anomaly, and of each data type a score once in `scoreMs`. */
  look(quote: Quote, scoreMs: number, into: AnomalyRow[]): void;
}

/** Values of one data type, as far as exchanges tell them. */
interface Watched {
  readonly dataType: string;
  readonly values: readonly { readonly exchange: string; readonly value: number }[];
}

function watchedIn({ rates, openInterest, volume }: Quote): readonly Watched[] {
  return [
    { dataType: 'funding_rate', values: rates.map(({ exchange, rate }) => ({ exchange, value: rate })) },
    { dataType: 'open_interest', values: [{ exchange: EXCHANGES[0], value: openInterest }] },
    { dataType: 'volume', values: [{ exchange: EXCHANGES[0], value: volume }] },
  ];
}

function createWatch(): Watch {
  const detectors = new Map<string, Detector>();
  const slots = new Map<string, number>();
  const detector = (series: string): Detector => {
    const known = detectors.get(series);
    if (known !== undefined) return known;
    const made = createDetector(WINDOW);
    detectors.set(series, made);
    return made;
  };
  return {
    detector,
    look(quote, scoreMs, into) {
      const { symbol, time } = quote;
      const types = watchedIn(quote);
      for (const [at, { dataType, values }] of types.entries()) {
        // The types take their turns apart from each other, and the exchanges of a type one turn each.
        const slot = Math.floor(time / scoreMs + at / types.length);
        const isTurn = slots.get(dataType) !== slot;
        slots.set(dataType, slot);
        for (const [which, { exchange, value }] of values.entries()) {
          const score = detector(seriesName(dataType, exchange)).score(time, value);
          if (score === null) continue;
          const isWritten = Math.abs(score.z) >= THRESHOLD || (isTurn && which === slot % values.length);
          if (isWritten) into.push(anomalyRow({ timestamp: time, symbol, dataType, exchange, value, score }));
        }
      }
    },
  };
}

/** The row of a score. Epoch ms. */
export function anomalyRow(found: {
  readonly timestamp: number;
  readonly symbol: string;
  readonly dataType: string;
  readonly exchange: string;
  readonly value: number;
  readonly score: Score;
}): AnomalyRow {
  const { timestamp, symbol, dataType, exchange, value, score } = found;
  const { z, mean, deviation, samples } = score;
  return {
    timestamp,
    symbol,
    data_type: dataType,
    value,
    z_score: z,
    threshold: THRESHOLD,
    metadata: { exchange, mean, deviation, samples },
  };
}

/** One object for all rows that say no more than this. */
const PLAIN_METADATA = { interval_hours: INTERVAL_HOURS };

function pushFundingRows(quote: Quote, into: FundingRow[]): void {
  const next = (Math.floor(quote.time / INTERVAL_MS) + 1) * INTERVAL_MS;
  for (const { exchange, rate, estimated } of quote.rates) {
    into.push({
      timestamp: quote.time,
      symbol: quote.symbol,
      exchange,
      funding_rate: rate.toFixed(8),
      estimated_rate: estimated.toFixed(8),
      next_funding_time: next,
      metadata:
        exchange !== EXCHANGES[0]
          ? PLAIN_METADATA
          : {
              interval_hours: INTERVAL_HOURS,
              mark_price: quote.price,
              open_interest: quote.openInterest,
              volume: quote.volume,
            },
    });
  }
}
