/** The stored row behind a drawn one: found among the rows that the server has at that instant, and its documents readable. Pure. */
import { wireNumber } from '../../shared/columns.ts';
import { STREAMS, type StreamName } from '../../shared/streams.ts';

/** A row as `GET /api/streams/{stream}/rows` answers it. */
export type StoredRow = Readonly<Record<string, unknown>>;

/** What is known of the row on the page. */
export interface Sought {
  readonly stream: StreamName;
  /** The symbol, or the name of the metric; null where only the line's name in words is known. */
  readonly key: string | null;
  /** The series; null where the row names none, or the stream has none. */
  readonly series: string | null;
  /** Epoch ms, microseconds as a fraction. */
  readonly time: number;
  /** Its value columns that are numbers; NaN for null and for what is not finite. */
  readonly numbers: Readonly<Record<string, number>>;
}

/** The query that asks for the rows at the instant of the one that is sought. */
export function rowsQuery({ stream, key, series, time }: Sought): string {
  // The server reads times to the microsecond, which doubles of this size hold.
  const query = new URLSearchParams({ from: time.toFixed(3), to: (time + 0.001).toFixed(3), limit: '100' });
  if (key !== null) query.set('key', key);
  if (series !== null && STREAMS[stream].series !== null) query.set('series', series);
  return query.toString();
}

/** The rows that are the one that is sought: more than one where rows are equal in all that the page knows. */
export function matching(rows: readonly StoredRow[], sought: Sought): readonly StoredRow[] {
  const { series, values } = STREAMS[sought.stream];
  return rows.filter((row) => {
    if (series !== null && (row[series.name] ?? null) !== sought.series) return false;
    return values.every(({ name, kind }) => {
      const own = sought.numbers[name];
      if (kind === 'text' || own === undefined) return true;
      const stored = wireNumber(row[name]);
      if (stored === null || !Number.isFinite(stored)) return Number.isNaN(own);
      return stored === own;
    });
  });
}

/** So many letters of a document are shown. */
export const MOST_LETTERS = 20_000;

/** A document as text that can be read, cut off where it is longer than anybody reads here. */
export function documentText(value: unknown): { readonly text: string; readonly letters: number } {
  const text = JSON.stringify(value, null, 2) ?? 'null';
  return { text: text.length > MOST_LETTERS ? `${text.slice(0, MOST_LETTERS)}…` : text, letters: text.length };
}

/** What of a row stands in no chart: its documents, and the columns that every table has. */
export function documentsOf(stream: StreamName, row: StoredRow): readonly { name: string; value: unknown }[] {
  return STREAMS[stream].documents.map((name) => ({ name, value: row[name] ?? null }));
}
