/** Zooming, panning and choosing a stretch of time. */
import { describe, expect, test } from 'vitest';
import { zoomOfKey } from '../../client/gestures.ts';
import type { Zoom } from '../../client/view.ts';
import { LEAST_SPAN_MS, panBy, shownStretch, zoomBy, zoomOn } from '../../client/zoom/moves.ts';
import { seeded, seeds, withSeed } from '../support/random.ts';

const FILE = 'test/unit/client-zoom-moves.test.ts';
const HOUR = 3_600_000;
const bounds = { now: 1_800_000_000_000, rangeMs: 24 * HOUR };
const { now } = bounds;

describe('a zoom', () => {
  test('shows the stretch that was chosen', () => {
    const chosen = { from: now - 5 * HOUR, to: now - 4 * HOUR };
    expect(zoomOn(chosen, bounds)).toEqual({ spanMs: HOUR, to: chosen.to });
    expect(shownStretch(zoomOn(chosen, bounds), bounds)).toEqual(chosen);
  });

  test('that ends at the present follows it, whatever the pixel said', () => {
    expect(zoomOn({ from: now - HOUR, to: now - 10_000 }, bounds)).toEqual({ spanMs: HOUR - 10_000, to: null });
    expect(zoomOn({ from: now - HOUR, to: now + 60_000 }, bounds)?.to).toBeNull();
  });

  test('of the whole range is none', () => {
    expect(zoomOn({ from: now - 24 * HOUR, to: now }, bounds)).toBeNull();
    expect(zoomBy({ spanMs: 13 * HOUR, to: null }, 2, 1, bounds)).toBeNull();
  });

  test('is no shorter than can be drawn', () => {
    const zoom = zoomOn({ from: now - HOUR, to: now - HOUR + 3 }, bounds);
    expect(zoom?.spanMs).toBe(LEAST_SPAN_MS);
  });

  test('keeps the time under the pointer where it is', () => {
    const zoom: Zoom = { spanMs: 4 * HOUR, to: now - 8 * HOUR };
    const before = shownStretch(zoom, bounds);
    const at = (stretch: { from: number; to: number }): number => stretch.from + 0.3 * (stretch.to - stretch.from);
    for (const factor of [0.5, 0.9, 1.2]) {
      const after = shownStretch(zoomBy(zoom, factor, 0.3, bounds), bounds);
      expect(Math.abs(at(after) - at(before))).toBeLessThanOrEqual(1);
      expect(Math.abs((after.to - after.from) / (before.to - before.from) - factor)).toBeLessThan(0.001);
    }
  });

  test('pans into the past as far as one likes, and to the present and no farther', () => {
    let zoom = panBy(null, -0.5, bounds);
    expect(zoom).toEqual({ spanMs: 24 * HOUR, to: now - 12 * HOUR });
    for (let step = 0; step < 100; step += 1) zoom = panBy(zoom, -1, bounds);
    expect(zoom).toEqual({ spanMs: 24 * HOUR, to: now - 12 * HOUR - 100 * 24 * HOUR });
    for (let step = 0; step < 101; step += 1) zoom = panBy(zoom, 1, bounds);
    expect(zoom).toBeNull();
    expect(panBy({ spanMs: HOUR, to: now - HOUR / 2 }, 5, bounds)).toEqual({ spanMs: HOUR, to: null });
  });

  test('has its keys', () => {
    const half = zoomOfKey('+', null, bounds);
    expect(half).toEqual({ spanMs: 12 * HOUR, to: now - 6 * HOUR });
    expect(zoomOfKey('-', half ?? null, bounds)).toBeNull();
    expect(zoomOfKey('ArrowLeft', half ?? null, bounds)).toEqual({ spanMs: 12 * HOUR, to: now - 9 * HOUR });
    expect(zoomOfKey('ArrowRight', { spanMs: HOUR, to: null }, bounds)).toEqual({ spanMs: HOUR, to: null });
    expect([zoomOfKey('0', half ?? null, bounds), zoomOfKey('Escape', half ?? null, bounds)]).toEqual([null, null]);
    expect(zoomOfKey('x', half ?? null, bounds)).toBeUndefined();
  });

  test.each(seeds(20, [1]))('never leaves its bounds, seed %i', (seed) =>
    withSeed(seed, FILE, () => {
      const random = seeded(seed);
      let zoom: Zoom | null = null;
      for (let step = 0; step < 300; step += 1) {
        zoom =
          random() < 0.5
            ? zoomBy(zoom, 0.2 + random() * 2, random(), bounds)
            : panBy(zoom, (random() - 0.5) * 3, bounds);
        if (zoom === null) continue;
        expect(zoom.spanMs).toBeGreaterThanOrEqual(LEAST_SPAN_MS);
        expect(zoom.spanMs).toBeLessThanOrEqual(bounds.rangeMs);
        expect(zoom.to ?? now).toBeLessThanOrEqual(now);
      }
    }),
  );
});
