/** Figures, ages and times as the page writes them. */
import { describe, expect, it } from 'vitest';
import { dateTime, exact, exactValue } from '../../client/exact.ts';
import { age, clockWithZone, compact, fixed, percent, quoteOf, timeParts, zoneLabel } from '../../client/format.ts';

const MINUS = '\u2212';
const SPACE = '\u00a0';

describe('numbers', () => {
  it('have a real minus sign, grouped thousands and no negative zero', () => {
    expect(fixed(-1234567.891, 2)).toBe(`${MINUS}1,234,567.89`);
    expect(fixed(-0.0001, 2)).toBe('0.00');
    expect(fixed(0.0001, 2, 'plus')).toBe('0.00');
    expect(fixed(12, 1, 'plus')).toBe('+12.0');
    expect(fixed(999.9996, 3)).toBe('1,000.000');
  });

  it('say what is no number, and what has no end', () => {
    expect(fixed(Number.NaN, 2)).toBe('–');
    expect(fixed(Number.NEGATIVE_INFINITY, 2)).toBe(`${MINUS}∞`);
    expect(compact(Number.POSITIVE_INFINITY, 'plus')).toBe('+∞');
    expect(percent(Number.NaN, 2)).toBe('–');
  });

  it.each([
    [0, '0'],
    [3, '3'],
    [3.21487, '3.21'],
    [91.42, '91.4'],
    [1747.56, '1,748'],
    [40_894, '40.9k'],
    [1_234_567, '1.23M'],
    [-5.46e9, `${MINUS}5.46G`],
    [0.000208, '0.000208'],
  ])('%d is short as %s', (value, text) => {
    expect(compact(value)).toBe(text);
  });

  it('are exact where it matters: no digit lost, none invented', () => {
    expect(exact(0.00012345)).toBe('0.00012345');
    expect(exact(0.1 + 0.2)).toBe('0.3');
    expect(exact(-1234.5)).toBe(`${MINUS}1,234.5`);
    expect(exact(1e-9)).toBe(`1e${MINUS}9`);
    expect(percent(0.000166, 4, 'plus')).toBe('+0.0166%');
  });

  it('carry the unit of their column', () => {
    expect(exactValue(0.00012345, 'fraction', 'utc', 'USDT')).toBe('0.012345%');
    expect(exactValue(-12.5, 'quote', 'utc', 'USDT')).toBe(`${MINUS}12.5${SPACE}USDT`);
    expect(exactValue(1.25, 's', 'utc', 'USDT')).toBe(`1.25${SPACE}s`);
    expect(exactValue(4.2, 'sigma', 'utc', 'USDT')).toBe('4.2σ');
    expect(exactValue(7, 'count', 'utc', 'USDT')).toBe('7');
    expect(exactValue(Number.NaN, 'quote', 'utc', 'USDT')).toBe('–');
    expect(exactValue(Date.UTC(2026, 10, 22, 16), 'epoch_ms', 'utc', 'USDT')).toBe('22 Nov 2026 16:00:00 UTC');
  });

  it('are quoted in the currency that the symbol names', () => {
    expect(quoteOf('BTC/USDT')).toBe('USDT');
    expect(quoteOf('BTC/USD:BTC')).toBe('USD');
    expect(quoteOf('BTCUSDT')).toBe('quote');
  });
});

describe('ages', () => {
  it.each([
    [-5, '0 s'],
    [999, '0 s'],
    [59_999, '59 s'],
    [60_000, '1 m'],
    [3_599_999, '59 m'],
    [5_400_000, '1 h 30 m'],
    [7_200_000, '2 h'],
    [183_600_000, '2 d 3 h'],
  ])('%d ms is %s', (ms, text) => {
    expect(age(ms).replaceAll(SPACE, ' ')).toBe(text);
  });
});

describe('times', () => {
  const time = Date.UTC(2026, 10, 22, 14, 2, 3, 120);

  it('carry their zone', () => {
    expect(dateTime(time, 'utc')).toBe('22 Nov 2026 14:02:03.120 UTC');
    expect(dateTime(Date.UTC(2026, 0, 5), 'utc')).toBe('5 Jan 2026 00:00:00 UTC');
    expect(clockWithZone(time, 'utc')).toBe('14:02:03 UTC');
    expect(dateTime(Number.NaN, 'utc')).toBe('–');
  });

  it('are local as the machine has it, with the offset as the name of the zone', () => {
    const before = process.env.TZ;
    try {
      process.env.TZ = 'Asia/Kolkata';
      expect(zoneLabel(time, 'local')).toBe('UTC+5:30');
      expect(timeParts(time, 'local')).toMatchObject({ hour: 19, minute: 32, day: 22 });
      process.env.TZ = 'America/St_Johns';
      expect(zoneLabel(time, 'local')).toBe(`UTC${MINUS}3:30`);
      process.env.TZ = 'UTC';
      expect(zoneLabel(time, 'local')).toBe('UTC');
    } finally {
      if (before === undefined) delete process.env.TZ;
      else process.env.TZ = before;
    }
  });
});
