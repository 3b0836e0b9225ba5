/** What the console's screen is made of: keys, cells, courses, looks, and lines for where there is no terminal. */
import { describe, expect, it } from 'vitest';
import type { StreamView } from '../../client/model.ts';
import { newestAnomalies } from '../../console/anomalies.ts';
import { clean, clip, exactly, segment, spread, textOf, widthOf } from '../../console/cells.ts';
import { BOARD, type Key, matches, type Offer, press, type Ui } from '../../console/choices.ts';
import { PlainLines } from '../../console/plain.ts';
import { sparkLines } from '../../console/sparks.ts';
import { ascii, looksOf, styled } from '../../console/style.ts';
import { ConsoleBench } from '../support/console-bench.ts';

describe('keys', () => {
  const offer: Offer = { symbols: ['BTC/USDT', 'ETH/BTC', 'ETH/USDT'], symbol: 'ETH/BTC' };
  const named = (name: string, ctrl = false): Key => ({ name, text: '', ctrl });
  const typed = (text: string): Key => ({ name: text, text, ctrl: false });
  const pressing = (keys: readonly Key[], begin: Ui = BOARD): ReturnType<typeof press> =>
    keys.reduce<ReturnType<typeof press>>(({ ui }, key) => press(ui, key, offer), { ui: begin, wish: null });

  it.each([
    ['q', typed('q'), { type: 'quit' }],
    ['Ctrl-C', named('c', true), { type: 'quit' }],
    ['Ctrl-L', named('l', true), { type: 'redraw' }],
    ['Ctrl-Z', named('z', true), { type: 'suspend' }],
    ['n', typed('n'), { type: 'symbol', symbol: 'ETH/USDT' }],
    ['p', typed('p'), { type: 'symbol', symbol: 'BTC/USDT' }],
    ['right', named('right'), { type: 'symbol', symbol: 'ETH/USDT' }],
    ['left', named('left'), { type: 'symbol', symbol: 'BTC/USDT' }],
    ['1', typed('1'), { type: 'range', range: '1h' }],
    ['4', typed('4'), { type: 'range', range: '7d' }],
    ['5', typed('5'), null],
    ['a', typed('a'), { type: 'anomalies' }],
    ['x', typed('x'), null],
  ])('%s asks for what help says', (_name, key, wish) => {
    expect(pressing([key]).wish).toEqual(wish);
  });

  it('goes round at the ends of the list, and begins with the first where the chosen one is not in it', () => {
    const next = (symbol: string): unknown => press(BOARD, typed('n'), { ...offer, symbol }).wish;
    expect(next('ETH/USDT')).toEqual({ type: 'symbol', symbol: 'BTC/USDT' });
    expect(next('GONE')).toEqual({ type: 'symbol', symbol: 'BTC/USDT' });
    expect(press(BOARD, typed('n'), { symbols: [], symbol: 'X' }).wish).toBeNull();
  });

  it('the list opens at the chosen symbol, searches by what is typed, and takes what is marked', () => {
    expect(pressing([typed('s')]).ui).toEqual({ mode: 'list', search: '', at: 1 });
    const searched = pressing([typed('/'), typed('u'), typed('q'), named('backspace'), typed('s'), named('down')]);
    expect(searched.ui).toEqual({ mode: 'list', search: 'us', at: 1 });
    expect(press(searched.ui, named('return'), offer)).toEqual({
      ui: BOARD,
      wish: { type: 'symbol', symbol: 'ETH/USDT' },
    });
    expect(press(searched.ui, named('escape'), offer)).toEqual({ ui: BOARD, wish: null });
    expect(pressing([typed('z'), named('return')], { mode: 'list', search: '', at: 0 })).toMatchObject({
      ui: { mode: 'list' },
      wish: null,
    });
  });

  it('what begins with the search comes first, whatever its case', () => {
    expect(matches(offer.symbols, 'btc')).toEqual(['BTC/USDT', 'ETH/BTC']);
    expect(matches(offer.symbols, ' ')).toEqual(offer.symbols);
    expect(matches(offer.symbols, 'doge')).toEqual([]);
  });

  it('the mark stays within what was found', () => {
    const list: Ui = { mode: 'list', search: '', at: 0 };
    expect(pressing([named('up')], list).ui.at).toBe(0);
    expect(pressing([named('pagedown')], list).ui.at).toBe(2);
  });

  it('any key leaves help, and q ends from it', () => {
    const help = pressing([typed('?')]).ui;
    expect(help.mode).toBe('help');
    expect(press(help, typed('x'), offer)).toEqual({ ui: BOARD, wish: null });
    expect(press(help, typed('q'), offer).wish).toEqual({ type: 'quit' });
  });
});

