/**
 * A checksum of what can be seen of a channel's rows: the server makes it of the table's rows and a page of those that it
 * holds, and both must be the same. Rows are reduced before (`reduce.ts`), as a page holds them reduced and the table does not.
 */
import { bucketStart } from './m4.ts';
import { isScatter, keeperOf, mostPoints } from './reduce.ts';
import type { StreamDeclaration, ValueColumn } from './streams.ts';

/** Rows of one line in order of time. */
export interface SummedLine {
  /** The series' name, null where there is none. */
  readonly name: string | null;
  /** Epoch ms, ascending. */
  readonly times: Float64Array;
  /** By the name of a value column that is a number: as long as `times`, NaN where a row has no finite number. */
  column(name: string): Float64Array;
}

/** What is summed: rows with `from <= timestamp < to` (epoch ms), both edges of buckets. */
export interface SummedSpan {
  readonly from: number;
  readonly to: number;
  /** Width of the buckets that rows are reduced to, in ms. */
  readonly bucketMs: number;
}

/** The sum of a part of the span. */
export interface PartSum {
  /** Epoch ms; the end is not in it. */
  readonly from: number;
  readonly to: number;
  /** Rows that were kept. */
  readonly rows: number;
  /** 16 hexadecimal digits. */
  readonly hash: string;
}

/** Most parts that a span is cut into. */
export const MOST_PARTS = 64;

/** The value columns that are summed: all that are numbers, in the order of the declaration. Texts are not held row by row. */
export function summedColumns(stream: StreamDeclaration): readonly ValueColumn[] {
  return stream.values.filter(({ kind }) => kind !== 'text');
}

/**
 * Points that stand out are all kept up to a number of them, beyond which the server thins them in a way of its own. A line
 * with no more rows than this is never thinned, so that its sum means something.
 *
 * @param rows of the line before any reduction, or at least as many as are held of it.
 */
export function isSummable(stream: StreamDeclaration, rows: number, { from, to, bucketMs }: SummedSpan): boolean {
  return !isScatter(stream) || rows <= mostPoints(Math.ceil((to - from) / bucketMs));
}

/**
 * Sums the lines of a channel over a span, which is cut into `parts` of about equal length, so that a difference has a place.
 * A sum is over the set of rows: in which order rows of the same time came is not part of it.
 */
export function sumLines(
  stream: StreamDeclaration,
  lines: readonly SummedLine[],
  span: SummedSpan,
  parts: number,
): readonly PartSum[] {
  const { from, to, bucketMs } = span;
  const edges = partEdges(span, parts);
  const sums = edges.slice(1).map(() => new RowSum());
  const keep = keeperOf(stream);
  const names = summedColumns(stream).map(({ name }) => name);
  for (const line of lines) {
    const [first, end] = [lowerBound(line.times, from), lowerBound(line.times, to)];
    if (first === end) continue;
    const times = line.times.subarray(first, end);
    const columns = new Map(names.map((name) => [name, line.column(name).subarray(first, end)]));
    const values = [...columns.values()];
    const seed = hashOfText(line.name);
    let part = 0;
    for (const index of keep({ times, column: (name) => columns.get(name) ?? new Float64Array() }, bucketMs)) {
      const time = times[index] ?? Number.NaN;
      while (part < sums.length - 1 && time >= (edges[part + 1] ?? Number.POSITIVE_INFINITY)) part += 1;
      sums[part]?.add(seed, time, values, index);
    }
  }
  return sums.map((sum, index) => ({
    from: edges[index] ?? from,
    to: edges[index + 1] ?? to,
    rows: sum.rows,
    hash: sum.hash,
  }));
}

/** The edges of parts, the ends of the span included: fewer parts where there are fewer buckets. */
function partEdges({ from, to, bucketMs }: SummedSpan, parts: number): readonly number[] {
  const buckets = Math.max(1, Math.round((to - from) / bucketMs));
  const count = Math.max(1, Math.min(parts, buckets, MOST_PARTS));
  return Array.from({ length: count + 1 }, (_, index) =>
    index === count ? to : from + Math.floor((index * buckets) / count) * bucketMs,
  );
}

/** Whether a time (epoch ms) is the edge of a bucket. */
export function isEdge(time: number, bucketMs: number): boolean {
  return bucketStart(time, bucketMs) === time;
}

/** Adds hashes of rows up: the sum of a set, 64 bits of it, in two halves that are mixed apart. */
class RowSum {
  rows = 0;
  #high = 0;
  #low = 0;

  /** @param seed of the line. */
  add(seed: number, time: number, values: readonly Float64Array[], index: number): void {
    let high = seed;
    let low = ~seed;
    const take = (value: number): void => {
      // NaN has many patterns of bits, and zero two: a chart shows no difference.
      scratch.setFloat64(0, Number.isFinite(value) ? value + 0 : Number.NaN);
      const upper = Number.isFinite(value) ? scratch.getUint32(0) : NO_NUMBER;
      const lower = Number.isFinite(value) ? scratch.getUint32(4) : NO_NUMBER;
      high = mix(mix(high, upper, 0xcc9e2d51), lower, 0x1b873593);
      low = mix(mix(low, lower, 0x85ebca6b), upper, 0xc2b2ae35);
    };
    take(time);
    for (const column of values) take(column[index] ?? Number.NaN);
    this.rows += 1;
    this.#high = (this.#high + finish(high)) >>> 0;
    this.#low = (this.#low + finish(low)) >>> 0;
  }

  get hash(): string {
    const digits = (half: number): string => half.toString(16).padStart(8, '0');
    return digits(this.#high) + digits(this.#low);
  }
}

const scratch = new DataView(new ArrayBuffer(8));
/** Stands for both halves of what is no finite number: these bits are a NaN, so that no number has them. */
const NO_NUMBER = 0xffff_ffff;

/** One step of MurmurHash3 (Austin Appleby, public domain), with a factor of the caller's. */
function mix(hash: number, word: number, factor: number): number {
  let scrambled = Math.imul(word, factor);
  scrambled = (scrambled << 15) | (scrambled >>> 17);
  const joined = hash ^ Math.imul(scrambled, 0x9e3779b1);
  return Math.imul((joined << 13) | (joined >>> 19), 5) + 0xe6546b64;
}

/** MurmurHash3's last step: each bit of the hash depends on every bit before it. */
function finish(hash: number): number {
  let mixed = hash;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** FNV-1a of a text's code units; null is a text of its own. */
function hashOfText(text: string | null): number {
  let hash = text === null ? 0x1234_5678 : 0x811c_9dc5;
  for (let at = 0; at < (text?.length ?? 0); at += 1) hash = Math.imul(hash ^ (text?.charCodeAt(at) ?? 0), 0x0100_0193);
  return hash | 0;
}

function lowerBound(times: Float64Array, time: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((times[middle] ?? 0) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}
