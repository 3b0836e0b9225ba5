/** What a request for history covers, as the page asks for it: so many buckets, a little more than the range. */
import { describe, expect, it } from 'vitest';
import { edgeAfter, spanOf } from '../../client/painters/span.ts';
import { checkSubscribe, type FeedLimits } from '../../server/feed/requests.ts';
import { windowOf } from '../../server/feed/window.ts';
import { bucketFor, bucketStart } from '../../shared/m4.ts';

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 10, 22, 14, 2, 3, 123);
const LIMITS: FeedLimits = {
  keysPerSubscription: 10,
  keysPerConnection: 100,
  subscriptions: 10,
  points: 100_000,
  framesPerSecond: 50,
  errorsPerMinute: 20,
};

describe('history for a plot', () => {
  it.each([
    [7 * DAY, 1200],
    [7 * DAY, 731],
    [DAY, 2400],
    [DAY / 24, 377],
  ])('of %i ms on %i columns fills all of them', (rangeMs, columns) => {
    const bucketMs = bucketFor(rangeMs, columns);
    const span = spanOf(edgeAfter(NOW, bucketMs), bucketMs, columns);
    const window = windowOf(NOW, rangeMs, { bucketMs, columns });
    const from = Math.min(span.from, NOW - rangeMs);
    expect(window).toEqual({ from, edge: bucketStart(from, bucketMs), bucketMs, buckets: columns });
    expect(window.edge).toBeLessThanOrEqual(span.from);
    expect(NOW - window.from).toBeLessThan(1.1 * rangeMs + bucketMs);
  });

  it('begins with the range where no columns are asked for', () => {
    expect(windowOf(NOW, DAY, { bucketMs: 60_000 })).toMatchObject({ from: NOW - DAY, buckets: 1440 });
    expect(windowOf(NOW, DAY, { points: 1200 })).toMatchObject({ from: NOW - DAY, bucketMs: 75_000, buckets: 1200 });
  });

  it('F2 is asked for by points and bucket_ms together, as long as the range or up to a tenth longer', () => {
    const ask = (points: number, bucket_ms: number) =>
      checkSubscribe(
        { type: 'subscribe', id: 'a', stream: 'anomalies', keys: ['a'], range: '7d', points, bucket_ms },
        LIMITS,
      );
    expect(ask(1200, 540_000)).toMatchObject({ history: { resolution: { bucketMs: 540_000, columns: 1200 } } });
    expect(ask(1200, 504_000)).toMatchObject({ history: { resolution: { bucketMs: 504_000, columns: 1200 } } });
    expect(ask(1200, 503_999)).toMatchObject({ refused: 'bad_range' });
    expect(ask(1200, 556_000)).toMatchObject({ refused: 'bad_range' });
  });
});
