/** A request for history with everything worked out that its channels share. */
import { bucketFor, bucketStart } from '../../../shared/m4.ts';
import type { StreamDeclaration } from '../../../shared/streams.ts';
import type { SnapshotRequest } from '../../feed/ports.ts';
import { type HistoryQueries, historyQueries } from '../history-sql.ts';

export const MINUTE_MS = 60_000;
/** Minutes whose rows are counted. */
export const MINUTES = 60;

/** What a reader may ask for beside what a subscription can. */
export interface HistoryOptions {
  /** Rows from this time on (epoch ms) are left out; absent: none are, whatever their date. */
  readonly until?: number;
  /** False: neither counts by minute nor ages of lines are read. Default true. */
  readonly ages?: boolean;
  /** False: rollups are left alone. Default true. */
  readonly rollups?: boolean;
}

/** A range of time and its buckets. */
export interface Window {
  /** Epoch ms: the start of the range, and the edge of a bucket at or before it, where it starts if it is reduced. */
  readonly from: number;
  readonly edge: number;
  /** Epoch ms, Infinity where rows of any later date are in it. */
  readonly to: number;
  readonly bucketMs: number;
  /** As many rows as this of one line are left as they are. */
  readonly buckets: number;
}

export interface Plan {
  readonly stream: StreamDeclaration;
  readonly queries: HistoryQueries;
  readonly now: number;
  /** Null for `latest`. */
  readonly window: Window | null;
  readonly minutesFrom: number;
  readonly ages: boolean;
  readonly rollups: boolean;
}

/** Works a request out. */
export function makePlan(stream: StreamDeclaration, request: SnapshotRequest, options: HistoryOptions): Plan {
  const { now, range, resolution } = request;
  return {
    stream,
    queries: historyQueries(stream),
    now,
    window: range.kind === 'latest' ? null : windowOf(now, range.ms, resolution, options.until),
    minutesFrom: (Math.floor(now / MINUTE_MS) - (MINUTES - 1)) * MINUTE_MS,
    ages: options.ages ?? true,
    rollups: options.rollups ?? true,
  };
}

function windowOf(
  now: number,
  rangeMs: number,
  resolution: SnapshotRequest['resolution'],
  until: number | undefined,
): Window {
  const from = now - rangeMs;
  const asked = 'points' in resolution ? bucketFor(rangeMs, resolution.points) : resolution.bucketMs;
  // Whoever asks for no width at all is refused for the number of its buckets.
  const bucketMs = Math.max(1, asked);
  const buckets =
    'points' in resolution ? resolution.points : asked > 0 ? Math.ceil(rangeMs / asked) : Number.POSITIVE_INFINITY;
  return { from, edge: bucketStart(from, bucketMs), to: until ?? Number.POSITIVE_INFINITY, bucketMs, buckets };
}
