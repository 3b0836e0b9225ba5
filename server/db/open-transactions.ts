/**
 * When the oldest transaction that is open now began, at the earliest. Roles without pg_read_all_stats are not told when
 * transactions of other roles began, and a prepared one has forgotten it, but everybody sees in pg_locks which ones are
 * there: what was not there at the last reading has begun since.
 */
import * as z from 'zod';
import type { Queryable } from './queryable.ts';
import { readCell } from './queryable.ts';

/** How far before the first reading an open transaction may have begun, in ms, where nobody says when it did. */
const FIRST_REACH_MS = 60_000;

/** As for a look (changes.ts): a connection that has not answered by then, in ms, is frozen. */
const ANSWER_TIMEOUT_MS = 5000;

/** Times are epoch ms of the database's clock; null where they are not told. */
const reading = z.object({
  now: z.number(),
  open: z.array(z.object({ holder: z.string(), xid: z.string().nullable(), began: z.number().nullable() })),
});

const OPEN_QUERY = `
  select json_build_object('now', (extract(epoch from clock_timestamp()) * 1000)::float8, 'open', (
    select coalesce(json_agg(json_build_object(
      'holder', l.virtualtransaction, 'xid', l.transactionid::text,
      'began', (extract(epoch from a.xact_start) * 1000)::float8)), '[]')
    from pg_locks l left join pg_stat_activity a on a.pid = l.pid
    where l.locktype in ('virtualxid', 'transactionid') and l.mode = 'ExclusiveLock' and l.granted
      and l.pid is distinct from pg_backend_pid()))`;

/** Remembers from one reading to the next. */
export class OpenTransactions {
  /** By virtual transaction and by transaction id, for only the latter stays when a transaction is prepared. */
  #began = new Map<string, number>();
  #lastReading: number | null = null;

  /**
   * Epoch ms, of the database's clock, before which no transaction began that is open now or begins later. Read it before
   * the snapshot that it is meant for: one that commits between the two is then visible, or was counted here.
   */
  async oldest(db: Queryable): Promise<number> {
    const cell = await readCell(db, { text: OPEN_QUERY, query_timeout: ANSWER_TIMEOUT_MS });
    const { now, open } = reading.parse(JSON.parse(cell ?? 'null'));
    const before = this.#began;
    this.#began = new Map();
    let oldest = now;
    for (const { holder, xid, began } of open) {
      const known = began ?? before.get(holder) ?? (xid === null ? undefined : before.get(xid));
      const earliest = known ?? this.#lastReading ?? now - FIRST_REACH_MS;
      this.#began.set(holder, Math.min(earliest, this.#began.get(holder) ?? earliest));
      if (xid !== null) this.#began.set(xid, earliest);
      oldest = Math.min(oldest, earliest);
    }
    this.#lastReading = now;
    return oldest;
  }
}
