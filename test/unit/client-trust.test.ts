/** What the page knows of its own trustworthiness, without a page: checks, missed periods, legs. */
import { describe, expect, it } from 'vitest';
import type { News } from '../../client/feed.ts';
import { AGAIN_MS, Checker, type CheckWorld, type Finding, PACE_MS, type Told } from '../../client/trust/check.ts';
import { faultText } from '../../client/trust/findings.ts';
import { legOf, MEMORY_MS, type Newest, Samples } from '../../client/trust/legs.ts';
import { MOST_OUTAGES, Outages, shareOutages } from '../../client/trust/outages.ts';
import type { PartSum } from '../../shared/checksum.ts';
import { STREAM_NAMES, type StreamName } from '../../shared/streams.ts';
import { FakeClock } from '../support/fake-clock.ts';

const sum = (hash: string, from = 0): PartSum => ({ from, to: from + 10, rows: 3, hash });
const heartbeat = (database: 'up' | 'down'): News => ({
  type: 'heartbeat',
  frame: { type: 'heartbeat', time: 0, database, doorbell: 'up', freshness: {} },
});
const HELLO: News = {
  type: 'hello',
  frame: {
    type: 'hello',
    protocol: 1,
    version: '',
    build: '',
    epoch: '',
    time: 0,
    heartbeat_ms: 1,
    tick_ms: 1,
    demo: false,
    streams: [],
  },
};

/** A page and a server whose sums a test sets, and the checker between them. */
class Bench {
  readonly clock = new FakeClock();
  held: readonly PartSum[] | null = [sum('a')];
  told: Told | Error = { comparable: true, parts: [sum('a')] };
  candidates: readonly (readonly [StreamName, readonly string[]])[] = [['funding_rates', ['BTC/USDT']]];
  readonly findings: Finding[] = [];
  readonly resynced: StreamName[] = [];
  readonly asked: string[] = [];
  /** What is done between a question and its answer. */
  onAsk: () => void = () => {};
  readonly checker: Checker;

  constructor() {
    const world: CheckWorld = {
      now: () => this.clock.now(),
      after: (ms, action) => this.clock.after(ms, action),
      candidates: () => new Map(this.candidates),
      target: (stream, key) => ({ stream, key, span: { from: 0, to: 20, bucketMs: 10 } }),
      held: () => this.held,
      ask: async ({ stream, key }) => {
        this.asked.push(`${stream} ${key}`);
        this.onAsk();
        if (this.told instanceof Error) throw this.told;
        return this.told;
      },
      resync: (stream) => this.resynced.push(stream),
      report: (finding) => this.findings.push(finding),
    };
    this.checker = new Checker(world);
  }
  pass(ms: number): Promise<void> {
    return this.clock.pass(ms);
  }
  get outcomes(): string[] {
    return this.findings.map(({ outcome }) => outcome);
  }
}

