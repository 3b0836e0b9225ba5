/** A line's rows as columns of numbers that slide through time: typed arrays with slack, so that an append costs next to nothing. */
/** Rows as columns, in order of arrival: `times` in epoch ms, and one array a value column, all of one length. */
export interface Batch {
  readonly times: Float64Array;
  readonly columns: readonly Float64Array[];
}

const FIRST_CAPACITY = 64;

/** The rows of one line in order of time; rows of equal time stand in order of arrival. */
export class Columns {
  #times: Float64Array;
  #columns: Float64Array[];
  /** The rows are `[start, end)`; the slack lies on both sides. */
  #start = 0;
  #end = 0;

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

  /**
   * The rows as views into the arrays, valid until the next change. Appending leaves them as they are, sliding too.
   */
  view(): Batch {
    return {
      times: this.#times.subarray(this.#start, this.#end),
      columns: this.#columns.map((column) => column.subarray(this.#start, this.#end)),
    };
  }

  /** Adds rows where they belong: one pass from the back, which touches only what is newer than the oldest of them. */
  insert(batch: Batch): void {
    const { times, columns } = inOrder(batch);
    const count = times.length;
    if (count === 0) return;
    this.#reserve(count);
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

  /**
   * Drops the rows before `from` (epoch ms) but the last of them, from which the line comes into the window.
   *
   * @returns whether a row went.
   */
  slide(from: number): boolean {
    const before = this.#start;
    while (this.#start + 1 < this.#end && (this.#times[this.#start + 1] ?? from) < from) this.#start += 1;
    return this.#start > before;
  }

  /** Keeps only the rows of these indexes, which ascend. */
  keep(kept: readonly number[]): void {
    const { times, columns } = this.view();
    for (const array of [times, ...columns]) {
      // As the indexes ascend, no value is overwritten before it was moved.
      for (const [to, from] of kept.entries()) array[to] = array[from] ?? Number.NaN;
    }
    this.#end = this.#start + kept.length;
  }

  /** Makes room for `count` rows behind the last: by moving to the front where half is free, else by doubling. */
  #reserve(count: number): void {
    if (this.#end + count <= this.#times.length) return;
    const needed = this.length + count;
    const capacity = needed * 2 <= this.#times.length ? this.#times.length : Math.max(needed * 2, FIRST_CAPACITY);
    const move = (array: Float64Array): Float64Array => {
      // Into a new array in any case: views that were handed out must not change under a chart that draws them.
      const moved = new Float64Array(capacity);
      moved.set(array.subarray(this.#start, this.#end));
      return moved;
    };
    this.#times = move(this.#times);
    this.#columns = this.#columns.map(move);
    this.#end -= this.#start;
    this.#start = 0;
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
