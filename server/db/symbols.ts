/** Which symbols and keys the database holds, and when a stream's newest row arrived: found by skip scans, never by reading rows. */
import type { StreamDeclaration } from '../../shared/streams.ts';
import { STREAM_LIST } from '../../shared/streams.ts';
import { historyQueries } from './history-sql.ts';
import type { Queryable } from './queryable.ts';
import { readCell, readColumn } from './queryable.ts';

/** The streams whose key is a symbol. */
export const SYMBOL_STREAMS: readonly StreamDeclaration[] = STREAM_LIST.filter(
  (stream) => stream.key.name === 'symbol',
);

/**
 * Every symbol in the symbol streams, in order of code units.
 *
 * @param usable false for a stream that must not be read, because it is off.
 */
export async function listSymbols(
  db: Queryable,
  usable: (stream: StreamDeclaration) => boolean = () => true,
): Promise<readonly string[]> {
  const symbols = new Set<string>();
  for (const stream of SYMBOL_STREAMS) {
    if (!usable(stream)) continue;
    for (const symbol of await readColumn(db, { text: historyQueries(stream).keys })) symbols.add(symbol);
  }
  return [...symbols].sort();
}

/** Every key of one stream, in order of code units. */
export async function listKeys(db: Queryable, stream: StreamDeclaration): Promise<readonly string[]> {
  return [...(await readColumn(db, { text: historyQueries(stream).keys }))].sort();
}

/**
 * When the row that came last to a stream was written, in epoch ms and not after now; null where there is none. It is the
 * newest `created_at` among the newest rows of every line, so that a row dated in the future hides none that came after.
 */
export async function newestArrival(
  db: Queryable,
  stream: StreamDeclaration,
  now: number = Date.now(),
): Promise<number | null> {
  const arrived = await readCell(db, { text: historyQueries(stream).newestArrival }, [now]);
  return arrived === null ? null : Math.min(Number(arrived), now);
}
