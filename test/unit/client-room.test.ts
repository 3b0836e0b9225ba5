/** How much room labels and axes have, whose need changes with every digit. */
import { expect, it } from 'vitest';
import { createRoom } from '../../client/painters/room.ts';

const MINUTE = 60_000;

it('grows at once, stays for who needs a little less, and is another for who needs much less', () => {
  const room = createRoom();
  expect([40, 56, 48, 32, 40, 31].map((needed, second) => room(needed, 1000 * second))).toEqual([
    40, 56, 56, 56, 56, 31,
  ]);
});

it('is let go after some minutes in which less was needed, as far as that was', () => {
  const room = createRoom();
  room(56, 0);
  expect(room(40, MINUTE)).toBe(56);
  expect(room(48, 9 * MINUTE)).toBe(56);
  // It was needed at the time's beginning, which the first time ends with.
  expect(room(40, 11 * MINUTE)).toBe(56);
  expect(room(48, 15 * MINUTE)).toBe(56);
  expect(room(40, 22 * MINUTE)).toBe(48);
  expect(room(40, 33 * MINUTE)).toBe(40);
});

it('is not let go for who needs it now and then: another width is another history to load', () => {
  const room = createRoom();
  const widths = Array.from({ length: 600 }, (_, minute) => room(minute % 9 === 0 ? 56 : 48, minute * MINUTE));
  expect(new Set(widths)).toEqual(new Set([56]));
});
