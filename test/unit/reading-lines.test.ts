/** Hidden and isolated lines, and the address that keeps them. */
import { describe, expect, test } from 'vitest';
import {
  ALL_LINES,
  hiddenCount,
  isHidden,
  isolateLine,
  type LineChoice,
  linesOf,
  toggleLine,
  withoutHidden,
} from '../../client/reading/lineset.ts';
import { formatReading, parseReading, type ReadingQuery } from '../../client/reading/query.ts';
import { STREAM_NAMES, type StreamName } from '../../shared/streams.ts';
import { pick, seeded, seeds, withSeed } from '../support/random.ts';
import { paneLine, pictureOf } from '../support/reading-lines.ts';

const FILE = 'test/unit/reading-lines.test.ts';
const NAMES = ['binance', 'bybit', 'okx'];

describe('a choice of lines', () => {
  test('hides and shows one', () => {
    const hidden = toggleLine(ALL_LINES, 'okx', NAMES);
    expect(NAMES.map((name) => isHidden(hidden, name))).toEqual([false, false, true]);
    expect(toggleLine(hidden, 'okx', NAMES)).toEqual(ALL_LINES);
  });

  test('shows a line that comes later where lines are hidden, and not where some are isolated', () => {
    expect(isHidden(toggleLine(ALL_LINES, 'okx', NAMES), 'dydx')).toBe(false);
    expect(isHidden(isolateLine(ALL_LINES, 'okx', NAMES), 'dydx')).toBe(true);
  });

  test('isolates one, and all are back when it is isolated again', () => {
    const alone = isolateLine(toggleLine(ALL_LINES, 'okx', NAMES), 'bybit', NAMES);
    expect(NAMES.filter((name) => !isHidden(alone, name))).toEqual(['bybit']);
    expect(isolateLine(alone, 'bybit', NAMES)).toEqual(ALL_LINES);
    // Hidden one by one it is as alone.
    const bit = toggleLine(toggleLine(ALL_LINES, 'okx', NAMES), 'binance', NAMES);
    expect(isolateLine(bit, 'bybit', NAMES)).toEqual(ALL_LINES);
  });

  test('adds to what is isolated; once that is every line, all are meant', () => {
    let choice = isolateLine(ALL_LINES, 'bybit', NAMES);
    choice = toggleLine(choice, 'okx', NAMES);
    expect(hiddenCount(choice, NAMES)).toBe(1);
    choice = toggleLine(choice, 'binance', NAMES);
    expect(choice).toEqual(ALL_LINES);
  });

  test('turns every other line at random as a plain set of names does', async () => {
    for (const seed of seeds(200)) {
      await withSeed(seed, FILE, () => {
        const random = seeded(seed);
        const shown = new Set(NAMES);
        let choice: LineChoice = ALL_LINES;
        for (let move = 0; move < 30; move += 1) {
          const name = pick(random, NAMES);
          if (random() < 0.7) {
            choice = toggleLine(choice, name, NAMES);
            if (!shown.delete(name)) shown.add(name);
          } else {
            const wasAlone = shown.size === 1 && shown.has(name);
            choice = isolateLine(choice, name, NAMES);
            shown.clear();
            for (const one of wasAlone ? NAMES : [name]) shown.add(one);
          }
          expect(NAMES.filter((one) => !isHidden(choice, one))).toEqual(NAMES.filter((one) => shown.has(one)));
        }
      });
    }
  });
});

