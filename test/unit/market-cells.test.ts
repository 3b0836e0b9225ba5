/** The overview's cells: where they lie, and that none is lost. */
import { describe, expect, test } from 'vitest';
import { countsWithin, fittingTier, GridLayout, TIERS, wallTier } from '../../client/market/layout.ts';

describe('cells', () => {
  const layouts = [
    new GridLayout([7, 0, 5, 1], true, 360, TIERS.small),
    new GridLayout([1000], false, 1402, TIERS.small),
    new GridLayout([3, 9], true, 90, TIERS.large),
    new GridLayout([], false, 500, TIERS.huge),
  ];

  test('neither overlap nor leave the width, and are found where they lie', () => {
    for (const layout of layouts) {
      let bottom = 0;
      for (let index = 0; index < layout.count; index += 1) {
        const rect = layout.rectOf(index);
        expect(rect.x).toBeGreaterThanOrEqual(0);
        expect(rect.x + rect.width).toBeLessThanOrEqual(layout.width);
        expect(layout.indexAt(rect.x, rect.y)).toBe(index);
        expect(layout.indexAt(rect.x + rect.width - 0.5, rect.y + rect.height - 0.5)).toBe(index);
        expect(layout.indexAt(rect.x + rect.width / 2, rect.y + rect.height + 1)).toBeNull();
        bottom = Math.max(bottom, rect.y + rect.height);
      }
      expect(layout.height).toBe(bottom);
      expect(layout.indexAt(5, layout.height + 50)).toBeNull();
      expect(layout.indexAt(5, -5)).toBeNull();
    }
  });

  test('are a row wide to the pixel', () => {
    for (const layout of layouts.filter(({ count, columns }) => count > columns)) {
      const last = layout.rectOf(layout.columns - 1);
      expect(last.x + last.width).toBe(layout.width);
    }
  });

  test('in sight are exactly those that the stretch touches, in whole rows', () => {
    for (const layout of layouts) {
      for (let top = -10; top < layout.height; top += 17) {
        const bottom = top + 100;
        const visible = layout.visible(top, bottom).flatMap(([from, to]) => {
          return Array.from({ length: to - from }, (_, i) => from + i);
        });
        const wanted = Array.from({ length: layout.count }, (_, i) => i).filter((index) => {
          const { y, height } = layout.rectOf(index);
          return y < bottom && y + height > top;
        });
        expect(visible).toEqual(expect.arrayContaining(wanted));
        expect(visible.length - wanted.length).toBeLessThanOrEqual(layout.columns);
      }
    }
  });

  test('lead the arrows across sections in their column, and no farther than the ends', () => {
    const [layout] = layouts;
    if (layout === undefined) throw new Error('no layout');
    expect(layout.columns).toBe(3);
    // Rows: 0 1 2 | 3 4 5 | 6, then (nothing), then 7 8 9 | 10 11, then 12.
    expect(layout.rows).toBe(6);
    expect(layout.move(4, 'ArrowDown', 5)).toBe(6);
    expect(layout.move(6, 'ArrowDown', 5)).toBe(7);
    expect(layout.move(11, 'ArrowDown', 5)).toBe(12);
    expect(layout.move(12, 'ArrowUp', 5)).toBe(10);
    expect(layout.move(9, 'ArrowUp', 5)).toBe(6);
    expect(layout.move(1, 'ArrowUp', 5)).toBe(1);
    expect(layout.move(12, 'ArrowDown', 5)).toBe(12);
    expect([layout.move(5, 'Home', 5), layout.move(5, 'End', 5)]).toEqual([0, 12]);
    expect([layout.move(0, 'ArrowLeft', 5), layout.move(12, 'ArrowRight', 5)]).toEqual([0, 12]);
    expect([layout.move(0, 'PageDown', 4), layout.move(8, 'PageUp', 3)]).toEqual([7, 4]);
  });

  test('are as large as lets all be seen, and small where that cannot be', () => {
    expect(fittingTier([5], false, 1400, 800).name).toBe('huge');
    expect(fittingTier([90], false, 1400, 800).name).toBe('large');
    expect(fittingTier([1000], false, 1400, 800).name).toBe('small');
  });

  test('on a wall are whole rows from the top', () => {
    const size = { width: 1880, height: 960 };
    const counts = countsWithin([900, 100], true, size, TIERS.wall);
    const shown = counts.filter((count) => count > 0);
    const layout = new GridLayout(shown, true, size.width, TIERS.wall);
    expect(layout.height).toBeLessThanOrEqual(size.height);
    expect(counts).toEqual([70, 0]);
    expect(countsWithin([3, 100], true, size, TIERS.wall)).toEqual([3, 56]);
  });

  test.each([1, 5, 26, 60, 200])('of a wall are as large as lets %i of them be seen, and fill it', (count) => {
    for (const [width, height] of [
      [1888, 940],
      [3800, 1900],
    ] as const) {
      const tier = wallTier([count], false, width, height);
      const layout = new GridLayout([count], false, width, tier);
      expect(tier.valueSize).toBeGreaterThanOrEqual(TIERS.wall.valueSize);
      if (tier === TIERS.wall) continue;
      expect(layout.height).toBeLessThanOrEqual(height);
      // Larger ones would not be seen all at once, or are as large as any.
      const isLargest = tier.nameSize >= 5 * TIERS.wall.nameSize;
      const larger = { ...tier, width: tier.width + 0.1 * TIERS.wall.width, height: tier.height * 1.1 };
      expect(isLargest || new GridLayout([count], false, width, larger).height > 0.7 * height).toBe(true);
    }
  });
});
