/** The alerts' engine: its table, what each kind of rule asks, and thousands of seeded stories held to what may never be. */
import { describe, expect, it } from 'vitest';
import { AlertEngine, EVENT_LASTS_MS, EVENT_NEWS_MS } from '../../client/alerts/engine.ts';
import { INPUTS, isAnnounced, isBeyond, isShown, PHASES, TABLE } from '../../client/alerts/phases.ts';
import { acknowledged, type Rule, standing } from '../../client/alerts/rules.ts';
import type { News } from '../../client/feed.ts';
import { type ServerFrame, serverFrame, type Via } from '../../shared/protocol.ts';
import type { StreamName } from '../../shared/streams.ts';
import { pick, seeded, seeds, withSeed } from '../support/random.ts';

const FILE = 'test/unit/client-alerts-engine.test.ts';
const START = Date.UTC(2026, 0, 15);
const MINUTE = 60_000;

const common = { id: 'r', enabled: true, cooldown_s: 60, muted: null, acknowledged_at: null } as const;
const anomaly: Rule = { ...common, kind: 'anomaly', key: null, series: null, at_least: 5 };
const funding: Rule = { ...common, kind: 'funding', key: null, series: null, side: 'above', percent: 1 };
const drawdown: Rule = { ...common, kind: 'drawdown', key: null, series: null, at_least: 100 };
const latency: Rule = { ...common, kind: 'latency', stream: 'funding_rates', key: null, at_least_ms: 2000 };
const metric: Rule = { ...common, kind: 'metric', key: 'cpu', side: 'above', value: 90 };
const silence: Rule = { ...common, kind: 'silence', stream: 'funding_rates', key: null, minutes: 5 };

const newsOf = (frame: ServerFrame): News => {
  if (frame.type === 'delta') return { type: 'delta', frame };
  if (frame.type === 'snapshot') return { type: 'snapshot', frame };
  throw new Error(frame.type);
};

type Values = Readonly<Record<string, unknown>>;

function delta(stream: StreamName, time: number, rows: readonly Values[], via: Via = 'notify', key = 'BTC/USDT'): News {
  const keyColumn = stream === 'system_metrics' ? 'metric_name' : 'symbol';
  const full = rows.map((row, index) => ({ id: index, timestamp: time, [keyColumn]: key, ...row }));
  return newsOf(serverFrame.parse({ type: 'delta', stream, key, prev: 'a', cursor: 'b', time, via, rows: full }));
}

function snapshot(
  stream: StreamName,
  series: readonly { name: string | null; columns: Values; arrived?: number }[],
  key = 'BTC/USDT',
): News {
  const rest = { from: null, to: null, reduced: false, bucket_ms: null, rows_total: 0 };
  return newsOf(serverFrame.parse({ type: 'snapshot', id: 's', stream, key, cursor: 'c', ...rest, series }));
}

const HEARTBEAT: News = {
  type: 'heartbeat',
  frame: { type: 'heartbeat', time: START, database: 'up', doorbell: 'up', freshness: {} },
};

