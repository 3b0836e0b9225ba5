/** The JSON of a line in blocks is that of the line as it is, whatever of an earlier one it was put together of. */
import { expect, it } from 'vitest';
import { encodeRows, type LineRows, type LineText, sharedText } from '../../server/feed/line-text.ts';
import { seeded, seeds, withSeed } from '../support/random.ts';

const whole = ({ times, columns }: LineRows, first: number): readonly string[] =>
  [times, ...columns].map((column) => column.slice(first).join(','));

it('is the same whether it was encoded before or not, and what was is not encoded again', async () => {
  for (const seed of seeds(40)) {
    await withSeed(seed, 'test/unit/line-text.test.ts', () => {
      const random = seeded(seed);
      const below = (end: number): number => Math.floor(random() * (end + 1));
      let next = 0;
      const fresh = (count: number): number[] => Array.from({ length: count }, () => next++);
      const rowsOf = (times: readonly number[]): LineRows => ({ times, columns: [times.map((time) => `"${time}"`)] });
      let times = fresh(below(2000));
      let text: LineText = { blocks: [] };
      for (let step = 0; step < 20; step += 1) {
        const rows = rowsOf(times);
        const first = random() < 0.5 ? 0 : below(times.length);
        expect(encodeRows(rows, first, text)).toEqual(whole(rows, first));
        const gone = random() < 0.5 ? 0 : below(Math.min(300, times.length));
        // Often at the edge of a block, where one row more or less matters.
        const edge = gone + 256 * below(8) + below(2) - 1;
        const until = Math.min(times.length, Math.max(gone, random() < 0.5 ? edge : gone + below(times.length - gone)));
        const kept = sharedText(text, gone, until);
        text = { blocks: kept.blocks };
        times = [...times.slice(gone, until), ...fresh(below(4)), ...times.slice(until + below(3))];
      }
    });
  }
  const rows = { times: Array.from({ length: 600 }, (_, index) => index), columns: [] };
  const text: LineText = { blocks: [] };
  encodeRows(rows, 0, text);
  expect(sharedText(text, 0, 600).blocks.map(({ from, to }) => [from, to])).toEqual([
    [0, 256],
    [256, 512],
  ]);
  expect(sharedText(text, 10, 511).blocks).toEqual([]);
});
