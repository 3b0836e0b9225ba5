/** What the feed core asks of the world around it. Everything here is an interface: the core has no I/O of its own. */
import type { Range } from '../../shared/range.ts';
import type { StreamRow } from '../../shared/rows.ts';
import type { SharedText } from './frames.ts';
import type { ReducedChannel } from './reduced.ts';

/** Time as the core sees it; tests bring their own. */
export interface Clock {
  /** Epoch ms. */
  now(): number;
  /** Runs `action` after `ms`; the result cancels it. */
  after(ms: number, action: () => void): () => void;
}

/**
 * A database snapshot as PostgreSQL prints it (`xmin:xmax:xip,...`), with the ids as bigint: every transaction below
 * `xmax` and not in `running` had ended when it was taken.
 */
export interface Snapshot {
  readonly xmin: bigint;
  readonly xmax: bigint;
  readonly running: readonly bigint[];
}

/**
 * A position in a stream's feed. Rows whose timestamp is at or above `bound` (epoch ms) were read up to `recent`, older
 * ones up to `all`; where there is no bound the two are the same snapshot. `run` names the run of the database server.
 * `highest` is the highest transaction id of the stream's rows up to here: ids above it may be handed out again after a
 * crash, ids up to it never.
 */
export interface Position {
  readonly run: string;
  readonly all: Snapshot;
  readonly recent: Snapshot;
  readonly bound: number | null;
  readonly highest: bigint;
}

/** What a look reads: `recent` leaves out rows older than the position's bound, `all` does not. */
export type Scope = 'recent' | 'all';

/** A row of the change log with the transaction that wrote it. */
export interface ChangedRow extends StreamRow {
  readonly xid: bigint;
}

/** Where a row stands in the order of its look: by transaction, then by id. */
export interface RowPlace {
  readonly xid: bigint;
  readonly id: string;
}

/** What a subscription wants of the past. */
export interface SnapshotRequest {
  /** Null: every key with rows in the range. */
  readonly keys: readonly string[] | null;
  readonly range: Range;
  /**
   * Number of buckets, or their width in ms; with the width also how many of them there are (`columns`), where a view is
   * a little wider than its range.
   */
  readonly resolution: { readonly points: number } | { readonly bucketMs: number; readonly columns?: number };
  /** Epoch ms that the range ends at (rows dated later are in it all the same). */
  readonly now: number;
  /** Most points (keys x buckets) that the answer may have; above it the reader throws `LimitError`. */
  readonly pointLimit: number;
}

/**
 * The history of one channel as it is sent. `span` is the JSON of the frame's members that change as time passes; `body`,
 * that of the others to the closing brace, is encoded once for all who ask for the same as long as no row changes it.
 */
export interface ChannelSnapshot {
  readonly key: string;
  readonly span: string;
  readonly body: SharedText;
}

/** Thrown by a reader when a request asks for more than it may; the message names the value and the limit. */
export class LimitError extends Error {}

/** A database snapshot that is kept open so that history can be read exactly as of `position`. */
export interface HeldPosition {
  readonly position: Position;
  /**
   * The channels of a request, in order of key (of asking, where it names keys). Windows come with what a frame does not
   * show yet, but may show minutes later: rows of whole lines from the edge of the first bucket on, rows of minutes to
   * come, and times of writing up to a minute after now. Throws LimitError.
   */
  channels(request: SnapshotRequest): AsyncIterable<ReducedChannel>;
  /** Lets the snapshot go. Safe to call twice. */
  release(): Promise<void>;
}

/** What it takes to keep the snapshot of a look open; given back by whoever has no use for it. */
export interface Reservation {
  release(): Promise<void>;
}

/** What a look found out beside the rows. */
export interface Look {
  /** The position that the look led to. */
  readonly position: Position;
  /** Whether transactions were in progress that may still commit rows behind a shut gate. */
  readonly unsettled: boolean;
  /** The snapshot of the look, kept open, where that was asked for. */
  readonly held: HeldPosition | null;
}

/** A look that could not start because another run of the database server answers; `at` is where that one stands. */
export interface OtherRun {
  readonly otherRun: Position;
}

/** The first position of a stream: nothing before it is owed. */
export interface Beginning {
  readonly position: Position;
  /** Epoch ms at which the newest row arrived, null where there is none. */
  readonly newestArrival: number | null;
}

/** Most rows of one batch. */
export const BATCH_ROWS = 1000;

/** A batch of a look, in (xid, id) order; no two of its frames are of the same channel. */
export interface Batch {
  readonly from: Position;
  readonly to: Position;
  readonly rows: readonly ChangedRow[];
}

/** Thrown where positions of one run of the database server are read by, and another run answers. */
export class OtherRunError extends Error {}

/** What was committed earlier, read again from the table. */
export interface Past {
  /**
   * The rows that are visible at `to` and were not at `from`, in (xid, id) order, in batches. Throws OtherRunError.
   *
   * @param after leaves out rows up to this place.
   * @param limit most rows that are read.
   */
  read(from: Position, to: Position, after: RowPlace | null, limit: number): AsyncIterable<readonly ChangedRow[]>;
  /** Whether a row of this transaction is in the table. */
  has(xid: bigint): Promise<boolean>;
}

/** A stream's table as a log of what was committed to it. Every method throws where the database does not answer. */
export interface ChangeLog {
  /** Null where the table cannot tell what was committed when. */
  readonly past: Past | null;
  begin(): Promise<Beginning>;
  /**
   * Hands every row that became visible since `from` to `sink`, in batches, exactly once.
   *
   * @param reservation where the look's snapshot is to be kept open; the caller releases what it becomes.
   */
  look(
    from: Position,
    scope: Scope,
    reservation: Reservation | null,
    sink: (batch: Batch) => void,
  ): Promise<Look | OtherRun>;
  /** Waits, as long as that takes, for what it needs to keep a snapshot open; looks go on meanwhile. */
  reserve(): Promise<Reservation>;
}
