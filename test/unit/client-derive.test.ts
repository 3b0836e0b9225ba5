/** What the page computes from the columns of a line, by hand. */
import { describe, expect, test } from 'vitest';
import {
  annualisedRate,
  changeOverWindow,
  cumulativePnl,
  type FundingLine,
  fundingIntervalHours,
  fundingPayments,
  latestValue,
  sparkline,
  trailingWinRate,
} from '../../client/derive.ts';

const HOUR = 3_600_000;
const NaN_ = Number.NaN;
const of = (...values: number[]): Float64Array => Float64Array.from(values);

/** Polls every half hour from hour `from` to hour `to`; the rate is the poll's number. */
function polls(name: string | null, from: number, to: number, next: (time: number) => number): FundingLine {
  const times: number[] = [];
  for (let time = from * HOUR; time < to * HOUR; time += HOUR / 2) times.push(time);
  return {
    name,
    times: Float64Array.from(times),
    columns: {
      funding_rate: Float64Array.from(times, (_, index) => index),
      next_funding_time: Float64Array.from(times, next),
    },
  };
}

const everyHours =
  (hours: number) =>
  (time: number): number =>
    (Math.floor(time / (hours * HOUR)) + 1) * hours * HOUR;

describe('the funding interval', () => {
  test.each([1, 4, 8])('is the step of the next funding time: %i h', (hours) => {
    expect(fundingIntervalHours(polls('anywhere', 0, 30, everyHours(hours)))).toBe(hours);
  });

  test('goes before what is known of the exchange', () => {
    expect(fundingIntervalHours(polls('binance', 0, 30, everyHours(4)))).toBe(4);
  });

  test('is not misled by seconds, missing rows or a time that goes back', () => {
    const next = of(8 * HOUR, 8 * HOUR + 2000, 16 * HOUR, 40 * HOUR, 48 * HOUR, 40 * HOUR, 48 * HOUR);
    const line = { name: null, times: new Float64Array(next.length), columns: { next_funding_time: next } };
    expect(fundingIntervalHours(line)).toBe(8);
  });

  test.each([
    ['binance', 8],
    ['OKX', 8],
    ['dydx', 1],
    ['unheard-of', null],
    ['constructor', null],
    [null, null],
  ])('without next funding times is what is known of %s: %s', (name, hours) => {
    expect(fundingIntervalHours(polls(name, 0, 30, () => NaN_))).toBe(hours);
  });

  test('one next funding time alone says nothing', () => {
    expect(fundingIntervalHours(polls('unheard-of', 0, 7, everyHours(8)))).toBeNull();
  });

  test('a hundredth of a percent every eight hours is 10.95 % a year, every hour 87.6 %', () => {
    expect(annualisedRate(0.0001, 8)).toBeCloseTo(0.1095, 10);
    expect(annualisedRate(0.0001, 1)).toBeCloseTo(0.876, 10);
  });
});

describe('payments', () => {
  test('are the last polls before each funding time, not the polls', () => {
    const line = polls('anywhere', 0, 24, everyHours(8));
    expect(fundingPayments(line, 17 * HOUR)).toEqual([
      { time: 8 * HOUR, rate: 15 },
      { time: 16 * HOUR, rate: 31 },
    ]);
  });

  test('lie on the grid of the interval where rows do not say their time', () => {
    const line = polls('binance', 0, 10, () => NaN_);
    expect(fundingPayments(line, 16 * HOUR)).toEqual([
      { time: 8 * HOUR, rate: 15 },
      { time: 16 * HOUR, rate: 19 },
    ]);
  });

  test('are none where the interval is not known', () => {
    expect(
      fundingPayments(
        polls('unheard-of', 0, 24, () => NaN_),
        24 * HOUR,
      ),
    ).toEqual([]);
  });
});

describe('sums and shares', () => {
  test('the cumulative PnL goes on after a row without one', () => {
    expect(cumulativePnl(of(1, -3, NaN_, 10))).toEqual(of(1, -2, NaN_, 8));
  });

  test('the trailing win rate is over the last rows that have one', () => {
    expect(trailingWinRate(of(1, 0, NaN_, 1, 1, 0), 3)).toEqual(of(1, 1 / 2, NaN_, 2 / 3, 2 / 3, 2 / 3));
  });

  test('the trailing win rate of two hundred rows forgets the first at the next', () => {
    const rates = trailingWinRate(Float64Array.from({ length: 201 }, (_, index) => (index === 0 ? 1 : 0)));
    expect(rates[199]).toBe(1 / 200);
    expect(rates[200]).toBe(0);
  });
});

describe('a card', () => {
  test('shows the newest value that there is', () => {
    expect(latestValue(of(1, 2, 3), of(5, 6, NaN_))).toEqual({ time: 2, value: 6 });
    expect(latestValue(of(1), of(NaN_))).toBeNull();
  });

  test('shows the change since the value that held when the window began', () => {
    expect(changeOverWindow(of(1, 2, 3, 4), of(1, 2, 4, 8))).toBe(7);
    expect(changeOverWindow(of(1, 2, 3, 4), of(1, 2, 4, 8), 2.5)).toBe(6);
    expect(changeOverWindow(of(1, 2), of(NaN_, 2))).toBeNull();
    expect(changeOverWindow(of(), of())).toBeNull();
  });

  test('samples a sparkline with the last value of each part, held where there is none', () => {
    const window = { from: 10, to: 20 };
    expect(sparkline(of(5, 11, 12, 17, 25), of(1, 2, 3, 4, 5), window, 5)).toEqual(of(2, 3, 3, 4, 4));
    expect(sparkline(of(17), of(4), window, 5)).toEqual(of(NaN_, NaN_, NaN_, 4, 4));
  });
});
