/**
 * The demo market: prices, funding rates, open interest and volume that hang together, with no I/O and no clock.
 *
 * A funding rate is the sum of a common factor, the symbol's own and the exchange's deviation (Ornstein-Uhlenbeck each),
 * shocks that come rarely and fade within hours, and the noise of a poll. A price follows the whole market's and a drift
 * of its own that lasts for about an hour: that drift is what a good prediction sees.
 */
import { EXCHANGES, type Instrument } from './instruments.ts';
import { createRandom, createWanderer, type Random } from './random.ts';

/** A symbol's rate on one exchange, as fractions of an 8 h interval with eight decimals. */
export interface ExchangeRate {
  readonly exchange: string;
  readonly rate: number;
  /** What the next payment is expected to be. */
  readonly estimated: number;
}

/** A symbol as one poll sees it. Amounts are in the quote currency, rounded to what is written. */
export interface Quote {
  readonly symbol: string;
  /** Epoch ms. */
  readonly time: number;
  readonly price: number;
  readonly rates: readonly ExchangeRate[];
  readonly openInterest: number;
  readonly volume: number;
  /** The price's own drift in standard deviations: known to the market alone, and dimly to those who predict. */
  readonly drift: number;
}

/** What is known of a symbol from rows that were written earlier. */
export interface Remembered {
  readonly time: number;
  readonly price?: number | undefined;
  readonly openInterest?: number | undefined;
  readonly volume?: number | undefined;
  readonly rates: ReadonlyMap<string, number>;
}