describe('cells', () => {
  it.each([
    ['BTC/USDT', 8],
    ['−3.5σ', 5],
    ['▁▂█░', 4],
    ['e\u0301', 1],
    ['日本', 4],
    ['한글', 4],
    ['😀', 2],
    ['', 0],
  ])('%s takes %i', (text, cells) => {
    expect(widthOf(text)).toBe(cells);
  });

  it('what does not fit ends in an ellipsis, and never takes more than there is', () => {
    expect(clip('funding', 5)).toBe('fund…');
    expect(clip('日本語', 4)).toBe('日…');
    expect(clip('funding', 0)).toBe('');
    expect(widthOf(exactly('日本語', 4))).toBe(4);
    expect(textOf(spread([segment('a long beginning')], [segment('end')], 10))).toBe('a lon… end');
  });

  it('controls, escape sequences and turned writing are taken out', () => {
    expect(clean('a\x1b[31mb\x07\u009bc\u202ed\n')).toBe('a?[31mb??c?d?');
  });
});

describe('the newest anomalies', () => {
  const line = (name: string, times: readonly number[]) => ({
    name,
    times: Float64Array.from(times),
    columns: {
      value: Float64Array.from(times),
      z_score: Float64Array.from(times),
      threshold: new Float64Array(times.length),
    },
    texts: {},
    arrivedAt: null,
    spacingMs: null,
    stale: false,
  });
  const channel = (key: string, lines: ReturnType<typeof line>[]) =>
    ({ stream: 'anomalies', key, lines, rowsLastHour: 0, reduced: false }) as const;
  const view: StreamView = {
    stream: 'anomalies',
    state: 'live',
    off: null,
    range: '1h',
    bucketMs: 1,
    lostFrom: null,
    arrivedAt: null,
    version: 0,
    channels: [channel('A', [line('price', [1, 4, 6]), line('volume', [5])]), channel('B', [line('price', [2, 7])])],
  };

  it.each([
    [null, 10, ['B7', 'A6', 'A5', 'A4', 'B2', 'A1']],
    [null, 3, ['B7', 'A6', 'A5']],
    ['A', 10, ['A6', 'A5', 'A4', 'A1']],
    ['C', 10, []],
  ])('of %s, at most %i, are %o', (symbol, most, found) => {
    expect(newestAnomalies(view, symbol, most).map(({ symbol, time }) => symbol + time)).toEqual(found);
  });
});

