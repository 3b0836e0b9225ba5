/** The list of anomalies: what the page holds and older pages make one list, of one symbol. */
import { describe, expect, test } from 'vitest';
import type { StreamView } from '../../client/model.ts';
import {
  type Anomaly,
  heldAnomalies,
  MOST_LISTED,
  stands,
  withHeld,
  withOlder,
} from '../../client/reading/anomalylist.ts';
import { pick, seeded, seeds, withSeed } from '../support/random.ts';
import { lineView } from '../support/reading-lines.ts';

const FILE = 'test/unit/reading-anomalies.test.ts';

function viewOf(channels: Readonly<Record<string, readonly Anomaly[]>>): StreamView {
  return {
    stream: 'anomalies',
    state: 'live',
    off: null,
    range: '24h',
    bucketMs: 1000,
    lostFrom: null,
    arrivedAt: null,
    version: 1,
    channels: Object.entries(channels).map(([key, rows]) => ({
      stream: 'anomalies',
      key,
      rowsLastHour: 0,
      reduced: false,
      lines: [...new Set(rows.map(({ type }) => type))].map((type) => {
        const own = rows.filter((row) => row.type === type).sort((a, b) => a.time - b.time);
        return lineView(
          type,
          own.map(({ time }) => time),
          {
            value: own.map(({ value }) => value),
            z_score: own.map(({ z }) => z),
            threshold: own.map(({ threshold }) => threshold),
          },
        );
      }),
    })),
  };
}

const row = (time: number, more: Partial<Anomaly> = {}): Anomaly => ({
  time,
  type: 'volume',
  value: 1,
  z: 4,
  threshold: 3,
  ...more,
});

describe('what the page holds', () => {
  test('is listed newest first, of one symbol and never of another', () => {
    const view = viewOf({ 'BTC/USDT': [row(1), row(3, { type: 'price' }), row(2)], 'ETH/USDT': [row(9)] });
    expect(heldAnomalies(view, 'BTC/USDT').map(({ time }) => time)).toEqual([3, 2, 1]);
    expect(heldAnomalies(view, 'SOL/USDT')).toEqual([]);
  });

  test('is bounded', () => {
    const many = Array.from({ length: MOST_LISTED + 500 }, (_, i) => row(i));
    const held = heldAnomalies(viewOf({ X: many, Y: many }), 'X');
    expect(held).toHaveLength(MOST_LISTED);
    expect(held[0]?.time).toBe(MOST_LISTED + 499);
  });

  test('stands out by its own threshold, or by the usual one', () => {
    expect(stands(row(1, { z: -3, threshold: Number.NaN }))).toBe(true);
    expect(stands(row(1, { z: 3.9, threshold: 4 }))).toBe(false);
  });
});

describe('the list', () => {
  test('keeps what slid out of the window, and takes what comes', () => {
    const first = withHeld([], [row(3), row(2), row(1)]);
    const next = withHeld(first, [row(5), row(3)]);
    expect(next.map(({ time }) => time)).toEqual([5, 3, 2, 1]);
    expect(withHeld(next, [])).toBe(next);
  });

  test('never grows beyond its bound, and lets the oldest go', () => {
    let list: readonly Anomaly[] = [];
    for (let from = 0; from < 4 * MOST_LISTED; from += 1000)
      list = withHeld(
        list,
        Array.from({ length: 1000 }, (_, i) => row(from + 999 - i)),
      );
    expect(list).toHaveLength(MOST_LISTED);
    expect(list[0]?.time).toBe(4 * MOST_LISTED - 1);
    expect(withOlder(list, [row(-5)])).toHaveLength(MOST_LISTED);
  });

  test('takes an older page that begins with rows that it has', () => {
    const list = [row(5), row(3), row(3, { z: 5 })];
    const page = [row(3, { z: 5 }), row(3), row(3), row(2)];
    // Two equal rows are two rows.
    expect(withOlder(list, page).map(({ time }) => time)).toEqual([5, 3, 3, 3, 2]);
  });

  test('of what is held and pages of any size is the table, row for row', async () => {
    for (const seed of seeds(100)) {
      await withSeed(seed, FILE, () => {
        const random = seeded(seed);
        const table = Array.from({ length: 60 }, () =>
          row(Math.floor(random() * 25), { type: pick(random, ['a', 'b', null]), z: Math.floor(random() * 3) }),
        ).sort((a, b) => b.time - a.time);
        const edge = 12 + Math.floor(random() * 8);
        let list = withHeld([], heldAnomalies(viewOf({ X: table.filter(({ time }) => time >= edge) }), 'X'));
        for (;;) {
          const last = list.at(-1)?.time ?? Number.POSITIVE_INFINITY;
          const rest = table.filter(({ time }) => time <= last);
          // A page is at least as long as the rows of one instant, as the server's is.
          const end = rest[5 + Math.floor(random() * 9)]?.time ?? Number.NEGATIVE_INFINITY;
          const page = rest.filter(({ time }) => time >= end);
          const next = withOlder(list, page);
          if (next.length === list.length && end === Number.NEGATIVE_INFINITY) break;
          list = next;
          if (end === Number.NEGATIVE_INFINITY) break;
        }
        const text = (rows: readonly Anomaly[]): string[] =>
          rows.map(({ time, type, z }) => `${time} ${type} ${z}`).sort();
        expect(text(list)).toEqual(text(table));
      });
    }
  });
});