/** An engine of one rule, on a page that shows a symbol, and a clock that the story moves. */
class Story {
  readonly engine: AlertEngine;
  now = START;
  rule: Rule;
  constructor(rule: Rule, engine = new AlertEngine()) {
    this.engine = engine;
    this.rule = rule;
    for (const stream of ['funding_rates', 'anomalies', 'performance_metrics', 'signal_predictions'] as const)
      this.engine.setWatched(stream, ['BTC/USDT'], this.now);
    this.engine.setWatched('system_metrics', null, this.now);
    this.engine.setRules([rule], this.now);
  }
  /** A row now; the values that were announced. */
  row(values: Values, stream: StreamName = 'funding_rates', via: Via = 'notify'): number[] {
    return this.engine.hear(delta(stream, this.now, [values], via), this.now).map(({ reading }) => reading.value);
  }
  rate = (rate: number, exchange = 'okx'): number[] => this.row({ exchange, funding_rate: rate });
  z = (z: number, data_type = 'volume'): number[] => this.row({ data_type, z_score: z }, 'anomalies');
  pass(ms: number, isHeard = true): number[] {
    const said: number[] = [];
    for (let left = ms; left > 0; left -= 1000) {
      this.now += Math.min(1000, left);
      if (isHeard) this.engine.hear(HEARTBEAT, this.now);
      said.push(...this.engine.tick(this.now).map(({ reading }) => reading.value));
    }
    return said;
  }
  set(change: Partial<Pick<Rule, 'muted' | 'acknowledged_at' | 'enabled'>>): number[] {
    this.rule = { ...this.rule, ...change };
    return this.engine.setRules([this.rule], this.now).map(({ reading }) => reading.value);
  }
  acknowledge = (): number[] => this.set(acknowledged(this.rule, this.now));
  get stands() {
    const [standings] = this.engine.standings;
    if (standings === undefined) throw new Error('the rule is not judged');
    const { phase, count, latest, beyond } = standings;
    return { phase, count, latest: latest?.value ?? null, beyond };
  }
}

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

describe('the cooldown', () => {
  it('announces nothing again within it, and then what still stands', () => {
    const story = new Story(funding);
    expect(story.rate(0.02)).toEqual([0.02]);
    story.acknowledge();
    story.rate(0);
    story.pass(10_000);
    expect(story.rate(0.03)).toEqual([]);
    expect(story.stands.phase).toBe('waiting');
    expect(story.pass(49_000)).toEqual([]);
    expect(story.pass(2000)).toEqual([0.03]);
    expect(story.stands).toMatchObject({ phase: 'raised', count: 1 });
  });

  it('forgets what was over by its end', () => {
    const story = new Story(funding);
    story.rate(0.02);
    story.acknowledge();
    story.rate(0);
    story.rate(0.03);
    story.rate(0);
    expect(story.stands.phase).toBe('idle');
    expect(story.pass(120_000)).toEqual([]);
  });

  it('counts on in a banner that is there', () => {
    const story = new Story(funding);
    story.rate(0.02);
    for (let turn = 0; turn < 3; turn += 1) {
      story.rate(0);
      expect(story.rate(0.03)).toEqual([]);
    }
    expect(story.stands).toEqual({ phase: 'raised', count: 4, latest: 0.03, beyond: 1 });
  });
});

describe('muting', () => {
  it('says nothing for its time, and then what still stands', () => {
    const story = new Story({ ...funding, cooldown_s: 0 });
    story.set({ muted: { at: story.now, until: story.now + MINUTE } });
    expect(story.rate(0.02)).toEqual([]);
    expect(story.stands.phase).toBe('muted-beyond');
    expect(story.pass(59_000)).toEqual([]);
    expect(story.pass(1000)).toEqual([0.02]);
  });

  it('for good lasts until it is taken back', () => {
    const story = new Story(funding);
    story.rate(0.02);
    story.set({ muted: { at: story.now, until: null } });
    expect(story.stands.phase).toBe('muted-beyond');
    story.rate(0);
    expect(story.pass((24 * 60 * MINUTE) / 60)).toEqual([]);
    expect(story.stands.phase).toBe('muted');
    expect(story.set({ muted: null })).toEqual([]);
    expect(story.stands.phase).toBe('idle');
  });

  it('that was over before the page was loaded is over', () => {
    const story = new Story({ ...funding, muted: { at: START - 2 * MINUTE, until: START - MINUTE } });
    story.pass(1000);
    expect(story.rate(0.02)).toEqual([0.02]);
  });
});

