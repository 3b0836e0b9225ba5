/** The wall's turns and places: whatever its clocks do, it goes on, by one turn at a time, and stays on its screen. */
import { describe, expect, it } from 'vitest';
import { PATIENCE_MS, Rotation } from '../../client/wall/rotation.ts';
import { placeAt, SHIFT_MS } from '../../client/wall/shift.ts';

const HOUR = 3_600_000;

/** A rotation of three turns of 30 s, looked at every 250 ms on a clock that a test can bend. */
function wall({ turns = ['A', 'B', 'C'], rotateMs = 30_000, start = 1_000_000, isReady = (): boolean => true } = {}) {
  const rotation = new Rotation(rotateMs);
  rotation.setTurns(turns);
  let now = start;
  rotation.look(now, isReady());
  return {
    rotation,
    set(by: number) {
      now += by;
    },
    /** Lets time pass; gives what was shown, in order. */
    pass(ms: number): (string | null)[] {
      const shown = [rotation.current];
      for (let passed = 0; passed < ms; passed += 250) {
        now += 250;
        if (rotation.look(now, isReady())) shown.push(rotation.current);
      }
      return shown;
    },
  };
}

describe('the rotation', () => {
  it('goes through the turns in order, each for its time, and begins again', () => {
    const { pass } = wall();
    expect(pass(29_750)).toEqual(['A']);
    expect(pass(250)).toEqual(['A', 'B']);
    expect(pass(90_000)).toEqual(['B', 'C', 'A', 'B']);
  });

  it('holds still where it is told to, and with one turn alone', () => {
    expect(wall({ rotateMs: 0 }).pass(HOUR)).toEqual(['A']);
    expect(wall({ turns: ['A'] }).pass(HOUR)).toEqual(['A']);
    const held = wall({ rotateMs: 0 }).rotation;
    expect(held.next).toBeNull();
  });

  it('shows nothing while there are no turns, and the first when they come', () => {
    const { rotation, pass } = wall({ turns: [] });
    expect(pass(60_000)).toEqual([null]);
    rotation.setTurns(['A', 'B']);
    expect(pass(29_750)).toEqual(['A']);
    expect(pass(250)).toEqual(['A', 'B']);
  });

  it.each([1000, HOUR, 24 * HOUR, 365 * 24 * HOUR])('a clock set back by %d ms delays no turn', (ms) => {
    const { set, pass } = wall();
    pass(20_000);
    set(-ms);
    // The look that sees it may lose what passed just before it.
    expect(pass(10_500)).toEqual(['A', 'B']);
    expect(pass(30_000)).toEqual(['B', 'C']);
  });

  it.each([HOUR, 24 * HOUR, 365 * 24 * HOUR])(
    'a clock set forward by %d ms, or such a sleep, brings one turn and no more',
    (ms) => {
      const { set, pass } = wall();
      pass(10_000);
      set(ms);
      expect(pass(250)).toEqual(['A', 'B']);
      expect(pass(29_750)).toEqual(['B']);
      expect(pass(250)).toEqual(['B', 'C']);
    },
  );

  it('a clock that is set to and fro all the time lets it go on all the same', () => {
    const { rotation, set, pass } = wall();
    const seen = new Set<string | null>();
    for (let i = 0; i < 400; i += 1) {
      set(i % 2 === 0 ? -HOUR : HOUR / 2);
      pass(1000);
      seen.add(rotation.current);
    }
    expect([...seen].sort()).toEqual(['A', 'B', 'C']);
  });

  it('waits a while for a turn that is not ready, and goes on without it then', () => {
    let isReady = false;
    const { pass } = wall({ isReady: () => isReady });
    expect(pass(30_000 + PATIENCE_MS - 250)).toEqual(['A']);
    expect(pass(250)).toEqual(['A', 'B']);
    expect(pass(35_000)).toEqual(['B']);
    isReady = true;
    expect(pass(250)).toEqual(['B', 'C']);
  });

  it('keeps the turn that is shown when the list changes around it, and its time', () => {
    const { rotation, pass } = wall();
    pass(40_000);
    rotation.setTurns(['X', 'A', 'B', 'Y', 'C']);
    expect(rotation.current).toBe('B');
    expect(pass(20_000)).toEqual(['B', 'Y']);
  });

  it('keeps its place in the order when the turn that is shown is gone', () => {
    const { rotation, pass } = wall();
    pass(30_000);
    rotation.setTurns(['A', 'C']);
    expect(rotation.current).toBe('C');
    rotation.setTurns(['Z']);
    expect(rotation.current).toBe('Z');
    rotation.setTurns([]);
    expect(rotation.current).toBeNull();
  });
});

describe('the place of the picture', () => {
  it('begins in the middle and goes by single steps, for ever', () => {
    expect(placeAt(0, 6)).toEqual({ x: 0, y: 0 });
    for (let step = 0; step < 2000; step += 1) {
      const [from, to] = [placeAt(step, 6), placeAt(step + 1, 6)];
      expect(Math.abs(from.x - to.x) + Math.abs(from.y - to.y), `${step}`).toBe(1);
    }
  });

  it('never leaves its square, and comes through all of it equally often within six hours', () => {
    const visits = new Map<string, number>();
    const there = 2 * (13 * 13 - 1);
    for (let step = 0; step < there; step += 1) {
      const { x, y } = placeAt(step, 6);
      expect(Math.max(Math.abs(x), Math.abs(y))).toBeLessThanOrEqual(6);
      visits.set(`${x},${y}`, (visits.get(`${x},${y}`) ?? 0) + 1);
    }
    expect(visits.size).toBe(13 * 13);
    expect(Math.max(...visits.values())).toBe(2);
    expect(there * SHIFT_MS).toBeLessThan(6 * HOUR);
  });

  it('stays in the middle where it has nowhere to go', () => {
    expect(placeAt(17, 0)).toEqual({ x: 0, y: 0 });
  });
});
