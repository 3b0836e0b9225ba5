/**
 * Rows as CSV (RFC 4180): a header, CRLF, times as ISO 8601 in UTC with microseconds, numbers with the database's own
 * digits, null as nothing and the empty text as "", documents as their JSON text.
 */
import type { StreamRow } from '../../shared/rows.ts';
import type { Column, ColumnKind } from '../../shared/streams.ts';

/** Media type of the answer. */
export const CSV_TYPE = 'text/csv; charset=utf-8; header=present';

const LINE_END = '\r\n';
/** The furthest from the epoch that JavaScript's calendar reaches, in ms; PostgreSQL's goes on to AD 294276. */
const CALENDAR_MS = 8.64e15;

/** The line of column names. */
export function csvHeader(columns: readonly Column[]): string {
  return columns.map(({ name }) => quoted(name)).join(',') + LINE_END;
}

/** One line of a row's cells, which are in the order of `columns`. */
export function csvLine(columns: readonly Column[], { cells }: Pick<StreamRow, 'cells'>): string {
  return columns.map(({ kind }, index) => csvField(kind, cells[index] ?? null)).join(',') + LINE_END;
}

function csvField(kind: ColumnKind, text: string | null): string {
  if (text === null) return '';
  if (kind === 'timestamp') return isoTime(text);
  return quoted(kind === 'text' ? guarded(text) : text);
}

/**
 * A text that a spreadsheet would take for a formula gets an apostrophe in front. Whoever opens the file with a double
 * click would else run what somebody wrote into the name of a symbol; whoever needs every such text as it is reads JSON.
 * Numbers are left alone, and so are documents: their JSON begins with none of these signs, negative numbers excepted.
 */
function guarded(text: string): string {
  return /^[=+\-@\t\r\n＝＋－＠]/.test(text) ? `'${text}` : text;
}

function quoted(text: string): string {
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** `1768480220123.456000` (epoch ms) -> `2026-01-15T12:30:20.123456Z`; infinities stay words. */
export function isoTime(epochMs: string): string {
  const [whole = '', fraction = ''] = epochMs.split('.');
  const micros = Number(fraction.slice(0, 3).padEnd(3, '0'));
  // Before the epoch the fraction counts backwards.
  const before = whole.startsWith('-') && micros > 0;
  const ms = Number(whole) - (before ? 1 : 0);
  if (!(Math.abs(ms) <= CALENDAR_MS)) return epochMs;
  return `${new Date(ms).toISOString().slice(0, -1)}${String(before ? 1000 - micros : micros).padStart(3, '0')}Z`;
}