describe('history', () => {
  const rates = (values: number[], at: number) => ({
    timestamp: values.map((_, index) => at - (values.length - 1 - index) * 1000),
    funding_rate: values,
  });
  const scores = (values: number[], at: number) => ({
    timestamp: values.map((_, index) => at - (values.length - 1 - index) * 1000),
    z_score: values,
  });

  it('is judged by the newest row of each line alone', () => {
    const story = new Story({ ...funding, cooldown_s: 0 });
    const said = story.engine.hear(
      snapshot('funding_rates', [
        { name: 'okx', columns: rates([0.5, 0.5, 0], START) },
        { name: 'bybit', columns: rates([0, 0.4], START) },
      ]),
      START,
    );
    expect(said.map(({ reading }) => [reading.series, reading.value])).toEqual([['bybit', 0.4]]);
  });

  it('that is loaded again fires nothing again', () => {
    for (const [rule, stream, columns] of [
      [funding, 'funding_rates', rates([0.5], START)],
      [anomaly, 'anomalies', scores([9], START)],
    ] as const) {
      const story = new Story({ ...rule, cooldown_s: 0 });
      const load = () =>
        story.engine.hear(
          snapshot(stream, [
            { name: 'a', columns },
            { name: 'b', columns },
          ]),
          story.now,
        ).length;
      expect(load()).toBe(2);
      expect(load()).toBe(0);
      story.acknowledge();
      expect(load()).toBe(0);
      expect(story.stands).toMatchObject({ phase: 'acknowledged', beyond: 2 });
    }
  });

  it('has no news of anomalies that are long past', () => {
    const story = new Story(anomaly);
    const load = (age: number) =>
      story.engine.hear(snapshot('anomalies', [{ name: `${age}`, columns: scores([9], START - age) }]), START).length;
    expect([load(EVENT_NEWS_MS + 1), load(EVENT_NEWS_MS)]).toEqual([0, 1]);
  });

  it('brings up nothing that was acknowledged before the page was loaded again', () => {
    const story = new Story(funding);
    story.rate(0.02);
    story.acknowledge();
    const next = new Story(story.rule, new AlertEngine(story.engine.seen));
    next.now = story.now + 5000;
    // The poll since then has the same value.
    expect(
      next.engine.hear(snapshot('funding_rates', [{ name: 'okx', columns: rates([0.02], next.now) }]), next.now),
    ).toEqual([]);
    expect(next.stands.phase).toBe('acknowledged');
    next.rate(0);
    next.pass(61_000);
    expect(next.rate(0.02)).toEqual([0.02]);
  });

  it('tells a new rule how things stand, and one that asks something else', () => {
    const story = new Story(funding);
    story.rate(0.005);
    const edited: Rule = { ...funding, percent: 0.4 };
    expect(story.engine.setRules([edited, { ...funding, id: 'other' }], story.now).map(({ rule }) => rule.id)).toEqual([
      'r',
    ]);
    expect(story.engine.setRules([], story.now)).toEqual([]);
    expect(story.engine.standings).toEqual([]);
  });

  it('of rows that were missed counts as rows', () => {
    const story = new Story({ ...anomaly, cooldown_s: 0 });
    expect(story.row({ data_type: 'v', z_score: 8, timestamp: story.now - 600_000 }, 'anomalies', 'replay')).toEqual([
      8,
    ]);
  });
});

describe('anomalies', () => {
  it('count each for itself and are over when none follows', () => {
    const story = new Story(anomaly);
    expect(story.z(6)).toEqual([6]);
    story.z(-7);
    expect(story.stands).toEqual({ phase: 'raised', count: 2, latest: -7, beyond: 1 });
    story.pass(EVENT_LASTS_MS - 1000);
    expect(story.stands.beyond).toBe(1);
    story.pass(1000);
    expect(story.stands).toMatchObject({ phase: 'cleared', beyond: 0 });
  });
});

describe('latency', () => {
  it('is from the newest row of a delta to its sending, but for rows that were missed', () => {
    const story = new Story({ ...latency, cooldown_s: 0 });
    const send = (ages: number[], via: Via = 'notify') =>
      story.engine
        .hear(
          delta(
            'funding_rates',
            story.now,
            ages.map((age) => ({ exchange: 'okx', timestamp: story.now - age })),
            via,
          ),
          story.now,
        )
        .map(({ reading }) => reading.value);
    expect(send([100])).toEqual([]);
    expect(send([9000, 100])).toEqual([]);
    expect(send([9000], 'replay')).toEqual([]);
    expect(send([2500, 3000])).toEqual([2500]);
    send([10]);
    expect(story.stands).toMatchObject({ phase: 'cleared', count: 1 });
  });
});