describe('a check', () => {
  it('asks for one channel a minute: the streams in turn, the keys of each in turn', async () => {
    const bench = new Bench();
    bench.candidates = [
      ['funding_rates', ['BTC/USDT']],
      ['system_metrics', ['cpu', 'disk']],
      ['anomalies', []],
    ];
    bench.checker.start(() => 0);
    await bench.pass(6 * PACE_MS);
    const [rates, cpu, disk] = ['funding_rates BTC/USDT', 'system_metrics cpu', 'system_metrics disk'];
    expect(bench.asked).toEqual([rates, cpu, rates, disk, rates, cpu]);
    bench.checker.stop();
    await bench.pass(3 * PACE_MS);
    expect(bench.asked).toHaveLength(6);
    expect(new Set(bench.outcomes)).toEqual(new Set(['same']));
  });

  it('asks for nothing while there is nothing to be checked, and goes on afterwards', async () => {
    const bench = new Bench();
    const some = bench.candidates;
    bench.candidates = [];
    bench.checker.start(() => 1);
    await bench.pass(5 * PACE_MS);
    expect(bench.asked).toEqual([]);
    bench.candidates = some;
    await bench.pass(PACE_MS);
    expect(bench.asked).toHaveLength(1);
  });

  it('loads anew what differs for certain, says where, and looks at it again', async () => {
    const bench = new Bench();
    bench.told = { comparable: true, parts: [sum('a'), sum('b', 10)] };
    bench.held = [sum('a'), sum('c', 10)];
    void bench.checker.all();
    await bench.pass(AGAIN_MS);
    expect(bench.findings).toMatchObject([
      { outcome: 'reloaded', stream: 'funding_rates', key: 'BTC/USDT', where: { from: 10, to: 20 }, rows: 6 },
    ]);
    expect(bench.resynced).toEqual(['funding_rates']);
    bench.held = bench.told.parts;
    await bench.pass(20_000);
    expect(bench.outcomes).toEqual(['reloaded', 'same']);
  });

  it('does not load anew again and again what goes on to differ', async () => {
    const bench = new Bench();
    bench.held = [sum('z')];
    bench.checker.start(() => 0);
    await bench.pass(30 * PACE_MS);
    expect(bench.resynced).toEqual(['funding_rates']);
    expect(bench.outcomes[0]).toBe('reloaded');
    expect(new Set(bench.outcomes.slice(1))).toEqual(new Set(['persists']));
    await bench.pass(40 * PACE_MS);
    expect(bench.resynced).toHaveLength(2);
  });

  it('takes late rows on their way for no difference', async () => {
    const bench = new Bench();
    bench.held = [sum('before')];
    void bench.checker.all();
    await bench.pass(1000);
    bench.held = [sum('a')];
    await bench.pass(AGAIN_MS);
    expect(bench.outcomes).toEqual(['same']);
  });

  it('does not judge a past that is being written', async () => {
    const bench = new Bench();
    let turn = 0;
    bench.onAsk = () => {
      turn += 1;
      bench.held = [sum(`page ${turn}`)];
      bench.told = { comparable: true, parts: [sum(`server ${turn}`)] };
    };
    void bench.checker.all();
    await bench.pass(AGAIN_MS);
    expect(bench.outcomes).toEqual(['moving']);
    expect(bench.resynced).toEqual([]);
  });

  it('tells that the server could not say, and that points are too many', async () => {
    const bench = new Bench();
    bench.told = new Error('stream funding_rates is off');
    await bench.checker.all();
    bench.told = { comparable: false, parts: [] };
    await bench.checker.all();
    expect(bench.findings).toMatchObject([
      { outcome: 'failed', reason: 'stream funding_rates is off' },
      { outcome: 'uncounted' },
    ]);
    expect(bench.resynced).toEqual([]);
  });

  it('says nothing of what the page does not hold any more', async () => {
    const bench = new Bench();
    bench.held = null;
    await bench.checker.all();
    expect(bench.findings).toEqual([]);
  });

  it('is told in a sentence', () => {
    const at = Date.UTC(2026, 0, 15, 14, 2);
    const finding = {
      at,
      stream: 'funding_rates',
      key: 'BTC/USDT',
      rows: 3,
      where: { from: at - 60_000, to: at },
      reason: null,
    } as const;
    expect(faultText({ ...finding, outcome: 'reloaded' }, 'utc')).toBe(
      'Checked 14:02:00 UTC: Funding rate of BTC/USDT differed between 14:01:00 and 14:02:00; loaded anew.',
    );
    expect(faultText({ ...finding, outcome: 'failed', where: null, reason: 'no' }, 'utc')).toBe(
      'Checked 14:02:00 UTC: Funding rate of BTC/USDT could not be checked: no.',
    );
  });
});

