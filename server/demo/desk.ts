/**
 * Predictions and the strategies that trade on them. A prediction sees the market's drift through noise: the surer it is,
 * the more often the price then goes its way, and a trade's PnL is what the price did in between.
 *
 * Two strategies write one row a trade, as the execution tracker does; one writes running figures of all its trades.
 */
import { type Quote, roundRate } from './market.ts';
import { createRandom, type Random } from './random.ts';
import type { Batch, PerformanceRow, PredictionRow } from './rows.ts';

type Side = 'long' | 'short';

/** A position that a strategy has open. Size in the quote currency. */
export interface OpenTrade {
  readonly signalType: string;
  readonly side: Side;
  readonly entryPrice: number;
  readonly size: number;
  /** Epoch ms from which it is closed at the next price. */
  readonly due: number;
}

/** What a strategy that writes running figures has done so far. Amounts in the quote currency. */
export interface RunningFigures {
  readonly pnl: number;
  readonly peak: number;
  readonly trades: number;
  readonly wins: number;
  readonly sizeSum: number;
  readonly sizeMax: number;
}

/** One symbol's predictions and trades. */
export interface Desk {
  /**
   * Closes what is due and predicts when it is time; the rows go into `batch`.
   *
   * @param everyMs longest time between two predictions of a type, as far as it is observed often enough.
   */
  observe(quote: Quote, everyMs: number, batch: Pick<Batch, 'signal_predictions' | 'performance_metrics'>): void;
  resume(open: readonly OpenTrade[], running: RunningFigures | null): void;
}

const MINUTE = 60_000;

/**
 * Which strategy trades on which signal, and how long it holds. Each has one time to hold, so that trades end as evenly
 * as they begin, and a strategy that falls silent is a strategy that stopped.
 */
export const STRATEGIES = {
  funding_reversal: { id: 'funding_arbitrage', running: false, holdMs: 30 * MINUTE },
  mean_reversion: { id: 'mean_reversion', running: false, holdMs: 10 * MINUTE },
  momentum: { id: 'momentum', running: true, holdMs: 20 * MINUTE },
} as const;
/** Longest that a trade stays open, in ms. */
export const LONGEST_TRADE = 30 * MINUTE;
const SIGNAL_TYPES = Object.keys(STRATEGIES).filter(isSignalType);
type SignalType = keyof typeof STRATEGIES;

/** Whether somebody trades on signals of that type. */
export function isSignalType(name: string): name is SignalType {
  return Object.hasOwn(STRATEGIES, name);
}

/** Below it nobody trades; above it the size grows with the confidence. */
const TRADE_CONFIDENCE = 0.17;
const FEE = 0.0002;
/** Running figures stand beside single trades, on one scale: this part of the others' capital keeps them comparable. */
const RUNNING_PART = 0.25;

/** Builds the desk of one symbol. */
export function createDesk(seed: number, symbol: string): Desk {
  const random = createRandom(seed, `desk:${symbol}`);
  const base = 10 ** random.between(3.3, 4.3);
  let open: OpenTrade[] = [];
  let running: RunningFigures = { pnl: 0, peak: 0, trades: 0, wins: 0, sizeSum: 0, sizeMax: 0 };
  const nextSignal = new Map<SignalType, number>();
  let largest = 0;

  const close = (trade: OpenTrade, quote: Quote): PerformanceRow => {
    const move = (quote.price / trade.entryPrice - 1) * (trade.side === 'long' ? 1 : -1);
    const pnl = decimals4(trade.size * (move - FEE));
    largest = Math.max(largest, trade.size);
    const strategy = STRATEGIES[isSignalType(trade.signalType) ? trade.signalType : 'momentum'];
    const row = {
      timestamp: quote.time,
      symbol,
      strategy_id: strategy.id,
      execution_time: decimals4(0.08 * Math.exp(0.7 * random.normal())),
      metadata: { side: trade.side, entry_price: trade.entryPrice, exit_price: quote.price },
    };
    if (!strategy.running) {
      return {
        ...row,
        pnl,
        win_rate: pnl > 0 ? 1 : 0,
        drawdown: Math.max(0, -pnl),
        trade_count: 1,
        avg_position_size: trade.size,
        max_position_size: largest,
      };
    }
    const total = decimals4(running.pnl + pnl);
    running = {
      pnl: total,
      peak: Math.max(running.peak, total),
      trades: running.trades + 1,
      wins: running.wins + (pnl > 0 ? 1 : 0),
      sizeSum: running.sizeSum + trade.size,
      sizeMax: Math.max(running.sizeMax, trade.size),
    };
    return {
      ...row,
      pnl: total,
      win_rate: running.wins / running.trades,
      drawdown: decimals4(running.peak - total),
      trade_count: running.trades,
      avg_position_size: cents(running.sizeSum / running.trades),
      max_position_size: running.sizeMax,
    };
  };

  return {
    observe(quote, everyMs, batch) {
      if (open.some((trade) => trade.due <= quote.time)) {
        for (const trade of open) if (trade.due <= quote.time) batch.performance_metrics.push(close(trade, quote));
        open = open.filter((trade) => trade.due > quote.time);
      }
      for (const type of SIGNAL_TYPES) {
        if (quote.time < (nextSignal.get(type) ?? 0)) continue;
        nextSignal.set(type, quote.time + everyMs * random.between(0.6, 1));
        const { row, trade } = predict(quote, type, { base, everyMs, random });
        batch.signal_predictions.push(row);
        if (trade !== null) open.push(trade);
      }
    },
    resume(trades, figures) {
      open = [...trades];
      if (figures !== null) running = figures;
    },
  };
}

function predict(
  quote: Quote,
  signalType: SignalType,
  { base, everyMs, random }: { base: number; everyMs: number; random: Random },
): { row: PredictionRow; trade: OpenTrade | null } {
  const seen = quote.drift + 0.6 * random.normal();
  const confidence = decimals4(1 / (1 + Math.exp(1.7 - 1.5 * Math.abs(seen))));
  const side: Side = seen > 0 ? 'long' : 'short';
  const { holdMs, running } = STRATEGIES[signalType];
  // A fixed capital is spread over all trades that are open at once, so that it earns by time and not by their number.
  const capital = running ? (base * RUNNING_PART) / Math.max(1, holdMs / everyMs) : base;
  const size = confidence >= TRADE_CONFIDENCE ? cents(capital * 2 * confidence * random.between(0.7, 1.3)) : 0;
  // Told for a whole position, however many the capital is spread over.
  const expected = cents(base * (Math.abs(seen) * 0.0009 * (holdMs / (20 * MINUTE)) - FEE));
  const rates = quote.rates.map(({ rate }) => rate);
  return {
    row: {
      timestamp: quote.time,
      symbol: quote.symbol,
      signal_type: signalType,
      confidence,
      // Early in a signal's life the pipeline has no PnL for it: now null, now its placeholder 0.
      predicted_pnl: random.next() < 0.15 ? null : random.next() < 0.05 ? 0 : expected,
      features: {
        funding_rate: rates[0] ?? 0,
        funding_spread: roundRate(Math.max(...rates) - Math.min(...rates)),
        momentum: decimals4(seen),
        price: quote.price,
      },
      metadata: { side, entry_price: quote.price, horizon_seconds: holdMs / 1_000, position_size: size },
    },
    trade: size === 0 ? null : { signalType, side, entryPrice: quote.price, size, due: quote.time + holdMs },
  };
}

function cents(amount: number): number {
  return Math.round(amount * 100) / 100;
}

function decimals4(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}
