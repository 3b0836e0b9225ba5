/** The console's screen in every state, at 80 x 24 and at other sizes: nothing old reads as live, and nothing overflows. */
import { describe, expect, it } from 'vitest';
import { widthOf } from '../../console/cells.ts';
import { BOARD } from '../../console/choices.ts';
import { ConsoleBench } from '../support/console-bench.ts';

const live = (): ConsoleBench => new ConsoleBench().hello().serve().beat();

describe('at 80 x 24', () => {
  it('before a connection', () => {
    expect(new ConsoleBench().screen().join('\n')).toMatchSnapshot();
  });

  it('while the history comes', () => {
    expect(new ConsoleBench().hello().serve(['funding_rates']).screen().join('\n')).toMatchSnapshot();
  });

  it('live', () => {
    expect(live().screen().join('\n')).toMatchSnapshot();
  });

  it('a connection that is lost', () => {
    expect(live().pass(1000).close().pass(200).screen().join('\n')).toMatchSnapshot();
  });

  it('a database that is away', () => {
    expect(live().pass(5000).beat('down', 'down').screen().join('\n')).toMatchSnapshot();
  });

  it('notifications that are down, and a stream that is off', () => {
    const bench = new ConsoleBench()
      .hello()
      .serve(['funding_rates', 'anomalies', 'performance_metrics', 'system_metrics']);
    bench.refuse('signal_predictions', 'signal_predictions is off: the table is missing').beat('up', 'down');
    expect(bench.screen().join('\n')).toMatchSnapshot();
  });

  it('the list of symbols, searched', () => {
    expect(live().screen(undefined, { mode: 'list', search: 'usd', at: 1 }).join('\n')).toMatchSnapshot();
  });

  it('help', () => {
    expect(
      live()
        .screen(undefined, { ...BOARD, mode: 'help' })
        .join('\n'),
    ).toMatchSnapshot();
  });
});

describe('what is old', () => {
  const states = (bench: ConsoleBench): string[] =>
    bench
      .screen()
      .flatMap((line) => /(live|OLD|STALE|OFF|loading|no rows|unknown)( [\d].* ago)?$/.exec(line)?.[1] ?? []);

  it('is live on a live connection', () => {
    expect(states(live())).toEqual(['live', 'live', 'live', 'live', 'live']);
  });

  it.each([
    ['cut', (bench: ConsoleBench) => bench.close()],
    ['silent for two heartbeats', (bench: ConsoleBench) => bench.pass(10_000)],
    ['without its database', (bench: ConsoleBench) => bench.beat('down')],
  ])('is never called live on a connection that is %s', (_name, happen) => {
    const bench = live();
    happen(bench);
    expect(states(bench)).toEqual(['OLD', 'OLD', 'OLD', 'OLD', 'OLD']);
    expect(bench.screen()[1]).toMatch(/^○ (NO CONNECTION|NOT LIVE) for /);
  });

  it('has its course end in what nobody knows', () => {
    const bench = live();
    expect(bench.screen().join('')).not.toContain('░');
    bench.close();
    bench.now += 10 * 60_000;
    expect(bench.screen().filter((line) => /░{4,}$/.test(line))).toHaveLength(5);
  });

  it('is live again once what was missed has come', () => {
    const bench = live().close().pass(20_000).hello();
    expect(bench.screen()[1]).not.toMatch(/live/);
    bench.serve().beat();
    expect(states(bench)).toEqual(['live', 'live', 'live', 'live', 'live']);
  });

  it('is stale where a stream is silent for three times as long as is usual for it, on a live connection', () => {
    const bench = live();
    for (let second = 0; second < 200; second += 5) bench.pass(5000).beat();
    expect(states(bench)).toEqual(['STALE', 'live', 'live', 'live', 'live']);
    expect(bench.screen()[1]).toMatch(/^● live/);
  });
});

it('shows a row as soon as it has come, and its age afterwards', () => {
  const bench = live();
  bench.pass(1000);
  bench.row('funding_rates', 'BTC/USDT', { symbol: 'BTC/USDT', exchange: 'binance', funding_rate: -0.00025 });
  expect(bench.screen().join('\n')).toMatch(/Funding +−0\.0250% .*live 0 s ago/);
  bench.pass(4000).beat();
  expect(bench.screen().join('\n')).toMatch(/Funding +−0\.0250% .*live 4 s ago/);
});

it('asks for another symbol and shows the old figures as loading until it comes', () => {
  const bench = live();
  bench.board.choose({ symbol: 'ETH/USDT', range: '1h', everyAnomaly: false });
  expect(bench.asked.slice(-4).map(({ keys }) => keys)).toEqual(Array(4).fill(['ETH/USDT']));
  expect(bench.screen().filter((line) => /\S.* loading$/.test(line))).toHaveLength(4);
  bench.serve(['funding_rates', 'anomalies', 'performance_metrics', 'signal_predictions']);
  expect(bench.screen().filter((line) => /\S.* no rows$/.test(line))).toHaveLength(4);
});

it('asks for the anomalies of every symbol, and names the symbol of each', () => {
  const bench = live();
  bench.board.choose({ symbol: 'ETH/USDT', range: '1h', everyAnomaly: true });
  bench.serve(['funding_rates', 'anomalies', 'performance_metrics', 'signal_predictions']);
  expect(bench.asked.findLast(({ stream }) => stream === 'anomalies')?.keys).toBeNull();
  expect(bench.screen().join('\n')).toMatch(/! 13:58:00 {2}BTC\/USDT +price +−3\.5σ/);
});

it('gives a terminal nothing to act on, whatever a row holds', () => {
  const bench = live();
  bench.row('anomalies', 'BTC/USDT', {
    symbol: 'BTC/USDT',
    data_type: '\x1b[2J\x1b]0;x\x07\u202e',
    value: 1,
    z_score: 9,
    threshold: 3,
  });
  const text = bench.screen(undefined, BOARD, { address: 'ws://\x1b[31m/feed' }).join('');
  expect(text).toContain('?[2J?]0;x??');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
  expect(text).not.toMatch(/[\x00-\x1f\x7f-\x9f\u202e]/);
});

it.each([
  [80, 24],
  [200, 60],
  [120, 30],
  [60, 18],
  [40, 10],
  [20, 5],
  [10, 2],
  [1, 1],
])('fills %i x %i and no more, and always has the state of the connection in sight', (columns, rows) => {
  for (const bench of [live(), live().close()]) {
    for (const ui of [BOARD, { ...BOARD, mode: 'list' as const }, { ...BOARD, mode: 'help' as const }]) {
      const lines = bench.screen({ columns, rows }, ui);
      expect(lines).toHaveLength(rows);
      for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(columns);
      if (rows > 1 && columns >= 10) expect(lines[1]).toMatch(/^(● live|○ NO CONN)/);
    }
  }
});

it('a larger terminal shows more of each course and more anomalies', () => {
  const bench = live();
  const blocks = (size: { columns: number; rows: number }): number =>
    bench
      .screen(size)
      .join('')
      .replace(/[^▁-█]/g, '').length;
  expect(blocks({ columns: 160, rows: 24 })).toBeGreaterThan(blocks({ columns: 80, rows: 24 }));
  expect(blocks({ columns: 160, rows: 60 })).toBeGreaterThan(blocks({ columns: 160, rows: 24 }));
});
