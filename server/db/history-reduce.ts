/**
 * Collects the rows of one line as they stream out of the database, and reduces them to what can be seen while they come:
 * memory holds what is kept and a batch, never the whole history.
 */
import { m4 } from '../../shared/m4.ts';
import type { StreamDeclaration } from '../../shared/streams.ts';
import type { Cells } from './queryable.ts';

/** Which of a line's rows to keep, as ascending indexes. Keeping from what was kept before must give the same again. */
type Keep = (times: readonly number[], rows: readonly Cells[]) => readonly number[];

/** Values that are drawn as lines. Times grow along the line, so their extremes are its ends, which are kept anyway. */
const DRAWN = new Set(['integer', 'decimal', 'float']);
/** A row without a threshold of its own is held against this many standard deviations. */
const USUAL_THRESHOLD = 3;
/** Rows that may gather before they are reduced the first time. */
const BATCH = 4_096;

/**
 * Which rows of a stream a bucket keeps: of a line, M4 over its numeric values; of anomalies, which are drawn as points,
 * every row at or above its threshold and the strongest of those below.
 *
 * @param offset position of the first value column in the rows' cells.
 */
export function keeperOf(stream: StreamDeclaration, bucketMs: number, offset: number): Keep {
  const position = (name: string): number => offset + stream.values.findIndex((column) => column.name === name);
  if (stream.name === 'anomalies') return strongest(position('z_score'), position('threshold'), bucketMs);
  const drawn = stream.values.flatMap(({ kind }, index) => (DRAWN.has(kind) ? [offset + index] : []));
  return (times, rows) => m4({ times, values: drawn.map((at) => rows.map((row) => finite(row[at]))) }, bucketMs);
}

/** The number that a chart draws; what it cannot draw must not push what it can out of its bucket. */
function finite(text: string | null | undefined): number | null {
  if (text == null) return null;
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}

function strongest(score: number, threshold: number, bucketMs: number): Keep {
  return (times, rows) => {
    const kept: number[] = [];
    let bucket = Number.NaN;
    let best = -1;
    let bestStrength = -1;
    const close = (): void => {
      if (best >= 0) kept.push(best);
      best = -1;
      bestStrength = -1;
    };
    rows.forEach((row, index) => {
      const own = Math.floor((times[index] ?? 0) / bucketMs);
      if (own !== bucket) close();
      bucket = own;
      const strength = Math.abs(Number(row[score] ?? Number.NaN));
      const limit = Number(row[threshold] ?? USUAL_THRESHOLD);
      if (strength >= (Number.isNaN(limit) ? USUAL_THRESHOLD : limit)) kept.push(index);
      // NaN is no strength at all, but stands for its bucket where nothing else does.
      else if (best < 0 || strength > bestStrength) {
        best = index;
        bestStrength = Number.isNaN(strength) ? -1 : strength;
      }
    });
    close();
    return kept.sort((a, b) => a - b);
  };
}

/** One line while its rows come in, in order of time. */
export class LineCollector {
  readonly name: string | null;
  readonly #keep: Keep;
  readonly #most: number;
  #times: number[] = [];
  #rows: Cells[] = [];
  #total = 0;
  #room: number;

  /** @param most how many rows a line may have and still be sent as it is. */
  constructor(name: string | null, most: number, keep: Keep) {
    this.name = name;
    this.#most = most;
    this.#keep = keep;
    this.#room = Math.max(BATCH, 2 * most);
  }

  /** @param time the row's timestamp in epoch ms, not before that of the row added last. */
  add(time: number, row: Cells): void {
    this.#times.push(time);
    this.#rows.push(row);
    this.#total += 1;
    if (this.#rows.length < this.#room) return;
    this.#reduce();
    this.#room = Math.max(BATCH, 2 * this.#most, 2 * this.#rows.length);
  }

  /** The rows to send, and whether any was left out for want of pixels. */
  finish(): { readonly rows: readonly Cells[]; readonly reduced: boolean } {
    const reduced = this.#total > this.#most;
    if (reduced) this.#reduce();
    return { rows: this.#rows, reduced };
  }

  #reduce(): void {
    const kept = this.#keep(this.#times, this.#rows);
    this.#times = kept.map((index) => this.#times[index] ?? Number.NaN);
    this.#rows = kept.map((index) => this.#rows[index] ?? []);
  }
}
