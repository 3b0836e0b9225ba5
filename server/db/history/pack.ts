/**
 * Reads what the queries of `m4-sql.ts` packed: the kept rows of one line as columns, numbers as typed arrays. Several
 * packs of a line are read at once where their bytes were joined in the order of time.
 */
import { encodeCell } from '../../../shared/columns.ts';
import type { StreamDeclaration } from '../../../shared/streams.ts';
import type { Cells } from '../queryable.ts';
import { isDrawn } from './m4-sql.ts';

/** Version of the packed form. Rollups of another version are void, and built anew. */
export const PACK_FORMAT = 2;

const BYTES = 8;
/** Upper half of `NULL_NUMBER`'s bits, and its lower half. */
const NULL_HIGH = 0x7ff8_0000;
const NULL_LOW = 1;

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

/** Reads cells as `packCells` selects them; null columns are those of no rows. */
export function readPack(stream: StreamDeclaration, cells: Cells): PackedRows {
  const last = stream.values.length + 2;
  const times = millis(cells[1]);
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
        default:
          return numberColumn(cell, isDrawn(column));
      }
    }),
    starts: isWhole ? times : millis(cells[last]),
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

function numberColumn(cell: string | null | undefined, drawn: boolean): PackedColumn {
  const numbers = doubles(cell);
  // A number that is written into another array may lose what its bits say beside NaN, so nulls are noted now.
  const halves = new Uint32Array(numbers.buffer);
  const nulls = new Set<number>();
  for (let at = 0; at < numbers.length; at += 1) {
    if (halves[2 * at] === NULL_LOW && halves[2 * at + 1] === NULL_HIGH) nulls.add(at);
  }
  return {
    numbers: drawn ? numbers : null,
    json(index) {
      const number = numbers[index];
      if (number === undefined || nulls.has(index)) return 'null';
      return Number.isFinite(number) ? String(number) : JSON.stringify(String(number));
    },
  };
}

function decimalColumn(cell: string | null | undefined): PackedColumn {
  const digits = cell == null ? [] : textOf(cell).split(',');
  const numbers = new Float64Array(digits.length);
  for (let at = 0; at < numbers.length; at += 1) numbers[at] = digits[at] ? Number(digits[at]) : Number.NaN;
  return {
    numbers,
    json: (index) => encodeCell('decimal', digits[index] || null),
  };
}

const JSON_TEXT = /"(?:[^"\\]|\\.)*"|null/g;

/** Texts as the JSON of each: apart at the commas that stand between two of them. One text where all are the same. */
function splitJson(cell: string | null | undefined, count: number): readonly string[] | string {
  if (cell == null) return [];
  const joined = textOf(cell);
  // The unit of a metric, for instance: taking them apart would take longer than everything else.
  const first = joined.slice(0, (joined.length + 1) / count - 1);
  if (joined === `${first},`.repeat(count).slice(0, -1) && first.match(JSON_TEXT)?.[0] === first) return first;
  return joined.match(JSON_TEXT) ?? [];
}

function textOf(hex: string): string {
  return Buffer.from(hex, 'hex').toString('utf8');
}

/** Microseconds to ms: the quotient is the double nearest to the time, which a parsed decimal is too. */
function millis(cell: string | null | undefined): Float64Array {
  const times = doubles(cell);
  for (let at = 0; at < times.length; at += 1) times[at] = (times[at] ?? 0) / 1000;
  return times;
}

/** Big-endian doubles out of their hexadecimal digits. */
function doubles(hex: string | null | undefined): Float64Array {
  if (hex == null) return new Float64Array();
  const numbers = new Float64Array(hex.length / (2 * BYTES));
  const bytes = Buffer.from(numbers.buffer);
  bytes.write(hex, 'hex');
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
