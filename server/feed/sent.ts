/**
 * What a stream delivered lately, so that a look which has to go over the same ground again can leave it out. Ground is
 * covered twice after a crash or failover of the database: transaction ids are reused there, so the look starts from an
 * older position.
 */

import type { ChangedRow, Position } from './ports.ts';
import { clipPosition } from './position.ts';

/** Above this many rows the oldest are forgotten before their time, which bounds the memory. */
const MOST_KEYS = 100_000;

/** The identity of a row beyond one run of the database: its id alone may be handed out again after a crash. */
function identity(row: ChangedRow): string {
  return `${row.id}@${row.time}`;
}

/** Rows delivered since a position that is at least `reachMs` old. */
export class SentRows {
  readonly #reachMs: number;
  /** Positions by the time at which they were the newest, oldest first; the first is where a repeated look starts. */
  #marks: { readonly time: number; readonly position: Position }[];
  #rows: { readonly time: number; readonly identities: readonly string[] }[] = [];
  #count = 0;
  #highest: bigint;

  /**
   * @param reachMs how far back a repeated look starts; two ticks cover what a crash can take back.
   */
  constructor(position: Position, time: number, reachMs: number) {
    this.#marks = [{ time, position }];
    this.#highest = position.highest;
    this.#reachMs = reachMs;
  }

  /** The highest transaction id of the rows in the table and of those that were delivered since. */
  get highest(): bigint {
    return this.#highest;
  }

  /** Notes rows that are being delivered. */
  add(rows: readonly ChangedRow[], time: number): void {
    this.#rows.push({ time, identities: rows.map(identity) });
    this.#count += rows.length;
    for (const { xid } of rows) if (xid > this.#highest) this.#highest = xid;
    while (this.#count > MOST_KEYS && this.#marks.length > 1) this.#forgetOldest();
  }

  /** Notes that `position` was reached with nothing in between left out; called at every tick. */
  mark(position: Position, time: number): void {
    this.#marks.push({ time, position });
    while (this.#marks[1] !== undefined && time - this.#marks[1].time >= this.#reachMs) this.#forgetOldest();
  }

  #forgetOldest(): void {
    this.#marks.shift();
    const oldest = this.#marks[0]?.time ?? Number.NEGATIVE_INFINITY;
    // Rows of the very ms of the mark may have come after it: they stay.
    while (this.#rows[0] !== undefined && this.#rows[0].time < oldest) {
      this.#count -= this.#rows.shift()?.identities.length ?? 0;
    }
  }

  /**
   * Where to start again in another run of the server, given the current position there; null where it was rewound: the
   * highest transaction id that was delivered is durable, so that the next one lies above it.
   */
  restart(current: Position): Position | null {
    if (current.all.xmax <= this.#highest) return null;
    // For good: what the ids above mean from here on is another run's, also when that ends in a crash soon.
    this.#marks = this.#marks.map(({ time, position }) => ({
      time,
      position: clipPosition(position, this.#highest, current.run),
    }));
    return this.#marks[0]?.position ?? null;
  }

  /** A filter that lets only those rows through which are not in here now. */
  unsentOnly(): (rows: readonly ChangedRow[]) => readonly ChangedRow[] {
    const sent = new Set(this.#rows.flatMap(({ identities }) => identities));
    return (rows) => rows.filter((row) => !sent.has(identity(row)));
  }
}