describe('a picture', () => {
  const picture = pictureOf([
    [paneLine('a', [1], [1], { slot: 3 }), paneLine('b', [1], [2])],
    [paneLine('a', [1], [3], { slot: 3 })],
  ]);

  test('names each line once', () => {
    expect(linesOf(picture)).toEqual([
      { name: 'a', slot: 3, isColoured: true },
      { name: 'b', slot: 0, isColoured: true },
    ]);
  });

  test('of which nothing is hidden stays the same object, whatever is hidden elsewhere', () => {
    expect(withoutHidden(picture, ALL_LINES)).toBe(picture);
    expect(withoutHidden(picture, { kind: 'hide', names: ['zzz'] })).toBe(picture);
  });

  test('loses hidden lines in every pane, and panes that have none left, whatever else it shows', () => {
    const shown = withoutHidden(picture, { kind: 'hide', names: ['a'] });
    expect(shown.panes.map(({ id, lines }) => [id, lines.map(({ name }) => name)])).toEqual([['pane0', ['b']]]);
    expect(shown.subtitle).toBe('what it shows');
    expect(shown.refusal).toBeNull();
  });

  test('keeps the pane that loses nothing as it is', () => {
    expect(withoutHidden(picture, { kind: 'hide', names: ['b'] }).panes[1]).toBe(picture.panes[1]);
  });

  test('without any line left says what to do', () => {
    expect(withoutHidden(picture, { kind: 'only', names: [] }).refusal).toMatch(/All lines .* hidden\. Choose “All”/);
    const refused = { ...picture, refusal: 'cannot be summed' };
    expect(withoutHidden(refused, { kind: 'only', names: [] }).refusal).toBe('cannot be summed');
  });
});

describe('the address', () => {
  const none: ReadingQuery = { lines: new Map(), variants: new Map(), full: null };

  test('keeps other parameters, and is untouched where there is nothing to keep', () => {
    expect(formatReading('symbol=BTC/USDT&range=6h', none)).toBe('symbol=BTC/USDT&range=6h');
    expect(formatReading('hide=anomalies:volume&full=anomalies&x=1', none)).toBe('x=1');
  });

  test('can be read by a person', () => {
    const query: ReadingQuery = {
      lines: new Map([['funding_rates', { kind: 'hide', names: ['okx', 'bybit'] }]]),
      variants: new Map([['performance_metrics', 'running']]),
      full: 'funding_rates',
    };
    expect(formatReading('', query)).toBe(
      'hide=funding_rates:okx,bybit&variant=performance_metrics:running&full=funding_rates',
    );
  });

  test('leaves out what it cannot mean', () => {
    const query =
      'hide=nothing:a&hide=funding_rates&hide=anomalies:&only=&full=elsewhere&variant=x&hide=anomalies:%E0%A4%A';
    const read = parseReading(query);
    expect([...read.lines]).toEqual([]);
    expect([...read.variants]).toEqual([]);
    expect(read.full).toBeNull();
    const long = parseReading(`hide=anomalies:${'x'.repeat(300)},a`);
    expect(long.lines.get('anomalies')).toEqual({ kind: 'hide', names: ['a'] });
  });

  test('comes back whole, whatever the names are', async () => {
    const letters = ['a', 'B', ',', ':', '%', '&', '=', '#', '+', ' ', '/', 'ü', '💰', '2C', '"', '\\'];
    for (const seed of seeds(300)) {
      await withSeed(seed, FILE, () => {
        const random = seeded(seed);
        const name = (): string =>
          Array.from({ length: 1 + Math.floor(random() * 6) }, () => pick(random, letters)).join('');
        const names = (): string[] => [...new Set(Array.from({ length: 1 + Math.floor(random() * 4) }, name))];
        const some = (): StreamName[] => STREAM_NAMES.filter(() => random() < 0.5);
        const query: ReadingQuery = {
          lines: new Map(some().map((stream) => [stream, { kind: random() < 0.5 ? 'hide' : 'only', names: names() }])),
          variants: new Map(some().map((stream) => [stream, 'running'])),
          full: random() < 0.5 ? pick(random, STREAM_NAMES) : null,
        };
        const text = formatReading('symbol=A/B', query);
        const read = parseReading(new URL(`http://host/?${text}`).search);
        expect(new Map([...read.lines].sort())).toEqual(new Map([...query.lines].sort()));
        expect(read.variants).toEqual(query.variants);
        expect(read.full).toBe(query.full);
        expect(formatReading(text, read)).toBe(formatReading(formatReading(text, read), read));
      });
    }
  });
});
