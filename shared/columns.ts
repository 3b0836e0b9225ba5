/**
 * What each kind of column is on its way: PostgreSQL type -> select expression -> JSON fragment -> number in a chart.
 * The database's own text of a number is passed through untouched, so that no digit of a decimal is lost on the way.
 */
import type { Column, ColumnKind, StreamDeclaration } from './streams.ts';
import { columnsOf } from './streams.ts';

/** Documents longer than this many bytes are replaced in frames by `{"omitted_bytes": n}` (F9). */
export const DOCUMENT_LIMIT_BYTES = 16_384;

/** PostgreSQL types (as `format_type` prints them, without modifiers) that a column of a kind may have. */
const ACCEPTED_TYPES: Readonly<Record<ColumnKind, readonly string[]>> = {
  integer: ['smallint', 'integer', 'bigint'],
  decimal: ['numeric', 'double precision', 'real', 'smallint', 'integer', 'bigint'],
  float: ['double precision', 'real', 'numeric', 'smallint', 'integer', 'bigint'],
  text: ['character varying', 'text', 'character'],
  timestamp: ['timestamp with time zone'],
  document: ['jsonb', 'json'],
};

/** The PostgreSQL types that serve for a column kind, the declared one first. */
export function acceptedTypes(kind: ColumnKind): readonly string[] {
  return ACCEPTED_TYPES[kind];
}

/** Quotes an SQL identifier. Only names out of the stream declarations come here. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * The expression that reads a column as text: times as epoch milliseconds with microseconds as a fraction, documents as
 * their JSON text or, above `documentLimit` bytes, as `{"omitted_bytes": n}`. Pass Infinity to have documents whole.
 */
export function selectExpression(column: Column, documentLimit = DOCUMENT_LIMIT_BYTES): string {
  const name = quoteIdentifier(column.name);
  switch (column.kind) {
    case 'timestamp':
      return `(extract(epoch from ${name}) * 1000)::text`;
    case 'document':
      return Number.isFinite(documentLimit)
        ? `case when octet_length(${name}::text) > ${documentLimit}` +
            ` then '{"omitted_bytes": ' || octet_length(${name}::text) || '}' else ${name}::text end`
        : `${name}::text`;
    default:
      return `${name}::text`;
  }
}

/** The SELECT list of a stream: one text expression a column, in the order of `columnsOf`. */
export function selectList(stream: StreamDeclaration, documentLimit = DOCUMENT_LIMIT_BYTES): string {
  return columnsOf(stream)
    .map((column) => `${selectExpression(column, documentLimit)} as ${quoteIdentifier(column.name)}`)
    .join(', ');
}

/** `2024.500000` -> `2024.5`; a number's text without a fraction of zeros. */
function trimFraction(text: string): string {
  if (!text.includes('.')) return text;
  let end = text.length;
  while (text.charCodeAt(end - 1) === 48) end -= 1;
  if (text.charCodeAt(end - 1) === 46) end -= 1;
  return text.slice(0, end);
}

/**
 * Encodes the text that PostgreSQL printed for a column as a JSON fragment (F8): numbers keep their digits, `NaN`,
 * `Infinity` and `-Infinity` become those strings, null is null.
 */
export function encodeCell(kind: ColumnKind, text: string | null): string {
  if (text === null) return 'null';
  switch (kind) {
    case 'text':
      return JSON.stringify(text);
    case 'document':
      return text;
    default: {
      const last = text.charCodeAt(text.length - 1);
      // Every finite number ends in a digit; NaN and the infinities end in a letter.
      if (last < 48 || last > 57) return JSON.stringify(text);
      return kind === 'timestamp' ? trimFraction(text) : text;
    }
  }
}

/** A value as it stands in a parsed frame: a number, one of the three strings for what JSON has no number for, or null. */
export type WireNumber = number | 'NaN' | 'Infinity' | '-Infinity' | null;

/** The number that a chart draws for a wire value; null (a gap) for null and for what is not finite. */
export function chartNumber(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** The number that a wire value stands for, NaN and infinities included; null for null and for anything else. */
export function wireNumber(value: unknown): number | null {
  if (typeof value === 'number') return value;
  if (value === 'NaN') return Number.NaN;
  if (value === 'Infinity') return Number.POSITIVE_INFINITY;
  if (value === '-Infinity') return Number.NEGATIVE_INFINITY;
  return null;
}