/** The market. Each symbol is polled at times that never go back. */
export interface Market {
  quote(symbol: string, time: number): Quote;
  /** Goes on from where an earlier run stopped. */
  resume(symbol: string, remembered: Remembered): void;
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const BASIS = 1e-4;
/** Exchanges cap their rates; this is the widest of the usual caps. */
const RATE_LIMIT = 0.0075;
const SHOCK_HALF_LIFE = 1.5 * HOUR;
/** Part of a drift of one standard deviation that a price makes in an hour, in days' volatility. */
const DRIFT_PER_HOUR = 0.15;

/** Builds a market whose every value follows from the seed and the times it is polled at. */
export function createMarket(seed: number, instruments: readonly Instrument[]): Market {
  const common = createCommon(seed);
  const symbols = new Map(instruments.map((one) => [one.symbol, createSymbol(seed, one, common)]));
  const find = (symbol: string): SymbolMarket => {
    const found = symbols.get(symbol);
    if (found === undefined) throw new RangeError(`the demo market does not trade ${symbol}`);
    return found;
  };
  return {
    quote(symbol, time) {
      common.advance(time);
      return find(symbol).quote(time);
    },
    resume(symbol, remembered) {
      common.advance(remembered.time);
      find(symbol).resume(remembered);
    },
  };
}

interface Common {
  /** Funding that all symbols share, as a fraction. */
  readonly rate: number;
  /** The market's log price, around 0. */
  readonly level: number;
  /** 1 in quiet times, up to about 3 in the days of a shock. */
  readonly excitement: number;
  advance(time: number): void;
}

function createCommon(seed: number): Common {
  const random = createRandom(seed, 'market');
  const factor = createWanderer(random, 0.5 * BASIS, 10 * HOUR);
  const level = createWanderer(random, 0.08, 6 * DAY);
  const shocks = createShocks(random, 3 * DAY, [2.5 * BASIS, 6 * BASIS]);
  let time: number | null = null;
  return {
    get rate() {
      return factor.value + shocks.value;
    },
    get level() {
      return level.value;
    },
    get excitement() {
      return 1 + Math.min(2, Math.abs(shocks.value) / (2 * BASIS));
    },
    advance(to) {
      const ms = to - (time ?? to);
      if (time !== null && ms <= 0) return;
      time = to;
      factor.step(ms);
      level.step(ms);
      shocks.step(ms);
    },
  };
}

interface SymbolMarket {
  quote(time: number): Quote;
  resume(remembered: Remembered): void;
}

function createSymbol(seed: number, instrument: Instrument, common: Common): SymbolMarket {
  const { symbol, beta, volatility } = instrument;
  const random = createRandom(seed, symbol);
  const base = random.between(0.4, 1.2) * BASIS;
  const own = createWanderer(random, 0.35 * BASIS, 5 * HOUR);
  const shocks = createShocks(random, 1.2 * DAY, [2 * BASIS, 7 * BASIS]);
  const venues = EXCHANGES.map((exchange) => ({ exchange, spread: createWanderer(random, 0.12 * BASIS, HOUR) }));
  const drift = createWanderer(random, 1, HOUR);
  const interest = createWanderer(random, 0.12, 20 * HOUR);
  const activity = createWanderer(random, 0.3, 2 * HOUR);
  let ownLevel = random.normal() * volatility;
  let time: number | null = null;

  const advance = (to: number): void => {
    const ms = Math.max(0, to - (time ?? to));
    time = to;
    own.step(ms);
    shocks.step(ms);
    for (const venue of venues) venue.spread.step(ms);
    const days = ms / DAY;
    ownLevel +=
      -ownLevel * Math.min(1, days / 8) +
      drift.value * DRIFT_PER_HOUR * volatility * Math.min(1, ms / HOUR) +
      volatility * Math.sqrt(days) * common.excitement * random.normal();
    drift.step(ms);
    interest.step(ms);
    activity.step(ms);
  };
  const rateOf = (spread: number): number => base + beta * common.rate + own.value + shocks.value + spread;
  /** Volume swings over the day, with its height in the afternoon. */
  const busyness = (at: number): number => 0.25 * Math.cos((2 * Math.PI * ((at % DAY) / HOUR - 15)) / 24);
  const stress = (): number => Math.abs(shocks.value) / BASIS;

  return {
    quote(at) {
      advance(at);
      return {
        symbol,
        time: at,
        price: significant(instrument.price * Math.exp(ownLevel + beta * common.level)),
        rates: venues.map(({ exchange, spread }) => {
          const rate = rateOf(spread.value) + 0.02 * BASIS * random.normal();
          const settled = base + (rate - base) * 0.6;
          return { exchange, rate: roundRate(rate), estimated: roundRate(settled + 0.05 * BASIS * random.normal()) };
        }),
        openInterest: Math.round(instrument.openInterest * Math.exp(interest.value - 0.04 * stress())),
        volume: Math.round(instrument.volume * Math.exp(activity.value + busyness(at) + 0.18 * stress())),
        drift: drift.value,
      };
    },
    resume(remembered) {
      time = remembered.time;
      const rates = [...remembered.rates.values()];
      if (rates.length > 0) {
        const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
        own.value = mean - base - beta * common.rate - shocks.value;
        for (const venue of venues) venue.spread.value = (remembered.rates.get(venue.exchange) ?? mean) - mean;
      }
      if (remembered.price !== undefined)
        ownLevel = Math.log(remembered.price / instrument.price) - beta * common.level;
      if (remembered.openInterest !== undefined) {
        interest.value = Math.log(remembered.openInterest / instrument.openInterest) + 0.04 * stress();
      }
      if (remembered.volume !== undefined) {
        activity.value = Math.log(remembered.volume / instrument.volume) - busyness(remembered.time) - 0.18 * stress();
      }
    },
  };
}

/** Jumps that come at random, `everyMs` apart on average, and fade; positive more often than negative, as funding's do. */
function createShocks(
  random: Random,
  everyMs: number,
  sizes: readonly [number, number],
): { value: number; step(ms: number): void } {
  return {
    value: 0,
    step(ms) {
      this.value *= 2 ** (-ms / SHOCK_HALF_LIFE);
      if (random.next() < 1 - Math.exp(-ms / everyMs)) {
        this.value += (random.next() < 0.65 ? 1 : -1) * random.between(...sizes);
      }
    },
  };
}

/** A rate within the exchanges' cap, with the eight decimals that the table keeps. */
export function roundRate(rate: number): number {
  return Math.round(Math.max(-RATE_LIMIT, Math.min(RATE_LIMIT, rate)) * 1e8) / 1e8;
}

/** Prices are quoted with six significant digits. */
function significant(price: number): number {
  return Number(price.toPrecision(6));
}
