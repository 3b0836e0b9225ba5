/**
 * Whether what came in frames are rows of a stream, by its declaration. The same question as that of `row-schema.ts`, for where ten
 * thousand rows a second come in: a schema makes each row anew, this only looks at it.
 */
import type { ColumnKind, StreamName } from './streams.ts';
import { columnsOf, STREAM_NAMES, STREAMS } from './streams.ts';

/** A JSON object whose fields are not known. */
export type JsonObject = Readonly<Record<string, unknown>>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const isText = (cell: unknown): boolean => typeof cell === 'string';
/** JSON can write numbers that no double holds; those come as infinite. */
const isOrdinary = (cell: unknown): boolean => Number.isFinite(cell);
/** A number as JSON carries it (F8). */
const isNumber = (cell: unknown): boolean =>
  isOrdinary(cell) || cell === 'NaN' || cell === 'Infinity' || cell === '-Infinity';

const CHECKS: Readonly<Record<ColumnKind, (cell: unknown) => boolean>> = {
  integer: isNumber,
  decimal: isNumber,
  float: isNumber,
  text: isText,
  timestamp: isNumber,
  document: () => true,
};

interface Field {
  readonly name: string;
  readonly isCell: (cell: unknown) => boolean;
}

/** Fields of a stream's rows: those that none is without, and those that may be null or left out. */
interface Fields {
  readonly sure: readonly Field[];
  readonly others: readonly Field[];
}

function fieldsOf(name: StreamName): Fields {
  const stream = STREAMS[name];
  const sure = [
    { name: 'id', isCell: isOrdinary },
    { name: 'timestamp', isCell: isOrdinary },
    { name: stream.key.name, isCell: isText },
  ];
  const others = columnsOf(stream)
    .filter((column) => sure.every((field) => field.name !== column.name))
    .map((column) => ({ name: column.name, isCell: CHECKS[column.kind] }));
  return { sure, others };
}

const FIELDS: ReadonlyMap<string, Fields> = new Map(STREAM_NAMES.map((name) => [name, fieldsOf(name)]));

function isRow(row: unknown, { sure, others }: Fields): boolean {
  if (!isJsonObject(row)) return false;
  for (const { name, isCell } of sure) if (!isCell(row[name])) return false;
  for (const { name, isCell } of others) {
    const cell = row[name];
    if (cell !== null && cell !== undefined && !isCell(cell)) return false;
  }
  return true;
}

/** Whether these are rows of a stream, as frames of either detail have them. */
export function areRows(stream: string, rows: unknown): boolean {
  const fields = FIELDS.get(stream);
  return fields !== undefined && Array.isArray(rows) && rows.every((row) => isRow(row, fields));
}