describe('courses', () => {
  const spark = (values: readonly number[], kind: 'line' | 'dots' = 'line') => ({
    times: Float64Array.from(values, (_, index) => index),
    values: Float64Array.from(values),
    kind,
  });
  const frame = { from: 0, to: 8, doubtFrom: null, width: 8, height: 1 };

  it('rise from the lowest block to the highest', () => {
    expect(sparkLines(spark([0, 1, 2, 3, 4, 5, 6, 7]), frame)).toEqual(['▁▂▃▄▅▆▇█']);
    expect(sparkLines(spark([0, 15]), { ...frame, to: 2, width: 2, height: 2 })).toEqual([' █', '▁█']);
    expect(sparkLines(spark([5, 5]), { ...frame, to: 2, width: 2 })).toEqual(['▅▅']);
  });

  it('hold a value until the next, leave events apart, and end where nothing is known', () => {
    expect(sparkLines(spark([0, Number.NaN, 7, Number.NaN]), { ...frame, to: 4, width: 4 })).toEqual(['▁▁██']);
    expect(sparkLines(spark([2, Number.NaN, -4, Number.NaN], 'dots'), { ...frame, to: 4, width: 4 })).toEqual(['▁ █ ']);
    expect(sparkLines(spark([0, 1, 2, 3, 4, 5, 6, 7]), { ...frame, doubtFrom: 5.5 })).toEqual(['▁▂▃▄▅░░░']);
  });

  it('are blank without rows', () => {
    expect(sparkLines(null, { ...frame, height: 2 })).toEqual([' '.repeat(8), ' '.repeat(8)]);
  });
});

describe('looks', () => {
  const line = [segment('○ NO CONNECTION', 'alarm'), segment(' −1σ ▁█░', 'loss'), segment(' x')];

  it('have colours, and none where NO_COLOR asks for none', () => {
    expect(styled(line, looksOf({ LANG: 'C.UTF-8' }))).toBe(
      '\x1b[1;97;41m○ NO CONNECTION\x1b[0m\x1b[1;31m −1σ ▁█░\x1b[0m x',
    );
    expect(styled(line, looksOf({ LANG: 'C.UTF-8', NO_COLOR: '1' }))).toBe(
      '\x1b[1;7m○ NO CONNECTION\x1b[0m\x1b[1m −1σ ▁█░\x1b[0m x',
    );
  });

  it('are ASCII where the locale is not UTF-8, cell for cell', () => {
    expect(styled(line, looksOf({ LANG: 'C', NO_COLOR: '1' }))).toBe(
      '\x1b[1;7mo NO CONNECTION\x1b[0m\x1b[1m -1s _#:\x1b[0m x',
    );
    const text = new ConsoleBench().hello().serve().screen().join('');
    expect(ascii(text)).toMatch(/^[\x20-\x7e]+$/);
    expect(ascii(text)).toHaveLength([...text].length);
    expect(ascii(text)).not.toContain('?'.repeat(2));
  });
});

describe('where there is no terminal', () => {
  it('a line is printed for each figure and state that changed, and for nothing else', () => {
    const plain = new PlainLines();
    const bench = new ConsoleBench();
    const news = (): readonly string[] => plain.of(bench.board.look());
    expect(news()).toEqual(['14:00:00 UTC  ○ connecting']);
    bench.hello().serve().beat();
    expect(news()).toHaveLength(6);
    bench.pass(1000);
    expect(news()).toEqual([]);
    bench.board.choose({ symbol: 'ETH/USDT', range: '1h', everyAnomaly: false });
    bench.serve(['funding_rates', 'anomalies', 'performance_metrics', 'signal_predictions']);
    expect(news().map((line) => line.split('  ').at(-1))).toEqual(['no rows', 'no rows', 'no rows', 'no rows', 'live']);
    bench.board.choose({ symbol: 'BTC/USDT', range: '1h', everyAnomaly: false });
    bench.serve(['funding_rates', 'anomalies', 'performance_metrics', 'signal_predictions']);
    expect(news()).toHaveLength(5);
    bench.row('funding_rates', 'BTC/USDT', { symbol: 'BTC/USDT', exchange: 'binance', funding_rate: -0.00025 });
    expect(news()).toEqual(['14:00:01 UTC  funding_rates  BTC/USDT binance, per 8 h  Funding −0.0250%  live']);
    bench.close();
    const lost = news();
    expect(lost[0]).toMatch(/^14:00:01 UTC {2}○ NO CONNECTION/);
    expect(lost.slice(1).map((line) => line.split('  ').at(-1))).toEqual(Array(5).fill('OLD'));
    bench.pass(1000);
    expect(news()).toEqual([]);
  });
});
