/** Reads what the queries of `m4-sql.ts` packed: the kept rows of one line as columns, numbers as typed arrays. */
import { encodeCell } from '../../../shared/columns.ts';
import type { StreamDeclaration } from '../../../shared/streams.ts';
import { arrayCells, type BinaryCells } from '../binary-rows.ts';
import type { Cells } from '../queryable.ts';
import { isDrawn } from './m4-sql.ts';

/** Version of the packed form and of which hours are packed. Rollups of another version are void, and built anew. */
export const PACK_FORMAT = 4;

const BYTES = 8;
const COMMA = Buffer.from(',');
/** Upper and lower half of the bits that stand for null among numbers, and among times. */
const NULL_NUMBER = { high: 0x7ff8_0000, low: 1 };
const NULL_TIME = { high: 0x8000_0000, low: 1 };
/** Microseconds from 1970 to 2000, from which PostgreSQL counts. */
const MICROS_TO_2000 = 946_684_800_000_000;
/** What PostgreSQL sends for `infinity` and for `-infinity`. */
const INFINITE = { high: 0x7fff_ffff, low: 0xffff_ffff };
const MINUS_INFINITE = { high: 0x8000_0000, low: 0 };

/** A column of packed rows. */
export interface PackedColumn {
  /** The numbers to be reduced, NaN where the row has none; null for a column that is not drawn. */
  readonly numbers: Float64Array | null;
  /** The JSON fragment of a row's cell. */
  json(index: number): string;
}

/** Rows of one line in order of (timestamp, id), and how many rows its buckets had before the reduction. */
export interface PackedRows {
  readonly ids: Float64Array;
  /** Epoch ms; microseconds are the fraction. */
  readonly times: Float64Array;
  /** As the stream's values are declared. */
  readonly values: readonly PackedColumn[];
  /** Starts of buckets in epoch ms, and the rows in each; where the rows are all there are, each is one of its own. */
  readonly starts: Float64Array;
  readonly counts: Float64Array;
}

/**
 * Reads packs of a line, which are in order of time, as one: `columns` as the array's send function writes them. Null for
 * an empty array, which stands for more rows than were expected.
 */
export function unpack(stream: StreamDeclaration, packs: readonly Buffer[]): PackedRows | null {
  const [first = [], ...others] = packs.map(arrayCells);
  if (first.length === 0) return null;
  return readCells(stream, others.length === 0 ? first : joinCells(stream, [first, ...others]));
}

/** The cells of packs, end to end. Of those where every row is kept none has buckets, and of the others all have. */
function joinCells(stream: StreamDeclaration, packs: readonly BinaryCells[]): BinaryCells {
  const width = packs[0]?.length ?? 0;
  return Array.from({ length: width }, (_, at) => {
    const cells = packs.flatMap((pack) => pack[at] ?? []);
    const kind = stream.values[at - 2]?.kind;
    const isText = kind === 'decimal' || kind === 'text';
    if (cells.length === 0) return null;
    return Buffer.concat(isText ? cells.flatMap((cell, index) => (index === 0 ? cell : [COMMA, cell])) : cells);
  });
}

function readCells(stream: StreamDeclaration, cells: BinaryCells): PackedRows {
  const last = stream.values.length + 2;
  const { times } = instants(cells[1]);
  const isWhole = cells[last] == null;
  return {
    ids: doubles(cells[0]),
    times,
    values: stream.values.map((column, index): PackedColumn => {
      const cell = cells[index + 2];
      switch (column.kind) {
        case 'decimal':
          return decimalColumn(cell);
        case 'text': {
          const texts = splitJson(cell, times.length);
          return { numbers: null, json: typeof texts === 'string' ? () => texts : (at) => texts[at] ?? 'null' };
        }
        case 'timestamp':
          return timeColumn(cell);
        default:
          return numberColumn(cell, isDrawn(column));
      }
    }),
    starts: isWhole ? times : instants(cells[last]).times,
    counts: isWhole ? new Float64Array(times.length).fill(1) : doubles(cells[last + 1]),
  };
}

/** The same of rows as text: cells are id, timestamp and the values, as they are selected. */
export function packRows(stream: StreamDeclaration, rows: readonly Cells[]): PackedRows {
  const times = Float64Array.from(rows, ([, time]) => Number(time));
  return {
    ids: Float64Array.from(rows, ([id]) => Number(id)),
    times,
    values: stream.values.map((column, index): PackedColumn => {
      const cell = (row: Cells | undefined): string | null => row?.[index + 2] ?? null;
      return {
        numbers: isDrawn(column) ? Float64Array.from(rows, (row) => Number(cell(row) ?? Number.NaN)) : null,
        json: (at) => encodeCell(column.kind, cell(rows[at])),
      };
    }),
    starts: times,
    counts: new Float64Array(rows.length).fill(1),
  };
}

/** The rows of these indexes, which ascend. The buckets stay those of all. */
export function selectRows(rows: PackedRows, indexes: readonly number[]): PackedRows {
  const pick = (array: Float64Array): Float64Array => {
    const picked = new Float64Array(indexes.length);
    for (let at = 0; at < picked.length; at += 1) picked[at] = array[indexes[at] ?? 0] ?? Number.NaN;
    return picked;
  };
  return {
    ids: pick(rows.ids),
    times: pick(rows.times),
    values: rows.values.map(
      ({ numbers, json }): PackedColumn => ({
        numbers: numbers === null ? null : pick(numbers),
        json: (at) => json(indexes[at] ?? -1),
      }),
    ),
    starts: rows.starts,
    counts: rows.counts,
  };
}

