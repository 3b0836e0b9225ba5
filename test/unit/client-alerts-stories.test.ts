/** Clocks that are set back, and thousands of seeded stories held to what may never be. */
import { describe, expect, it } from 'vitest';
import { isBeyond, isShown } from '../../client/alerts/phases.ts';
import {
  anomaly,
  delta,
  drawdown,
  funding,
  latency,
  MINUTE,
  START,
  Story,
  silence,
  snapshot,
} from '../support/alert-story.ts';
import { pick, seeded, seeds, withSeed } from '../support/random.ts';

const FILE = 'test/unit/client-alerts-stories.test.ts';

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
