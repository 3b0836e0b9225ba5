/** How many rows a window has that holds only some of them. */
import { expect, it } from 'vitest';
import { Total } from '../../client/series/total.ts';

const HOUR = 3_600_000;

it('is what was loaded and what came since, less what has slid out of the window', () => {
  const total = new Total(1000, 100 * HOUR, 200 * HOUR);
  expect(total.count(100 * HOUR)).toBe(1000);
  expect(total.count(99 * HOUR)).toBe(1000);
  for (let i = 0; i < 30; i += 1) total.note(200 * HOUR + i * 60_000);
  total.note(150 * HOUR);
  expect(total.count(100 * HOUR)).toBe(1031);
  // A tenth of what was loaded is gone.
  expect(total.count(110 * HOUR)).toBe(931);
  expect(total.count(160 * HOUR)).toBe(430);
  expect(total.count(200 * HOUR)).toBe(30);
  expect(total.count(201 * HOUR)).toBe(0);
});
