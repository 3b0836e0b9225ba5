/** How much of what the database reads it finds in its own memory. */
import * as z from 'zod';
import type { Queryable } from './queryable.ts';

const blocks = z.tuple([z.object({ hit: z.coerce.number(), read: z.coerce.number() })]);

/** Reads the share of block reads since the last call that PostgreSQL's buffer cache served, in percent. */
export class CacheHits {
  #hit = 0;
  #read = 0;
  #percent = 100;

  /** The share; that of the call before where nothing was read since. */
  async read(db: Queryable): Promise<number> {
    const { rows } = await db.query(
      'select blks_hit as hit, blks_read as read from pg_stat_database where datname = current_database()',
    );
    const [{ hit, read }] = blocks.parse(rows);
    const hits = hit - this.#hit;
    const all = hits + read - this.#read;
    if (all > 0) this.#percent = Math.round((10_000 * hits) / all) / 100;
    this.#hit = hit;
    this.#read = read;
    return Math.min(100, Math.max(0, this.#percent));
  }
}
