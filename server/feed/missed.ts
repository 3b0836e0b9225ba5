/**
 * What a client missed before the log begins, read again from the table. Everybody who comes back after a restart of the
 * server missed nearly the same rows, so they are read once for all and filtered for each.
 */
import type { Cursor, Place } from './cursor.ts';
import { clipCursor, highestOf } from './cursor.ts';
import type { StreamCodec } from './cut.ts';
import { cutBatch } from './cut.ts';
import type { ChannelRows } from './frames.ts';
import type { ChangedRow, Clock, Past, Position } from './ports.ts';
import { BATCH_ROWS } from './ports.ts';
import { comparePlaces, covers, epochOf, isNotAfter } from './position.ts';

/** How long rows that were read are kept for the next who missed them. */
const SHARED_MS = 10_000;

/** Why a cursor cannot be resumed from (F6). */
export type NoReplay = 'replay_exhausted' | 'epoch_changed';

/** What was missed, in the order of the feed; each piece carries the cursor that it is resumed from. */
export type Missed = { readonly kind: 'rows'; readonly channels: readonly ChannelRows[] } | { readonly kind: NoReplay };

interface Reading {
  readonly from: Position;
  readonly to: Position;
  /** Null where there are more rows than are replayed. */
  readonly rows: Promise<readonly ChangedRow[] | null>;
}

export class MissedRows {
  readonly #codec: StreamCodec;
  readonly #clock: Clock;
  readonly #limit: number;
  #reading: Reading | null = null;
  #forget: () => void = () => {};

  /** @param limit most rows that are replayed. */
  constructor(codec: StreamCodec, clock: Clock, limit: number) {
    this.#codec = codec;
    this.#clock = clock;
    this.#limit = limit;
  }

  /**
   * What came after a cursor, up to a position of this run of the server that covers it. Rejects where the database does
   * not answer.
   */
  async since(past: Past, asked: Cursor, to: Position): Promise<Missed> {
    if (epochOf(asked.to.run) !== epochOf(to.run)) return { kind: 'epoch_changed' };
    const highest = highestOf(asked);
    const cursor = clipCursor(asked, to.run);
    // A database that was rewound has not come as far as the cursor, or has other rows where it had been.
    const rewound = highest >= to.all.xmax || (cursor !== asked && highest > 0n && !(await past.has(highest)));
    if (rewound) return { kind: 'epoch_changed' };
    const from = cursor.from ?? cursor.to;
    if (!isNotAfter(from, to)) return { kind: 'replay_exhausted' };
    const rows = await this.#read(past, from, to);
    return rows === null ? { kind: 'replay_exhausted' } : { kind: 'rows', channels: this.#cut(cursor, to, rows) };
  }

  async #read(past: Past, from: Position, to: Position): Promise<readonly ChangedRow[] | null> {
    const known = this.#reading;
    if (known !== null && known.to === to && isNotAfter(known.from, from)) {
      const rows = await known.rows;
      // What is too much for one may be little enough for another.
      if (rows !== null) return rows.filter((row) => !covers(from, row));
    }
    const reading: Reading = { from, to, rows: this.#readAll(past, from, to) };
    this.#reading = reading;
    this.#forget();
    this.#forget = this.#clock.after(SHARED_MS, () => {
      if (this.#reading === reading) this.#reading = null;
    });
    try {
      return await reading.rows;
    } catch (error) {
      if (this.#reading === reading) this.#reading = null;
      throw error;
    }
  }

  async #readAll(past: Past, from: Position, to: Position): Promise<readonly ChangedRow[] | null> {
    const rows: ChangedRow[] = [];
    for await (const batch of past.read(from, to, null, this.#limit + 1)) rows.push(...batch);
    return rows.length > this.#limit ? null : rows;
  }

  /** First what was left of the cursor's look, cut as it was then, so that the cursors are the same; then the rest. */
  #cut({ to: end, from, place }: Cursor, to: Position, rows: readonly ChangedRow[]): ChannelRows[] {
    const channels: ChannelRows[] = [];
    if (from !== null) {
      const ofLook = rows.filter((row) => covers(end, row));
      channels.push(...this.#restOfBatch(ofLook, from, end, place));
      channels.push(
        ...this.#cutAll(
          ofLook.filter((row) => comparePlaces(row, place.last) > 0),
          from,
          end,
        ),
      );
    }
    channels.push(
      ...this.#cutAll(
        rows.filter((row) => !covers(end, row)),
        end,
        to,
      ),
    );
    return channels;
  }

  #restOfBatch(rows: readonly ChangedRow[], from: Position, to: Position, place: Place): ChannelRows[] {
    const { first, last, frame } = place;
    const batch = rows.filter((row) => comparePlaces(row, first) >= 0 && comparePlaces(row, last) <= 0);
    return cutBatch(this.#codec, { from, to, rows: batch }).slice(frame + 1);
  }

  #cutAll(rows: readonly ChangedRow[], from: Position, to: Position): ChannelRows[] {
    const channels: ChannelRows[] = [];
    for (let start = 0; start < rows.length; start += BATCH_ROWS) {
      channels.push(...cutBatch(this.#codec, { from, to, rows: rows.slice(start, start + BATCH_ROWS) }));
    }
    return channels;
  }
}

/** Whether the rows after a cursor can be read up to a position that was reached before the cursor was known. */
export function isCoveredBy(cursor: Cursor, position: Position): boolean {
  return isNotAfter(cursor.to, position);
}
