/** What is asked for before the page's script is there: how it is handed over, and how many columns are guessed. */
import { afterEach, expect, it, test, vi } from 'vitest';
import { type EarlyEvent, tellEarly } from '../../client/feed/early.ts';
import { columnsHeld } from '../../client/painters/span.ts';
import { guessColumns } from '../../client/ui/guess.ts';
import { bucketFor } from '../../shared/m4.ts';
import { STREAM_NAMES, type StreamName } from '../../shared/streams.ts';

const DAY = 86_400_000;

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const snapshot = (n: number): EarlyEvent => ({ type: 'frame', text: `{"type":"snapshot","n":${n}}` });
const delta = (n: number): EarlyEvent => ({ type: 'frame', text: `{"type":"delta","n":${n}}` });

it('tells all in order, the page having a turn after each piece of history, and listens when all is told', () => {
  vi.useFakeTimers();
  const heard: EarlyEvent[] = [{ type: 'opened' }, delta(1), snapshot(2), delta(3), snapshot(4)];
  const told: EarlyEvent[] = [];
  let listens = 0;
  tellEarly(
    heard,
    (event) => told.push(event),
    () => {
      listens += 1;
    },
  );
  expect(told).toEqual([{ type: 'opened' }, delta(1), snapshot(2)]);
  // What comes during the page's turn has its place after what is not told yet.
  heard.push(delta(5), { type: 'closed', code: 1006 });
  vi.advanceTimersToNextTimer();
  expect([told.length, listens]).toEqual([5, 0]);
  vi.advanceTimersToNextTimer();
  expect(told.slice(3)).toEqual([delta(3), snapshot(4), delta(5), { type: 'closed', code: 1006 }]);
  expect([heard, listens, vi.getTimerCount()]).toEqual([[], 1, 0]);
});

/** Device pixels of the widest plots, as a browser showed them with usual names; metrics have two units. */
const SEEN: readonly (readonly [window: number, columns: Partial<Record<StreamName, number>>])[] = [
  [
    1440,
    { funding_rates: 615, anomalies: 723, performance_metrics: 383, signal_predictions: 406, system_metrics: 268 },
  ],
  [
    1920,
    { funding_rates: 880, anomalies: 996, performance_metrics: 568, signal_predictions: 589, system_metrics: 362 },
  ],
  [
    1280,
    { funding_rates: 522, anomalies: 630, performance_metrics: 316, signal_predictions: 339, system_metrics: 222 },
  ],
  [800, { funding_rates: 581, anomalies: 689, performance_metrics: 581, signal_predictions: 596, system_metrics: 251 }],
  [390, { funding_rates: 237, anomalies: 289, performance_metrics: 253, system_metrics: 237 }],
];

test.each(SEEN)('a guess for a window of %i pixels is as good as what is seen there', (innerWidth, columns) => {
  vi.stubGlobal('innerWidth', innerWidth);
  vi.stubGlobal('devicePixelRatio', 1);
  for (const stream of STREAM_NAMES) {
    const seen = columns[stream];
    if (seen === undefined) continue;
    const guess = guessColumns(stream, DAY);
    expect(seen * bucketFor(DAY, guess), `${stream}: ${guess} show the range on ${seen}`).toBeGreaterThanOrEqual(DAY);
    expect(columnsHeld(guess, DAY), `${stream}: ${guess} fill ${seen}`).toBeGreaterThanOrEqual(seen);
  }
});
