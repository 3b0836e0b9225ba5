/** A request for history with everything worked out that its channels share. */
import type { StreamDeclaration } from '../../../shared/streams.ts';
import type { SnapshotRequest } from '../../feed/ports.ts';
import { minutesFrom, type Window as OpenWindow, windowOf } from '../../feed/window.ts';
import { type HistoryQueries, historyQueries } from '../history-sql.ts';
import type { Spacings } from './spacings.ts';

/** What a reader may ask for beside what a subscription can. */
export interface HistoryOptions {
  /** Rows from this time on (epoch ms) are left out; absent: none are, whatever their date. */
  readonly until?: number;
  /** False: neither counts by minute nor ages of lines are read. Default true. */
  readonly ages?: boolean;
  /** False: rollups are left alone. Default true. */
  readonly rollups?: boolean;
  /**
   * True: what a frame does not show yet but may show minutes later is read too: rows of lines that are whole from the
   * bucket's edge on, rows of minutes to come, and times of writing up to a minute after now. Default false.
   */
  readonly margins?: boolean;
  /** Remembers how far apart rows come; absent: that is read each time. */
  readonly spacings?: Spacings;
}

/** A range of time, which may have an end, and its buckets. */
export interface Window extends OpenWindow {
  /** Epoch ms, Infinity where rows of any later date are in it. */
  readonly to: number;
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
  readonly margins: boolean;
  readonly spacings: Spacings | null;
}

/** Works a request out. */
export function makePlan(stream: StreamDeclaration, request: SnapshotRequest, options: HistoryOptions): Plan {
  const { now, range, resolution } = request;
  return {
    stream,
    queries: historyQueries(stream),
    now,
    window:
      range.kind === 'latest'
        ? null
        : { ...windowOf(now, range.ms, resolution), to: options.until ?? Number.POSITIVE_INFINITY },
    minutesFrom: minutesFrom(now),
    ages: options.ages ?? true,
    rollups: options.rollups ?? true,
    margins: options.margins ?? false,
    spacings: options.spacings ?? null,
  };
}
