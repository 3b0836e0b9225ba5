/** The course of an alert: cooldown, muting, what history says, and the kinds of rules that time ends. */
import { describe, expect, it } from 'vitest';
import { AlertEngine, EVENT_LASTS_MS, EVENT_NEWS_MS } from '../../client/alerts/engine.ts';
import type { Rule } from '../../client/alerts/rules.ts';
import type { Via } from '../../shared/protocol.ts';
import { anomaly, delta, funding, latency, MINUTE, START, Story, silence, snapshot } from '../support/alert-story.ts';

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
