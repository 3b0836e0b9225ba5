/** How far each stream's rows are held, across connections, so that the next connection goes on from there (F6). */
import type { Frame } from '../../shared/protocol.ts';
import type { StreamName } from '../../shared/streams.ts';

/**
 * A page that has heard nothing for longer asks for its history anew. Within this time a replay is less to send than the history
 * that it saves: of a range with 1,200 buckets at most four rows each, only a key with more than 16 rows a second has as
 * many rows in it. And a cursor that is older is nobody else's: its replay is read for one page alone, while a history is
 * read once for all the pages that come back.
 */
export const RESUME_WITHIN_MS = 300_000;

/** The rows of a stream that the page holds: all up to the cursor, and those of a replay that has not come to its end. */
interface Place {
  cursor: string;
  /** Until when nothing came after the cursor, as far as is known; on this machine's clock, epoch ms. */
  at: number;
  /** Rows after the cursor, by id and time: ids alone are not unique in every table. */
  readonly held: Set<string>;
}

/** The cursors of one page. A stream has one only while its rows are known to be whole up to it. */
export class Cursors {
  readonly #places = new Map<StreamName, Place>();

  /** Every row of the stream up to the cursor is held. */
  note(stream: StreamName, cursor: string, now: number): void {
    const place = this.#places.get(stream);
    if (place === undefined) {
      this.#places.set(stream, { cursor, at: now, held: new Set() });
      return;
    }
    place.cursor = cursor;
    place.at = now;
    place.held.clear();
  }

  /** The stream is live, and nothing came since its cursor: however old that is, it is as good as new. */
  confirm(stream: StreamName, now: number): void {
    const place = this.#places.get(stream);
    if (place !== undefined) place.at = now;
  }

  /** The rows held are not, or not for long, what any cursor says. */
  forget(stream: StreamName): void {
    this.#places.delete(stream);
  }

  /** What to resume from; null where the history has to be sent anew. */
  since(stream: StreamName, now: number): string | null {
    const place = this.#places.get(stream);
    if (place === undefined) return null;
    if (now - place.at <= RESUME_WITHIN_MS) return place.cursor;
    this.forget(stream);
    return null;
  }

  has(stream: StreamName): boolean {
    return this.#places.has(stream);
  }

  /** The rows of a replay that are new: one that was cut short is sent again from its beginning. */
  unheld({ stream, rows }: Frame<'delta'>): Frame<'delta'>['rows'] {
    const held = this.#places.get(stream)?.held;
    if (held === undefined) return rows;
    return rows.filter(({ id, timestamp }) => {
      const before = held.size;
      return held.add(`${id} ${timestamp}`).size > before;
    });
  }
}
