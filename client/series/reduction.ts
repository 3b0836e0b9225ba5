/**
 * Keeps one line as the server would send it, while its rows go on coming: a line with many more rows than its window has
 * buckets holds of each bucket only what can be seen. A reduction of what was reduced before and of the rows since is the
 * reduction of all of them, so that a bucket may be gone over again whenever rows came to it.
 */
import { bucketStart } from '../../shared/m4.ts';
import type { Batch, Columns } from './columns.ts';

/**
 * Rows are left out from so many times the buckets on. A line whose rows are about as many as its buckets would else have
 * left some out when a page that is loaded then has them all.
 */
const SLACK = 2;
/** The newest bucket, which still grows, is gone over when it has so many rows, and again whenever they have doubled. */
const OPEN_ROWS = 128;

/** The reduction of one line's columns. */
export class Reduction {
  readonly #columns: Columns;
  readonly #choose: (rows: Batch) => readonly number[];
  readonly #bucketMs: number;
  readonly #buckets: number;
  readonly #most: number;
  /** Whether every bucket is reduced. */
  #isReducing = false;
  /** Before this time (epoch ms) rows may have been left out, from it on none were. */
  #wholeFrom = Number.NEGATIVE_INFINITY;
  /** Start of the newest bucket; those before it are reduced. */
  #open = Number.NEGATIVE_INFINITY;
  #openLimit = OPEN_ROWS;

  /**
   * @param choose which rows to keep of whole buckets.
   * @param buckets how many the window has: a line with no more rows is whole.
   * @param most rows that the line may hold at all. Far more than its window can have: rows that are dated far ahead reach
   *   it, as their buckets have no end. The oldest buckets go then, and the newest rows are shown.
   */
  constructor(
    columns: Columns,
    choose: (rows: Batch) => readonly number[],
    bucketMs: number,
    buckets: number,
    most: number,
  ) {
    this.#columns = columns;
    this.#choose = choose;
    this.#bucketMs = bucketMs;
    this.#buckets = buckets;
    this.#most = most;
  }

  /** Whether rows are left out, or would be of a line that is loaded now: nobody is to take it for all the rows. */
  get isReduced(): boolean {
    return this.#wholeFrom > Number.NEGATIVE_INFINITY || this.#columns.length > this.#buckets;
  }

  /** The line was loaded. @param isReduced whether the server left rows out. */
  loaded(isReduced: boolean): void {
    if (!isReduced) {
      this.#isReducing = false;
      this.added(Number.NEGATIVE_INFINITY);
      return;
    }
    // The server has chosen in the same buckets: to choose again would be felt at a first visit, and choose the same.
    const last = this.#columns.lastTime ?? 0;
    this.#isReducing = true;
    this.#open = bucketStart(last, this.#bucketMs);
    this.#wholeFrom = Math.max(this.#wholeFrom, last + this.#bucketMs);
    this.#bound();
  }

  /**
   * Lets go the rows before `from`, the edge of a bucket (epoch ms). What is left may be whole again, as it would be if it
   * were loaded anew.
   */
  slide(from: number): void {
    this.#columns.slide(from);
    if (this.#wholeFrom > from) return;
    this.#wholeFrom = Number.NEGATIVE_INFINITY;
    if (this.#columns.length <= SLACK * this.#buckets) this.#isReducing = false;
  }

  /** Rows came, the oldest of which is dated `oldest` (epoch ms). */
  added(oldest: number): void {
    const last = this.#columns.lastTime;
    if (last === null || (!this.#isReducing && this.#columns.length <= SLACK * this.#buckets)) return;
    const from = this.#isReducing
      ? Math.min(bucketStart(oldest, this.#bucketMs), this.#open)
      : Number.NEGATIVE_INFINITY;
    this.#isReducing = true;
    const open = bucketStart(last, this.#bucketMs);
    if (from < open) {
      this.#thin(from, open);
      this.#openLimit = OPEN_ROWS;
    }
    this.#open = open;
    if (this.#columns.countFrom(open) > this.#openLimit) {
      this.#thin(open, open + this.#bucketMs);
      this.#openLimit = Math.max(OPEN_ROWS, 2 * this.#columns.countFrom(open));
    }
    this.#bound();
  }

  #thin(from: number, to: number): void {
    if (this.#columns.thin(from, to, this.#choose)) this.#wholeFrom = Math.max(this.#wholeFrom, to);
  }

  #bound(): void {
    if (this.#columns.length <= this.#most) return;
    const first = this.#columns.timeFromEnd(this.#most - 1);
    // The bucket that the limit falls into goes whole: a part of it would be another picture than all of it.
    if (first !== null) this.#columns.slide(bucketStart(first, this.#bucketMs) + this.#bucketMs);
  }
}
