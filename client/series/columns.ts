/** A line's rows as columns of numbers that slide through time: typed arrays with slack, so that an append costs next to nothing. */

/** Rows as columns, in order of arrival: `times` in epoch ms, and one array a value column, all of one length. */
export interface Batch {
  readonly times: Float64Array;
  readonly columns: readonly Float64Array[];
}

const FIRST_CAPACITY = 64;
/** Arrays that have room for more than so many times their rows are replaced by smaller ones. */
const SPARE = 8;

/** The rows of one line in order of time; rows of equal time stand in order of arrival. */
export class Columns {
  #times: Float64Array;
  #columns: Float64Array[];
  /** The rows are `[start, end)`; the slack lies on both sides. */
  #start = 0;
  #end = 0;
  /** Whether a view of the arrays is out: a chart that holds still goes on drawing it, so that it must not change. */
  #isViewed = false;

  constructor(columnCount: number) {
    this.#times = new Float64Array(FIRST_CAPACITY);
    this.#columns = Array.from({ length: columnCount }, () => new Float64Array(FIRST_CAPACITY));
  }

  get length(): number {
    return this.#end - this.#start;
  }

  /** Time of the newest row by its own timestamp; null without rows. */
  get lastTime(): number | null {
    return this.length === 0 ? null : (this.#times[this.#end - 1] ?? null);
  }

  /** Rows that the arrays have room for, used or not: what they cost in memory. */
  get capacity(): number {
    return this.#times.length;
  }

  /** The rows from `from` on (epoch ms) as views into the arrays. They stay as they are whatever happens afterwards. */
  view(from = Number.NEGATIVE_INFINITY): Batch {
    this.#isViewed = true;
    return this.#slice(this.#bound(from), this.#end);
  }

  /** Adds rows where they belong: one pass from the back, which touches only what is newer than the oldest of them. */
  insert(batch: Batch): void {
    const { times, columns } = inOrder(batch);
    const count = times.length;
    if (count === 0) return;
    const isAppended = this.length === 0 || (this.#times[this.#end - 1] ?? Number.NaN) <= (times[0] ?? Number.NaN);
    if (this.#end + count > this.#times.length || (!isAppended && this.#isViewed)) this.#move(this.length + count);
    if (isAppended) {
      this.#times.set(times, this.#end);
      for (const [index, values] of columns.entries()) this.#columns[index]?.set(values, this.#end);
      this.#end += count;
      return;
    }
    let from = this.#end - 1;
    let to = this.#end + count - 1;
    this.#end += count;
    for (let next = count - 1; next >= 0; to -= 1) {
      const time = times[next] ?? Number.NaN;
      if (from >= this.#start && (this.#times[from] ?? Number.NaN) > time) {
        this.#times[to] = this.#times[from] ?? Number.NaN;
        for (const column of this.#columns) column[to] = column[from] ?? Number.NaN;
        from -= 1;
      } else {
        this.#times[to] = time;
        for (const [index, column] of this.#columns.entries()) column[to] = columns[index]?.[next] ?? Number.NaN;
        next -= 1;
      }
    }
  }

  /** Drops the rows before `from` (epoch ms). */
  slide(from: number): void {
    this.#start = this.#bound(from);
    this.#giveBack();
  }

  /** How many rows there are from `from` on (epoch ms). */
  countFrom(from: number): number {
    return this.#end - this.#bound(from);
  }

  /** The time of the row that has `count` rows after it (epoch ms); null where there is none. */
  timeFromEnd(count: number): number | null {
    return count < this.length ? (this.#times[this.#end - 1 - count] ?? null) : null;
  }

  /**
   * Keeps only some of the rows from `from` up to, not including, `to` (epoch ms).
   *
   * @param choose answers the indexes of the rows to keep, ascending.
   * @returns whether a row went.
   */
  thin(from: number, to: number, choose: (rows: Batch) => readonly number[]): boolean {
    const [first, end] = [this.#bound(from), this.#bound(to)];
    const kept = choose(this.#slice(first, end));
    if (kept.length === end - first) return false;
    const moved = first - this.#start;
    if (this.#isViewed) this.#move(this.length);
    const base = this.#start + moved;
    for (const array of [this.#times, ...this.#columns]) {
      // As the indexes ascend, no value is overwritten before it was moved.
      for (const [index, row] of kept.entries()) array[base + index] = array[base + row] ?? Number.NaN;
      array.copyWithin(base + kept.length, base + end - first, this.#end);
    }
    this.#end -= end - first - kept.length;
    this.#giveBack();
    return true;
  }

  /** What a burst needed for a moment must not be kept for days. */
  #giveBack(): void {
    if (this.#times.length > SPARE * Math.max(this.length, FIRST_CAPACITY)) this.#move(this.length);
  }

  #slice(start: number, end: number): Batch {
    return {
      times: this.#times.subarray(start, end),
      columns: this.#columns.map((column) => column.subarray(start, end)),
    };
  }

  /** Place of the first row at or after `time` (epoch ms). */
  #bound(time: number): number {
    let low = this.#start;
    let high = this.#end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#times[middle] ?? 0) < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Moves the rows to the front of new arrays, which have room for twice `needed` rows and are in nobody's view. */
  #move(needed: number): void {
    const capacity = Math.max(2 * needed, FIRST_CAPACITY);
    const move = (array: Float64Array): Float64Array => {
      const moved = new Float64Array(capacity);
      moved.set(array.subarray(this.#start, this.#end));
      return moved;
    };
    this.#times = move(this.#times);
    this.#columns = this.#columns.map(move);
    this.#end -= this.#start;
    this.#start = 0;
    this.#isViewed = false;
  }
}

/** The batch in order of time, rows of equal time as they came; the batch itself where it is so already. */
function inOrder(batch: Batch): Batch {
  const { times } = batch;
  let sorted = true;
  for (let i = 1; i < times.length && sorted; i += 1) sorted = (times[i - 1] ?? 0) <= (times[i] ?? 0);
  if (sorted) return batch;
  const order = Array.from(times, (_, index) => index).sort((a, b) => (times[a] ?? 0) - (times[b] ?? 0));
  const arrange = (array: Float64Array): Float64Array =>
    Float64Array.from(order, (index) => array[index] ?? Number.NaN);
  return { times: arrange(times), columns: batch.columns.map(arrange) };
}
