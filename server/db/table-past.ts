/**
 * What was committed between two positions of a stream's feed, read again from its table: for clients that come back with a
 * cursor, and for looks that broke off. Positions are snapshots, so this can be asked at any later time.
 */
import type pg from 'pg';
import { quoteIdentifier, selectList } from '../../shared/columns.ts';
import { rowCodec } from '../../shared/rows.ts';
import type { StreamDeclaration } from '../../shared/streams.ts';
import { CURSOR_COLUMN } from '../../shared/streams.ts';
import type { ChangedRow, Past, Position, RowPlace } from '../feed/ports.ts';
import { BATCH_ROWS, OtherRunError } from '../feed/ports.ts';
import { formatSnapshot } from '../feed/position.ts';
import { readCells } from './queryable.ts';
import type { Runs } from './run.ts';
import { readStanding, STANDING_COLUMNS } from './run.ts';

/** Columns in front of the stream's own: where the database stands, and the row's transaction. */
const HEAD_COLUMNS = 4;

export class TablePast implements Past {
  readonly #pool: pg.Pool;
  readonly #stream: StreamDeclaration;
  readonly #runs: Runs;

  constructor(pool: pg.Pool, stream: StreamDeclaration, runs: Runs) {
    this.#pool = pool;
    this.#stream = stream;
    this.#runs = runs;
  }

  async *read(
    from: Position,
    to: Position,
    after: RowPlace | null,
    limit: number,
  ): AsyncGenerator<readonly ChangedRow[]> {
    const codec = rowCodec(this.#stream);
    let place = after;
    for (let left = limit; left > 0; ) {
      const wanted = Math.min(left, BATCH_ROWS);
      const cells = await readCells(this.#pool, ...this.#query(from, to, place, wanted));
      const { run } = await readStanding(cells[0], this.#runs, this.#pool);
      if (run !== to.run) throw new OtherRunError('another run of the database server answers');
      const rows: ChangedRow[] = [];
      let read = 0;
      for (const row of cells) {
        const [xid, ...own] = row.slice(HEAD_COLUMNS - 1);
        // The one row of a page without rows.
        if (xid == null) continue;
        read += 1;
        const parsed = codec.parse(own);
        place = { xid: BigInt(xid), id: own[0] ?? '0' };
        if (parsed !== null) rows.push({ ...parsed, xid: BigInt(xid) });
      }
      if (rows.length > 0) yield rows;
      if (read < wanted) return;
      left -= read;
    }
  }

  async has(xid: bigint): Promise<boolean> {
    const cursor = quoteIdentifier(CURSOR_COLUMN);
    const rows = await readCells(
      this.#pool,
      { text: `select 'yes' from ${quoteIdentifier(this.#stream.table)} where ${cursor} = $1::xid8 limit 1` },
      [xid.toString()],
    );
    return rows.length > 0;
  }

  /**
   * One page, and whatever shares the place of its last row: in a table without a key an id may come twice. As in a look,
   * the ids that were running at `from` are named, so that one that stays open costs nothing.
   */
  #query(from: Position, to: Position, after: RowPlace | null, limit: number): [{ text: string }, unknown[]] {
    const values: unknown[] = [];
    const bind = (value: unknown): string => `$${values.push(value)}`;
    const table = quoteIdentifier(this.#stream.table);
    const xid = quoteIdentifier(CURSOR_COLUMN);
    // Ids from the range on are met there; those that `recent` names beside `all` may be among them.
    const named = [...from.all.running, ...from.recent.running].filter((id) => id < from.all.xmax);
    const running = [...new Set(named)].map(String);
    const tests = [
      `not (${visibleAt(from, xid, bind)})`,
      visibleAt(to, xid, bind),
      ...(after === null ? [] : [`(${xid}, id) > (${bind(after.xid.toString())}::xid8, ${bind(after.id)}::bigint)`]),
    ].join(' and ');
    const highest = to.recent.xmax > to.all.xmax ? to.recent.xmax : to.all.xmax;
    const range = `${xid} >= ${bind(from.all.xmax.toString())}::xid8 and ${xid} < ${bind(highest.toString())}::xid8`;
    const parts = [
      `select * from ${table} where ${range} and ${tests}`,
      ...(running.length === 0
        ? []
        : [`select * from ${table} where ${xid} = any(${bind(running)}::xid8[]) and ${tests}`]),
    ];
    const rows = `select c.${xid}::text as xid, ${selectList(this.#stream)}
      from (${parts.join(' union all ')}) c order by c.${xid}, c.id fetch first ${limit} rows with ties`;
    return [
      { text: `select s.*, r.* from (select ${STANDING_COLUMNS}) s left join lateral (${rows}) r on true` },
      values,
    ];
  }
}

/** SQL that says whether a row is visible at a position. */
function visibleAt({ all, recent, bound }: Position, xid: string, bind: (value: unknown) => string): string {
  const inSnapshot = (snapshot: Position['all']): string =>
    `pg_visible_in_snapshot(${xid}, ${bind(formatSnapshot(snapshot))}::pg_snapshot)`;
  if (bound === null) return inSnapshot(recent);
  const edge = bind(bound / 1000);
  return `case when "timestamp" >= to_timestamp(${edge}) then ${inSnapshot(recent)} else ${inSnapshot(all)} end`;
}
