/** How far each stream has been printed, counting only what has left this process. */
import type { StreamName } from '../../shared/streams.ts';
import type { Place, Progress } from './types.ts';

export class Ledger {
  readonly #places: Map<StreamName, { readonly cursor: string; readonly printed: string[] }>;

  constructor(from: ReadonlyMap<StreamName, Place>) {
    this.#places = new Map(
      [...from].map(([stream, { cursor, printed }]) => [stream, { cursor, printed: [...printed] }]),
    );
  }

  note(stream: StreamName, progress: Progress): void {
    if (progress.kind === 'reached') this.#places.set(stream, { cursor: progress.cursor, printed: [] });
    // Rows before any cursor cannot be gone on from.
    else this.#places.get(stream)?.printed.push(...progress.rows);
  }

  get places(): ReadonlyMap<StreamName, Place> {
    return this.#places;
  }

  /** The flags with which a later run goes on from here, ready for a shell; null where there is no place yet. */
  sinceFlags(streams: readonly StreamName[]): string | null {
    const known = streams.flatMap((stream) => {
      const place = this.#places.get(stream);
      return place === undefined ? [] : [{ stream, cursor: place.cursor }];
    });
    if (known.length === 0) return null;
    return known
      .map(({ stream, cursor }) => `--since ${quoted(streams.length === 1 ? cursor : `${stream}=${cursor}`)}`)
      .join(' ');
  }

  /** How many rows behind the cursors were printed already, and will come again to who goes on by `sinceFlags` alone. */
  get repeated(): number {
    return [...this.#places.values()].reduce((sum, { printed }) => sum + printed.length, 0);
  }
}

/** A word as a shell takes it whole: a cursor is opaque and may hold what shells act on. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
