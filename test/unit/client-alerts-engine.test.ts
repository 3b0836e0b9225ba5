/** The alerts' engine: its table, and what each kind of rule asks of a value. */
import { describe, expect, it } from 'vitest';
import { INPUTS, isAnnounced, isBeyond, isShown, PHASES, TABLE } from '../../client/alerts/phases.ts';
import { type Rule, standing } from '../../client/alerts/rules.ts';
import { anomaly, delta, drawdown, funding, latency, metric, Story, silence } from '../support/alert-story.ts';

describe('the table', () => {
  it('has an answer for every input in every phase', () => {
    for (const phase of PHASES) {
      expect(Object.keys(TABLE[phase]).sort()).toEqual([...INPUTS].sort());
      for (const input of INPUTS) expect(PHASES).toContain(TABLE[phase][input]);
    }
  });

  it.each(PHASES.flatMap((phase) => INPUTS.map((input) => [phase, input] as const)))('%s, %s', (phase, input) => {
    const to = TABLE[phase][input];
    // Nothing is announced but what is shown; a mute ends by unmute alone, and begins by mute alone.
    if (isAnnounced(phase, input)) expect(to).toBe('raised');
    const isMuted = (one: string): boolean => one.startsWith('muted');
    expect(isMuted(to)).toBe(input === 'mute' || (isMuted(phase) && input !== 'unmute'));
    // Whether something is beyond follows from entering and leaving.
    if (input.startsWith('enter')) expect(isBeyond(to)).toBe(true);
    else if (input === 'leave') expect(isBeyond(to)).toBe(false);
    else expect(isBeyond(to)).toBe(isBeyond(phase));
    if (input === 'acknowledge') expect(isShown(to)).toBe(false);
    // A second of the same changes nothing more.
    if (input !== 'leave')
      expect(TABLE[to][input]).toBe(to === 'acknowledged' && input === 'enter-soon' ? 'waiting' : to);
  });
});

describe('how a value stands', () => {
  const inf = Number.POSITIVE_INFINITY;
  it.each<[string, Rule, readonly (readonly [number, 'in' | 'between' | 'out'])[]]>([
    [
      'an anomaly, both ways',
      anomaly,
      [
        [5, 'in'],
        [-5, 'in'],
        [4.99, 'between'],
        [-4.6, 'between'],
        [4.49, 'out'],
        [0, 'out'],
        [inf, 'in'],
        [-inf, 'in'],
        [Number.NaN, 'between'],
      ],
    ],
    [
      'funding above',
      funding,
      [
        [0.01, 'in'],
        [0.0099, 'between'],
        [0.00899, 'out'],
        [-1, 'out'],
      ],
    ],
    [
      'funding below a negative',
      { ...funding, side: 'below', percent: -1 },
      [
        [-0.01, 'in'],
        [-0.02, 'in'],
        [-0.0095, 'between'],
        [-0.0089, 'out'],
        [0.5, 'out'],
      ],
    ],
    [
      'funding below a positive',
      { ...funding, side: 'below', percent: 1 },
      [
        [0.01, 'in'],
        [-5, 'in'],
        [0.0105, 'between'],
        [0.012, 'out'],
      ],
    ],
    [
      'funding beyond',
      { ...funding, side: 'beyond', percent: 1 },
      [
        [0.01, 'in'],
        [-0.01, 'in'],
        [0.0095, 'between'],
        [-0.0095, 'between'],
        [0.001, 'out'],
      ],
    ],
    [
      'funding above zero',
      { ...funding, percent: 0 },
      [
        [0, 'in'],
        [1e-9, 'in'],
        [-1e-9, 'out'],
      ],
    ],
    [
      'drawdown, whatever its sign',
      drawdown,
      [
        [100, 'in'],
        [-100, 'in'],
        [95, 'between'],
        [80, 'out'],
      ],
    ],
    [
      'a metric below',
      { ...metric, side: 'below', value: 10 },
      [
        [10, 'in'],
        [10.5, 'between'],
        [12, 'out'],
      ],
    ],
    [
      'a latency',
      latency,
      [
        [2000, 'in'],
        [1900, 'between'],
        [10, 'out'],
        [-5, 'out'],
      ],
    ],
    [
      'a silence',
      silence,
      [
        [5, 'in'],
        [4.999, 'out'],
        [0, 'out'],
      ],
    ],
  ])('%s', (_what, rule, cases) => {
    for (const [value, expected] of cases) expect([value, standing(rule, value)]).toEqual([value, expected]);
  });
});

