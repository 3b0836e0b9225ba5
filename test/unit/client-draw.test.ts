/** One draw a frame over all that draws: what cannot be drawn is told, and keeps nothing else from being drawn. */
import { afterEach, expect, it, vi } from 'vitest';
import { drawAll, drawNever, drawSoon } from '../../client/draw.ts';

const told: unknown[] = [];
vi.stubGlobal('requestAnimationFrame', () => 0);
vi.stubGlobal('reportError', (error: unknown) => told.push(error));

afterEach(() => {
  drawAll();
  told.length = 0;
});

it('draws the others where one throws, and reports what it threw', () => {
  const drawn: string[] = [];
  const error = new Error('no canvas');
  drawSoon({ draw: () => drawn.push('first') });
  drawSoon({
    draw: () => {
      throw error;
    },
  });
  drawSoon({ draw: () => drawn.push('last') });
  drawAll();
  expect(drawn).toEqual(['first', 'last']);
  expect(told).toEqual([error]);
  drawAll();
  expect(drawn, 'each is drawn once').toHaveLength(2);
  expect(told).toHaveLength(1);
});

it('draws once what was asked for twice, and not what was taken back', () => {
  const drawn: string[] = [];
  const once = { draw: () => drawn.push('once') };
  const never = { draw: () => drawn.push('never') };
  for (const each of [once, never, once]) drawSoon(each);
  drawNever(never);
  drawAll();
  expect(drawn).toEqual(['once']);
});
