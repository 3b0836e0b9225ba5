/** The query of a look: the rows that became visible since a position, with the snapshot that they are read in. */
import { quoteIdentifier, selectList } from '../../shared/columns.ts';
import type { StreamDeclaration } from '../../shared/streams.ts';
import { CURSOR_COLUMN } from '../../shared/streams.ts';
import type { Position, Scope, Snapshot } from '../feed/ports.ts';
import { formatSnapshot } from '../feed/position.ts';
import { STANDING_COLUMNS } from './run.ts';

/** A query with its parameters; of one name there is one text. */
export interface LookQuery {
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

/** Columns that every row of a look begins with: snapshot, start of the server, whether it is a standby, transaction. */
export const HEAD_COLUMNS = 4;

/**
 * Builds the queries of one stream's looks.
 *
 * Each part of a look is read in two: what began after the last snapshot, as a range of transaction ids, and those few
 * that were running then, by name. In one range from the oldest running on, a transaction that stays open for long would
 * have everything above it read at every look.
 */
export class LookQueries {
  readonly #table: string;
  readonly #xid = quoteIdentifier(CURSOR_COLUMN);
  readonly #list: string;
  readonly #partitioned: boolean;

  constructor(stream: StreamDeclaration, partitioned: boolean) {
    this.#table = quoteIdentifier(stream.table);
    this.#list = selectList(stream);
    this.#partitioned = partitioned;
  }

  /**
   * At most `limit` rows together with the snapshot; one row of nulls where there are none.
   *
   * @param until an earlier snapshot, up to which rows are to be read; null for all that the query itself sees.
   */
  first(from: Position, scope: Scope, limit: number, until: Snapshot | null = null): LookQuery {
    const rows = this.#rows(from, scope, until);
    return {
      ...rows,
      text: `select s.*, r.* from (select ${STANDING_COLUMNS}) s
        left join lateral (${rows.text} limit ${limit}) r on true`,
    };
  }

  /** All rows, with nulls in place of the snapshot; for a cursor in the transaction of `first`. */
  whole(from: Position, scope: Scope): LookQuery {
    const rows = this.#rows(from, scope, null);
    return { ...rows, text: `select null, null, null, r.* from (${rows.text}) r` };
  }

  /** The rows in the order of the feed: transaction id, as text, and the stream's columns. */
  #rows(from: Position, scope: Scope, until: Snapshot | null): LookQuery {
    const values: unknown[] = [];
    const bind = (value: unknown): string => `$${values.push(value)}`;
    const selects: string[] = [];
    const names: string[] = until === null ? [] : ['until'];
    const end = until === null ? 'pg_snapshot_xmax(pg_current_snapshot())' : `${bind(until.xmax.toString())}::xid8`;
    const seen =
      until === null ? '' : ` and pg_visible_in_snapshot(${this.#xid}, ${bind(formatSnapshot(until))}::pg_snapshot)`;
    const add = (name: string, { xmax, running }: Snapshot, where: string): void => {
      const select = `select * from ${this.#table} where ${this.#xid}`;
      selects.push(`${select} >= ${bind(xmax.toString())}::xid8 and ${this.#xid} < ${end}${seen}${where}`);
      if (running.length > 0) selects.push(`${select} = any(${bind(running.map(String))}::xid8[])${seen}${where}`);
      names.push(running.length > 0 ? `${name}+` : name);
    };
    if (this.#partitioned) {
      const bound = bind((from.bound ?? 0) / 1000);
      add('recent', from.recent, ` and "timestamp" >= to_timestamp(${bound})`);
      if (scope === 'all') add('old', from.all, ` and "timestamp" < to_timestamp(${bound})`);
    } else {
      add('all', from.all, '');
    }
    return {
      name: `look ${this.#table} ${names.join(' ')}`,
      text: `select c.${this.#xid}::text as xid, ${this.#list}
        from (${selects.join(' union all ')}) c order by c.${this.#xid}, c.id`,
      values,
    };
  }
}
