/**
 * Notices that a table lost chunks or partitions. Dropping one takes rows away without a trigger or a notification, so
 * whoever keeps history in memory has to be told by looking.
 */
import { quoteIdentifier } from '../../shared/columns.ts';
import { STREAMS, type StreamName } from '../../shared/streams.ts';
import { type Queryable, readColumn } from './queryable.ts';

/** The parts of a table at every level, by their oids. */
const partsSql = (table: string): string => `with recursive parts(part) as (
    select inhrelid from pg_inherits where inhparent = to_regclass('${quoteIdentifier(table)}')
    union all select i.inhrelid from pg_inherits i join parts p on i.inhparent = p.part)
  select part::text from parts`;

export class PartsWatch {
  readonly #lost: (stream: StreamName) => void;
  readonly #known = new Map<StreamName, ReadonlySet<string>>();

  /** @param lost told of each stream whose table lost a part since the last look at it. */
  constructor(lost: (stream: StreamName) => void) {
    this.#lost = lost;
  }

  /** Looks at the tables of some streams. Throws what the database throws; what was known stays known then. */
  async look(db: Queryable, streams: readonly StreamName[]): Promise<void> {
    for (const stream of streams) {
      const before = this.#known.get(stream);
      const now = new Set(await readColumn(db, { text: partsSql(STREAMS[stream].table) }));
      this.#known.set(stream, now);
      if (before !== undefined && [...before].some((part) => !now.has(part))) this.#lost(stream);
    }
  }
}
