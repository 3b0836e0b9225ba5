/** Where the picture stands on the screen: it wanders by single pixels, so that nothing burns in. Pure. */

/** How long it stands in one place, in ms. */
export const SHIFT_MS = 60_000;

/** A place of the picture, in steps from its middle. */
export interface Place {
  readonly x: number;
  readonly y: number;
}

/**
 * The place at a step (a whole number from 0 on): a way through every point of a square of `reach` steps on all sides,
 * each beside the one before, there and back again, beginning in the middle.
 */
export function placeAt(step: number, reach: number): Place {
  const side = 2 * reach + 1;
  const points = side * side;
  if (points === 1) return { x: 0, y: 0 };
  const middle = (points - 1) / 2;
  const along = (((step + middle) % (2 * points - 2)) + 2 * points - 2) % (2 * points - 2);
  const point = along < points ? along : 2 * points - 2 - along;
  const row = Math.floor(point / side);
  const column = point % side;
  return { x: (row % 2 === 0 ? column : side - 1 - column) - reach, y: row - reach };
}
