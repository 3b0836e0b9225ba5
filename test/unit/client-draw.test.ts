/** One draw a frame over all that draws: what cannot be drawn is told, and keeps nothing else from being drawn. */
import { afterEach, expect, it, vi } from 'vitest';
import { drawAll, drawFirst, drawNever, drawSoon } from '../../client/draw.ts';

const told: unknown[] = [];
/** The frames that the browser was asked for, by the number that it gave each. */
const frames = new Map<number, () => void>();
let asked = 0;
vi.stubGlobal('requestAnimationFrame', (action: () => void) => {
  asked += 1;
  frames.set(asked, action);
  return asked;
});
vi.stubGlobal('cancelAnimationFrame', (number: number) => frames.delete(number));
vi.stubGlobal('reportError', (error: unknown) => told.push(error));

afterEach(() => {
  drawAll();
  told.length = 0;
  vi.restoreAllMocks();
});

/** What the browser does for its next picture. */
function nextFrame(): void {
  const due = [...frames.values()];
  frames.clear();
  for (const action of due) action();
}

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

it('has the browser show the first that had something to draw before the others are drawn', () => {
  let now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  const drawn: string[] = [];
  const taking = (name: string, ms: number) => ({
    draw: () => {
      now += ms;
      drawn.push(name);
    },
  });
  drawSoon(taking('nothing', 0));
  drawSoon(taking('first', 20));
  drawSoon(taking('second', 20));
  drawFirst();
  expect(drawn).toEqual(['nothing', 'first']);
  drawSoon(taking('meanwhile', 0));
  // The picture with the first in it.
  nextFrame();
  expect(drawn).toEqual(['nothing', 'first']);
  nextFrame();
  expect(drawn).toEqual(['nothing', 'first', 'second', 'meanwhile']);
  nextFrame();
  expect([drawn.length, frames.size], 'nothing is left').toEqual([4, 0]);
});

it('asks for one frame however much waits, and for none where all was drawn at once', () => {
  for (let each = 0; each < 3; each += 1) drawSoon({ draw: () => undefined });
  expect(frames.size).toBe(1);
  drawAll();
  expect(frames.size).toBe(0);
});