/** One line's rows out of several packs that need not be in order; equal times stand in order of their ids. */
export function joinPacks(packs: readonly PackedRows[]): PackedRows {
  const [only] = packs;
  if (packs.length === 1 && only !== undefined) return only;
  const joined: PackedRows = {
    ids: concat(packs.map(({ ids }) => ids)),
    times: concat(packs.map(({ times }) => times)),
    values: (packs[0]?.values ?? []).map((column, at) => joinColumns(packs, column, at)),
    starts: concat(packs.map(({ starts }) => starts)),
    counts: concat(packs.map(({ counts }) => counts)),
  };
  const { ids, times } = joined;
  const compare = (a: number, b: number): number => (times[a] ?? 0) - (times[b] ?? 0) || (ids[a] ?? 0) - (ids[b] ?? 0);
  for (let at = 1; at < times.length; at += 1) {
    if (compare(at - 1, at) > 0) return selectRows(joined, Array.from(times.keys()).sort(compare));
  }
  return joined;
}

function joinColumns(packs: readonly PackedRows[], { numbers }: PackedColumn, at: number): PackedColumn {
  const parts = packs.map(({ values }) => values[at]);
  const ends: number[] = [];
  for (const { times } of packs) ends.push((ends.at(-1) ?? 0) + times.length);
  return {
    numbers: numbers === null ? null : concat(parts.map((part) => part?.numbers ?? new Float64Array())),
    json(index) {
      const pack = ends.findIndex((end) => index < end);
      return parts[pack]?.json(index - (ends[pack - 1] ?? 0)) ?? 'null';
    },
  };
}

function numberColumn(cell: Buffer | null | undefined, drawn: boolean): PackedColumn {
  const numbers = doubles(cell);
  // A number that is written into another array may lose what its bits say beside NaN, so nulls are noted now.
  const halves = new Uint32Array(numbers.buffer);
  const nulls = new Set<number>();
  for (let at = 0; at < numbers.length; at += 1) if (isAt(halves, at, NULL_NUMBER)) nulls.add(at);
  return { numbers: drawn ? numbers : null, json: jsonOf(numbers, nulls) };
}

function timeColumn(cell: Buffer | null | undefined): PackedColumn {
  const { times, nulls } = instants(cell);
  return { numbers: null, json: jsonOf(times, nulls) };
}

function jsonOf(numbers: Float64Array, nulls: ReadonlySet<number>): PackedColumn['json'] {
  return (index) => {
    const number = numbers[index];
    if (number === undefined || nulls.has(index)) return 'null';
    return Number.isFinite(number) ? String(number) : JSON.stringify(String(number));
  };
}

function decimalColumn(cell: Buffer | null | undefined): PackedColumn {
  const digits = cell == null ? [] : cell.toString('latin1').split(',');
  const numbers = new Float64Array(digits.length);
  for (let at = 0; at < numbers.length; at += 1) numbers[at] = digits[at] ? Number(digits[at]) : Number.NaN;
  return {
    numbers,
    json: (index) => encodeCell('decimal', digits[index] || null),
  };
}

const JSON_TEXT = /"(?:[^"\\]|\\.)*"|null/g;

/** Texts as the JSON of each: apart at the commas that stand between two of them. One text where all are the same. */
function splitJson(cell: Buffer | null | undefined, count: number): readonly string[] | string {
  if (cell == null) return [];
  const joined = cell.toString('utf8');
  // The unit of a metric, for instance: taking them apart would take longer than everything else.
  const first = joined.slice(0, (joined.length + 1) / count - 1);
  if (joined === `${first},`.repeat(count).slice(0, -1) && first.match(JSON_TEXT)?.[0] === first) return first;
  return joined.match(JSON_TEXT) ?? [];
}

/**
 * Times in epoch ms, and which of them are null. The quotient of whole microseconds is the double nearest to the time, which
 * a parsed decimal is too.
 */
function instants(cell: Buffer | null | undefined): { times: Float64Array; nulls: ReadonlySet<number> } {
  const times = doubles(cell);
  const halves = new Uint32Array(times.buffer);
  const nulls = new Set<number>();
  for (let at = 0; at < times.length; at += 1) {
    if (isAt(halves, at, NULL_TIME)) nulls.add(at);
    if (isAt(halves, at, INFINITE)) times[at] = Number.POSITIVE_INFINITY;
    else if (isAt(halves, at, MINUS_INFINITE)) times[at] = Number.NEGATIVE_INFINITY;
    else {
      const micros = ((halves[2 * at + 1] ?? 0) | 0) * 2 ** 32 + (halves[2 * at] ?? 0);
      times[at] = (micros + MICROS_TO_2000) / 1000;
    }
  }
  return { times, nulls };
}

/** Whether the 64 bits at an index are these. */
function isAt(halves: Uint32Array, at: number, { high, low }: typeof NULL_NUMBER): boolean {
  return halves[2 * at] === low && halves[2 * at + 1] === high;
}

/** Big-endian 64 bits each. */
function doubles(cell: Buffer | null | undefined): Float64Array {
  if (cell == null) return new Float64Array();
  const numbers = new Float64Array(cell.length / BYTES);
  const bytes = Buffer.from(numbers.buffer);
  cell.copy(bytes);
  bytes.swap64();
  return numbers;
}

function concat(arrays: readonly Float64Array[]): Float64Array {
  const joined = new Float64Array(arrays.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const array of arrays) {
    joined.set(array, at);
    at += array.length;
  }
  return joined;
}
