/** When a wall loads itself anew: when it has to, and never in a circle, whatever its clocks do. */
import { describe, expect, it } from 'vitest';
import {
  ERRORS_MS,
  Leaps,
  MOST_ERRORS,
  noteReload,
  type Reloads,
  reloadWait,
  UNPAINTED_MS,
  Watchdog,
} from '../../client/wall/watchdog.ts';

const HOUR = 3_600_000;

/** A watchdog that is asked every second. */
class Page {
  now = 5000;
  hidden = false;
  paints = true;
  hears = true;
  readonly dog = new Watchdog(this.now);
  /** Lets seconds pass; gives the first ailment and after how many seconds it was seen. */
  pass(seconds: number): [string, number] | null {
    for (let i = 1; i <= seconds; i += 1) {
      this.now += 1000;
      if (this.hears) this.dog.heard(this.now);
      if (this.paints && !this.hidden) this.dog.painted(this.now);
      const ailment = this.dog.look(this.now, this.hidden);
      if (ailment !== null) return [ailment, i];
    }
    return null;
  }
}

describe('the watchdog', () => {
  it('leaves a page alone that paints, and one that has nothing to paint', () => {
    const page = new Page();
    expect(page.pass(7200)).toBeNull();
    page.paints = false;
    page.hears = false;
    expect(page.pass(7200)).toBeNull();
  });

  it('finds that nothing is painted of what comes', () => {
    const page = new Page();
    page.pass(100);
    page.paints = false;
    expect(page.pass(3600)).toEqual(['nothing is painted', UNPAINTED_MS / 1000]);
  });

  it('finds a page that never painted at all', () => {
    const page = new Page();
    page.paints = false;
    expect(page.pass(3600)?.[0]).toBe('nothing is painted');
  });

  it('waits for no paint of a hidden page, and gives it its time when it is shown', () => {
    const page = new Page();
    page.hidden = true;
    expect(page.pass(7200)).toBeNull();
    page.hidden = false;
    page.paints = false;
    expect(page.pass(3600)).toEqual(['nothing is painted', UNPAINTED_MS / 1000]);
  });

  it.each([HOUR, 48 * HOUR])('a sleep of %d ms is no fault; what comes after it is', (ms) => {
    const page = new Page();
    page.pass(10);
    page.now += ms;
    expect(page.pass(60)).toBeNull();
    page.now += ms;
    page.paints = false;
    expect(page.pass(3600)).toEqual(['nothing is painted', UNPAINTED_MS / 1000 + 1]);
  });

  it('a clock that is set back neither blinds it nor alarms it', () => {
    const page = new Page();
    page.pass(10);
    page.now -= HOUR;
    expect(page.pass(60)).toBeNull();
    page.paints = false;
    expect(page.pass(3600)?.[0]).toBe('nothing is painted');
  });

  it('forgives single errors, and not many at once', () => {
    const page = new Page();
    for (let i = 0; i < 20; i += 1) {
      page.dog.failed(page.now);
      expect(page.pass((ERRORS_MS / (MOST_ERRORS - 1) + 1000) / 1000)).toBeNull();
    }
    for (let i = 0; i < MOST_ERRORS; i += 1) page.dog.failed(page.now);
    expect(page.pass(1)).toEqual(['too many errors', 1]);
    expect(page.pass(60)?.[0]).toBe('too many errors');
    page.now += ERRORS_MS;
    expect(page.pass(60)).toBeNull();
  });
});

describe('reloads', () => {
  /** When a page that is broken for good reloads within `ms`, looking every second. */
  function reloadsWithin(ms: number): number[] {
    let last: Reloads | null = null;
    const at: number[] = [];
    for (let now = 1_000_000; now < 1_000_000 + ms; now += 1000) {
      if (reloadWait(last, now) > 0) continue;
      last = noteReload(last, now);
      at.push(now - 1_000_000);
    }
    return at;
  }

  it('come at once the first time, then less and less often, and never stop', () => {
    const at = reloadsWithin(24 * HOUR);
    expect(at.slice(0, 5)).toEqual([0, 20_000, 60_000, 140_000, 300_000]);
    const gaps = at.slice(1).map((time, index) => time - (at[index] ?? 0));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(30 * 60_000);
    expect(at.length).toBeLessThan(60);
    expect(at.at(-1)).toBeGreaterThan(23 * HOUR);
  });

  it('are forgiven after an hour without one', () => {
    const often = { count: 9, at: 0 };
    expect(noteReload(often, HOUR - 1).count).toBe(10);
    expect(noteReload(often, HOUR).count).toBe(1);
  });

  it('wait their time and no longer where the clock was set back, and go at once where it was set forward', () => {
    const last = { count: 1, at: 10 * HOUR };
    expect(reloadWait(last, 9 * HOUR)).toBe(20_000);
    expect(reloadWait(last, 11 * HOUR)).toBe(0);
  });
});

describe('leaps of time', () => {
  it('are seen whichever clock they are on, and no others', () => {
    const leaps = new Leaps();
    let [wall, steady] = [1_700_000_000_000, 1000];
    const look = (wallMs: number, steadyMs: number): boolean => {
      wall += wallMs;
      steady += steadyMs;
      return leaps.look(wall, steady);
    };
    expect(look(0, 0)).toBe(false);
    for (let i = 0; i < 100; i += 1) expect(look(1000 + (i % 7), 1000)).toBe(false);
    expect(look(HOUR, 1000), 'set forward, or asleep with a clock that stands still').toBe(true);
    expect(look(1000, 1000)).toBe(false);
    expect(look(-HOUR, 1000), 'set back').toBe(true);
    expect(look(1000, 1000)).toBe(false);
    expect(look(60_000, 60_000), 'held up, or asleep with a clock that goes on').toBe(true);
    expect(look(1000, 1000)).toBe(false);
  });
});