describe('silence', () => {
  it('fires after its minutes, and ends with a row', () => {
    const story = new Story(silence);
    story.rate(0);
    expect(story.pass(5 * MINUTE - 1000)).toEqual([]);
    expect(story.pass(1000)).toEqual([5]);
    expect(story.pass(10 * MINUTE)).toEqual([]);
    expect(story.stands).toMatchObject({ phase: 'raised', count: 1, latest: 15 });
    story.rate(0);
    expect(story.stands.phase).toBe('cleared');
  });

  it('is counted from when the page began to look, or from what a history says', () => {
    const fresh = new Story(silence);
    expect(fresh.pass(5 * MINUTE - 1000)).toEqual([]);
    expect(fresh.pass(1000)).toEqual([5]);
    const told = new Story(silence);
    told.engine.hear(
      snapshot('funding_rates', [
        { name: 'okx', columns: { timestamp: [START], funding_rate: [0] }, arrived: START - 4 * MINUTE },
      ]),
      START,
    );
    expect(told.pass(MINUTE)).toEqual([5]);
  });

  it('is of one key where it says so, and begins anew with another symbol', () => {
    const story = new Story({ ...silence, key: 'BTC/USDT' });
    story.pass(4 * MINUTE);
    story.engine.setWatched('funding_rates', ['ETH/USDT'], story.now);
    expect(story.pass(10 * MINUTE)).toEqual([]);
    story.engine.setWatched('funding_rates', ['ETH/USDT', 'BTC/USDT'], story.now);
    expect(story.pass(4 * MINUTE)).toEqual([]);
    expect(story.pass(MINUTE)).toEqual([5]);
    story.engine.setWatched('funding_rates', ['ETH/USDT'], story.now);
    expect(story.stands.phase).toBe('cleared');
  });

  it('is not told of a machine that slept, before it could have heard', () => {
    const story = new Story(silence);
    story.rate(0);
    story.now += 8 * 3_600_000;
    expect(story.engine.tick(story.now)).toEqual([]);
    expect(story.pass(8000, false)).toEqual([]);
    story.rate(0);
    expect(story.pass(MINUTE)).toEqual([]);
    // And is told where the connection does not come back.
    expect(story.pass(4 * MINUTE, false)).toEqual([5]);
  });
});

describe('a clock that is set back', () => {
  it('stops nothing', () => {
    const story = new Story(funding);
    story.rate(0.02);
    story.acknowledge();
    story.rate(0);
    story.now -= 24 * 60 * MINUTE;
    // Rows are dated by whose clock it is: one that is dated before the newest known does not say how things stand.
    expect(story.rate(0.03)).toEqual([]);
    expect(story.row({ exchange: 'okx', funding_rate: 0.03, timestamp: START + 1 })).toEqual([]);
    expect(story.stands.phase).toBe('waiting');
    expect(story.pass(61_000)).toEqual([0.03]);
    story.set({ muted: { at: story.now, until: story.now + MINUTE } });
    story.now -= 60 * MINUTE;
    expect(story.pass(61_000)).toEqual([0.03]);
    const silent = new Story(silence);
    silent.rate(0);
    silent.now -= 60 * MINUTE;
    silent.engine.tick(silent.now);
    expect(silent.pass(5 * MINUTE)).toEqual([5]);
  });

  it('after a mute was begun lets it last as long as it was meant to', () => {
    const story = new Story({
      ...funding,
      cooldown_s: 0,
      muted: { at: START + 60 * MINUTE, until: START + 61 * MINUTE },
    });
    story.rate(0.02);
    expect(story.pass(59_000)).toEqual([]);
    expect(story.pass(2000)).toEqual([0.02]);
  });
});