describe('a rule about values', () => {
  it('fires on entry, once, and clears with hysteresis', () => {
    const story = new Story(funding);
    expect(story.rate(0.009)).toEqual([]);
    expect(story.stands).toEqual({ phase: 'idle', count: 0, latest: null, beyond: 0 });
    expect(story.rate(0.011)).toEqual([0.011]);
    expect(story.rate(0.02)).toEqual([]);
    expect(story.rate(0.0095)).toEqual([]);
    expect(story.stands).toEqual({ phase: 'raised', count: 1, latest: 0.02, beyond: 1 });
    story.rate(0.001);
    expect(story.stands).toEqual({ phase: 'cleared', count: 1, latest: 0.02, beyond: 0 });
    story.acknowledge();
    expect(story.stands.phase).toBe('idle');
  });

  it('counts lines into one banner, and ends with the last of them', () => {
    const story = new Story({ ...funding, cooldown_s: 0 });
    expect(story.rate(0.02, 'okx')).toEqual([0.02]);
    expect(story.rate(0.03, 'binance')).toEqual([0.03]);
    expect(story.stands).toMatchObject({ phase: 'raised', count: 2, beyond: 2 });
    story.rate(0, 'okx');
    expect(story.stands).toMatchObject({ phase: 'raised', beyond: 1 });
    story.rate(0, 'binance');
    expect(story.stands).toMatchObject({ phase: 'cleared', beyond: 0 });
  });

  it('is about one line where it says so', () => {
    const story = new Story({ ...funding, key: 'BTC/USDT', series: 'okx' });
    expect(story.rate(0.02, 'binance')).toEqual([]);
    expect(story.rate(0.02, 'okx')).toEqual([0.02]);
    const other = new Story({ ...funding, key: 'ETH/USDT' });
    expect(other.rate(0.02)).toEqual([]);
    expect(other.engine.standings[0]?.isWatched).toBe(false);
  });

  it('judges what has no number by nothing, and infinities as what they are', () => {
    const story = new Story(drawdown);
    for (const value of [null, 'NaN', 'text', undefined])
      expect(
        story.row(
          { strategy_id: 's', ...(value === undefined ? {} : { drawdown: value === 'text' ? null : value }) },
          'performance_metrics',
        ),
      ).toEqual([]);
    expect(story.row({ strategy_id: 's', drawdown: 'Infinity' }, 'performance_metrics')).toEqual([
      Number.POSITIVE_INFINITY,
    ]);
    story.row({ strategy_id: 's', drawdown: 'NaN' }, 'performance_metrics');
    expect(story.stands.beyond).toBe(1);
  });

  it('does not let a late row say how things stand', () => {
    const story = new Story(funding);
    story.rate(0.001);
    expect(story.row({ exchange: 'okx', funding_rate: 0.5, timestamp: story.now - 1 })).toEqual([]);
    story.rate(0.5);
    story.row({ exchange: 'okx', funding_rate: 0, timestamp: story.now - 1 });
    expect(story.stands.beyond).toBe(1);
  });

  it('judges each row of a delta', () => {
    const story = new Story({ ...funding, cooldown_s: 0 });
    const rows = [0.02, 0, 0.03].map((funding_rate) => ({ exchange: 'okx', funding_rate }));
    expect(
      story.engine.hear(delta('funding_rates', story.now, rows), story.now).map(({ reading }) => reading.value),
    ).toEqual([0.02, 0.03]);
    expect(story.stands).toMatchObject({ count: 2, latest: 0.03 });
  });

  it('takes system metrics by their name', () => {
    const story = new Story(metric);
    const hear = (key: string, metric_value: number) =>
      story.engine.hear(delta('system_metrics', story.now, [{ metric_value }], 'notify', key), story.now).length;
    expect([hear('disk', 99), hear('cpu', 89), hear('cpu', 91)]).toEqual([0, 0, 1]);
  });
});
