/** The simulated pipeline: what one poll of a symbol writes to the tables. Pure: time comes in, rows come out. */
import { createDesk, type Desk, type OpenTrade, type RunningFigures } from './desk.ts';
import { createDetector, type Detector } from './detector.ts';
import { EXCHANGES, type Instrument } from './instruments.ts';
import { createMarket, type Quote, type Remembered } from './market.ts';
import type { AnomalyRow, Batch, FundingRow } from './rows.ts';

/** The window of the simulated detectors: a day of five-minute bars. */
export const WINDOW = { windowMs: 86_400_000, barMs: 300_000, minSamples: 36 } as const;

/** z-score that the pipeline calls an anomaly, and the one from which it writes what it saw. */
export const THRESHOLD = 3;
export const WRITTEN_FROM = 2;

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
  /**
   * Polls a symbol and adds the rows to `batch`. Polls of a symbol never go back in time.
   *
   * @param signalEveryMs about how often it predicts.
   */
  poll(symbol: string, time: number, signalEveryMs: number, batch: Batch): void;
  /** Goes on from what the tables hold; before the first poll. */
  resume(symbol: string, past: SymbolPast): void;
}

/** Names a series of the detectors. */
export const seriesName = (dataType: string, exchange: string): string => `${dataType} ${exchange}`;

const RATE_SERIES = EXCHANGES.map((exchange) => seriesName('funding_rate', exchange));
const INTEREST_SERIES = seriesName('open_interest', EXCHANGES[0]);
const VOLUME_SERIES = seriesName('volume', EXCHANGES[0]);

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
    poll(symbol, time, signalEveryMs, batch) {
      const { desk, watch } = partsOf(symbol);
      const quote = market.quote(symbol, time);
      if (rates) {
        pushFundingRows(quote, batch.funding_rates);
        findAnomalies(quote, watch, batch.anomalies);
      }
      desk.observe(quote, signalEveryMs, batch);
    },
    resume(symbol, past) {
      const { desk, watch } = partsOf(symbol);
      market.resume(symbol, past.last);
      for (const { series, time, value } of past.watched) watch(series).score(time, value);
      desk.resume(past.trades, past.running);
    },
  };
}

/** The detectors of one symbol, by series. */
type Watch = (series: string) => Detector;

function createWatch(): Watch {
  const detectors = new Map<string, Detector>();
  return (series) => {
    const known = detectors.get(series);
    if (known !== undefined) return known;
    const made = createDetector(WINDOW);
    detectors.set(series, made);
    return made;
  };
}

function findAnomalies(quote: Quote, watch: Watch, into: AnomalyRow[]): void {
  const look = (dataType: string, exchange: string, series: string, value: number): void => {
    const score = watch(series).score(quote.time, value);
    if (score === null || Math.abs(score.z) < WRITTEN_FROM) return;
    into.push({
      timestamp: quote.time,
      symbol: quote.symbol,
      data_type: dataType,
      value,
      z_score: score.z,
      threshold: THRESHOLD,
      metadata: { exchange, mean: score.mean, deviation: score.deviation, samples: score.samples },
    });
  };
  quote.rates.forEach(({ exchange, rate }, at) => {
    look('funding_rate', exchange, RATE_SERIES[at] ?? seriesName('funding_rate', exchange), rate);
  });
  look('open_interest', EXCHANGES[0], INTEREST_SERIES, quote.openInterest);
  look('volume', EXCHANGES[0], VOLUME_SERIES, quote.volume);
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