describe('missed periods', () => {
  const whole = new Outages(STREAM_NAMES, 0).list;
  it('are none while nothing is missed', () => {
    const outages = new Outages(STREAM_NAMES, 0);
    for (const news of [
      heartbeat('up'),
      { type: 'restart', stream: 'anomalies' },
      { type: 'synced', stream: 'anomalies' },
    ] satisfies News[])
      outages.hear(news, 5);
    expect([outages.list, whole]).toEqual([[], []]);
  });

  it('of a connection that was lost begin when it was heard last, and end when all has come', () => {
    const outages = new Outages(STREAM_NAMES, 0);
    outages.hear(heartbeat('up'), 100);
    outages.hear(HELLO, 5000);
    expect(outages.openSince('anomalies')).toBe(100);
    outages.hear({ type: 'synced', stream: 'anomalies' }, 5100);
    outages.hear({ type: 'restart', stream: 'funding_rates' }, 5150);
    outages.hear({ type: 'synced', stream: 'funding_rates' }, 5200);
    expect(outages.list).toEqual([
      { stream: 'anomalies', from: 100, to: 5100, how: 'refilled' },
      { stream: 'funding_rates', from: 100, to: 5200, how: 'loaded' },
    ]);
    expect(outages.openSince('anomalies')).toBeNull();
  });

  it('go on through a second loss', () => {
    const outages = new Outages(['anomalies'], 0);
    outages.hear(HELLO, 5000);
    outages.hear(HELLO, 9000);
    outages.hear({ type: 'synced', stream: 'anomalies' }, 9100);
    expect(outages.list).toEqual([{ stream: 'anomalies', from: 0, to: 9100, how: 'refilled' }]);
  });

  it('of one stream, as after a gap, are that stream’s', () => {
    const outages = new Outages(STREAM_NAMES, 0);
    outages.hear(heartbeat('up'), 50);
    outages.hear({ type: 'lost', stream: 'anomalies' }, 60);
    outages.hear({ type: 'restart', stream: 'anomalies' }, 60);
    outages.hear({ type: 'synced', stream: 'anomalies' }, 90);
    expect(outages.list).toEqual([{ stream: 'anomalies', from: 50, to: 90, how: 'loaded' }]);
  });

  it('of a server without its database are every stream’s that was whole', () => {
    const outages = new Outages(['anomalies', 'funding_rates'], 0);
    outages.hear(heartbeat('up'), 10);
    outages.hear(heartbeat('down'), 20);
    outages.hear(heartbeat('down'), 30);
    expect(outages.list).toEqual([]);
    outages.hear(heartbeat('up'), 40);
    expect(outages.list.map(({ stream, from, to }) => [stream, from, to])).toEqual([
      ['funding_rates', 10, 40],
      ['anomalies', 10, 40],
    ]);
  });

  it('of a stream that was never whole are none: its first rows are still to come', () => {
    const outages = new Outages([], 0);
    outages.hear(HELLO, 10);
    outages.hear({ type: 'synced', stream: 'anomalies' }, 20);
    expect(outages.list).toEqual([]);
  });

  it('are bounded in number and age, also where a clock is set back', () => {
    const outages = new Outages(['anomalies'], 0);
    for (let turn = 0; turn < MOST_OUTAGES + 50; turn += 1) {
      outages.hear(HELLO, turn * 1000);
      outages.hear({ type: 'synced', stream: 'anomalies' }, turn * 1000 + 10);
    }
    expect(outages.list).toHaveLength(MOST_OUTAGES);
    outages.hear(HELLO, 0);
    outages.hear({ type: 'synced', stream: 'anomalies' }, 0);
    const last = outages.list.at(-1);
    expect(last?.to).toBeGreaterThanOrEqual(last?.from ?? Number.NaN);
    outages.hear(HELLO, 1e10);
    outages.hear({ type: 'synced', stream: 'anomalies' }, 1e10);
    expect(outages.list).toHaveLength(1);
  });

  it('that streams share are one entry, the newest first', () => {
    const outages = new Outages(STREAM_NAMES, 0);
    for (const at of [10_000, 90_000]) {
      outages.hear(HELLO, at);
      for (const [index, stream] of STREAM_NAMES.entries()) outages.hear({ type: 'synced', stream }, at + 100 + index);
    }
    const shared = shareOutages(outages.list);
    expect(shared.map(({ from, streams }) => [from, streams])).toEqual([
      [10_104, STREAM_NAMES],
      [0, STREAM_NAMES],
    ]);
  });
});

describe('legs', () => {
  const sample = (received: number, rest: Partial<Newest> = {}): Newest => ({
    id: 1,
    key: 'k',
    row: received - 30,
    sent: received - 10,
    received,
    painted: null,
    ...rest,
  });

  it('add up to the way of the row', () => {
    const one = { row: 0, sent: 20, received: 25, painted: 40 };
    expect([legOf(one, 'to-server'), legOf(one, 'network'), legOf(one, 'paint')]).toEqual([20, 5, 15]);
    // The clock's offset is an estimate; nothing arrives before it left.
    expect(legOf({ ...one, received: 19 }, 'network')).toBe(0);
    expect(legOf({ ...one, painted: null }, 'paint')).toBeNull();
    // A writer's clock may run ahead, and that is told.
    expect(legOf({ ...one, row: 30 }, 'to-server')).toBe(-10);
  });

  it('have a median and a worst of the last minutes', () => {
    const samples = new Samples();
    for (const sent of [1, 9, 2, 4]) samples.note('anomalies', sample(1000, { sent: 1000 - sent }));
    expect(samples.summary('anomalies', 'network', 2000)).toEqual({ median: 3, worst: 9, count: 4 });
    samples.note('anomalies', sample(MEMORY_MS + 1000, { sent: MEMORY_MS + 900 }));
    expect(samples.summary('anomalies', 'network', MEMORY_MS + 1000)).toEqual({ median: 100, worst: 100, count: 1 });
    expect(samples.summary('funding_rates', 'network', 0)).toBeNull();
    expect(samples.summary('anomalies', 'paint', MEMORY_MS + 1000)).toBeNull();
  });

  it('are painted by the picture that was drawn after they came', () => {
    const samples = new Samples();
    const [a, b] = [sample(100), sample(200)];
    samples.note('anomalies', a);
    samples.note('anomalies', b);
    samples.paint(150, 160);
    expect([a.painted, b.painted]).toEqual([160, null]);
    samples.abandon();
    samples.paint(500, 500);
    expect(b.painted).toBeNull();
    expect(samples.newest('anomalies')).toBe(b);
    samples.forget();
    expect(samples.newest('anomalies')).toBeNull();
  });

  it('are bounded', () => {
    const samples = new Samples();
    for (let at = 0; at < 5000; at += 1) samples.note('anomalies', sample(at));
    expect(samples.summary('anomalies', 'network', 5000)?.count).toBe(600);
  });
});