describe('whatever happens', () => {
  it.each(seeds(30, [1, 2]))('seed %i', (seed) =>
    withSeed(seed, FILE, () => {
      const random = seeded(seed);
      const story = new Story({
        ...pick(random, [funding, anomaly, drawdown, latency, silence]),
        cooldown_s: pick(random, [0, 30, 600]),
      });
      let steady = START;
      let announcedAt = Number.NEGATIVE_INFINITY;
      let mutedUntil: number | null = null;
      const check = (said: number, mayBeSoon = false): void => {
        const [stands] = story.engine.standings;
        if (stands === undefined) throw new Error('lost');
        expect(isBeyond(stands.phase)).toBe(stands.beyond > 0);
        expect(isShown(stands.phase)).toBe(stands.since !== null);
        if (isShown(stands.phase)) expect(stands.count).toBeGreaterThan(0);
        if (said === 0) return;
        expect(mutedUntil).toBeNull();
        if (!mayBeSoon) expect(steady - announcedAt).toBeGreaterThanOrEqual(story.rule.cooldown_s * 1000);
        announcedAt = steady;
      };
      for (let step = 0; step < 400; step += 1) {
        const dice = random();
        if (dice < 0.35) {
          const ms = pick(random, [200, 1000, 1000, 30_000, 700_000]);
          story.now += ms;
          steady += ms;
          const ended: boolean = mutedUntil !== null && steady >= mutedUntil;
          if (ended) mutedUntil = null;
          check(story.engine.tick(story.now).length, ended);
        } else if (dice < 0.45) {
          // Time stands still for the engine, and goes on from there; it is told at once, so that the test knows as much.
          story.now -= pick(random, [1, 5000, 3_600_000]);
          check(story.engine.tick(story.now).length);
        } else if (dice < 0.75) {
          const value = pick(random, [0, 0.009, 0.02, 4.7, 6, 95, 150, 'NaN', null]);
          const stream = pick(random, ['funding_rates', 'anomalies', 'performance_metrics'] as const);
          const row = {
            exchange: 'a',
            data_type: pick(random, ['a', 'b']),
            strategy_id: 'a',
            funding_rate: value,
            z_score: value,
            drawdown: value,
            timestamp: story.now - pick(random, [0, 0, 5000]),
          };
          check(
            story.engine.hear(
              delta(stream, story.now, [row], pick(random, ['notify', 'tick', 'replay'] as const)),
              story.now,
            ).length,
          );
        } else if (dice < 0.82) {
          const columns = {
            timestamp: [story.now - pick(random, [0, 5000, 400_000])],
            funding_rate: [0.02],
            z_score: [6],
            drawdown: [150],
          };
          check(
            story.engine.hear(
              snapshot(pick(random, ['funding_rates', 'anomalies', 'performance_metrics'] as const), [
                { name: 'a', columns, arrived: story.now },
              ]),
              story.now,
            ).length,
          );
        } else if (dice < 0.88) {
          check(story.acknowledge().length);
          expect(isShown(story.stands.phase)).toBe(false);
        } else if (dice < 0.93) {
          const ms = pick(random, [5000, 60_000]);
          mutedUntil = steady + ms;
          check(story.set({ muted: { at: story.now, until: story.now + ms } }).length);
        } else if (dice < 0.96) {
          mutedUntil = null;
          check(story.set({ muted: null }).length, true);
        } else {
          const keys = pick(random, [['BTC/USDT'], ['ETH/USDT'], ['BTC/USDT', 'ETH/USDT']]);
          for (const stream of ['funding_rates', 'anomalies', 'performance_metrics'] as const)
            check(story.engine.setWatched(stream, keys, story.now).length);
        }
      }
      // Nothing waits for ever: neither for a cooldown nor for a mute with an end.
      for (let tick = 0; tick < 700; tick += 1) {
        story.now += 1000;
        story.engine.tick(story.now);
      }
      expect(['waiting', 'muted', 'muted-beyond']).not.toContain(story.stands.phase);
    }),
  );
});
