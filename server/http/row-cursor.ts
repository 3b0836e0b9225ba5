/** The cursor of pages of rows: opaque to clients, and so exact that no row is lost or doubled at the edge of a page. */
import type { RowPlace } from '../db/rows-sql.ts';

/** Days that PostgreSQL's timestamps reach, in microseconds since the epoch: 4713 BC to AD 294276. */
const LEAST_MICROS = -210_866_803_200_000_000n;
const MOST_MICROS = 9_223_371_331_200_000_000n;
const MOST_ID = 2n ** 63n - 1n;

/** The cursor below a row of a stream. */
export function encodeRowCursor(stream: string, { micros, id }: RowPlace): string {
  return Buffer.from(`${stream} ${micros} ${id}`).toString('base64url');
}

/** The place that a cursor names; null for anything that is no cursor of this stream. */
export function decodeRowCursor(stream: string, cursor: string): RowPlace | null {
  const text = Buffer.from(cursor, 'base64url').toString('latin1');
  // Buffer skips what is not base64url: only what it would write itself is a cursor.
  if (Buffer.from(text, 'latin1').toString('base64url') !== cursor) return null;
  const match = /^(\w+) (-?\d{1,19}) (-?\d{1,19})$/.exec(text);
  if (match?.[1] !== stream) return null;
  const micros = BigInt(match[2] ?? '');
  const id = BigInt(match[3] ?? '');
  if (micros < LEAST_MICROS || micros > MOST_MICROS || id < -MOST_ID || id > MOST_ID) return null;
  return { micros, id };
}
