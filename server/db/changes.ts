/**
 * What is new in a stream's table: the rows that are visible in this database snapshot and were not in the last one.
 * Every row carries the id of the transaction that wrote it, so the difference of two snapshots is a range of ids and
 * the few that were still running; no row is missed because it was committed late, and none is met twice.
 */
import type pg from 'pg';
import { quoteIdentifier } from '../../shared/columns.ts';
import type { RowCodec } from '../../shared/rows.ts';
import { rowCodec } from '../../shared/rows.ts';
import type { StreamDeclaration } from '../../shared/streams.ts';
import { CURSOR_COLUMN } from '../../shared/streams.ts';
import type {
  Batch,
  Beginning,
  ChangedRow,
  ChangeLog,
  Look,
  OtherRun,
  Position,
  Reservation,
  Scope,
  Snapshot,
} from '../feed/ports.ts';
import { BATCH_ROWS } from '../feed/ports.ts';
import { HEAD_COLUMNS, LookQueries } from './changes-sql.ts';
import { HeldSnapshot, type HistoryMemory, heldOf } from './held.ts';
import { Spacings } from './history/spacings.ts';
import { Statements } from './prepared.ts';
import type { Cells, Queryable } from './queryable.ts';
import { errorCode, readCell, readCells } from './queryable.ts';
import type { LogOptions, Runs, Standing } from './run.ts';
import { readStanding, STANDING_COLUMNS } from './run.ts';
import { newestArrival, newestArrivalOfParts } from './symbols.ts';
import { TablePast } from './table-past.ts';
import { requireWhole } from './truncated.ts';

/** On partitioned tables looks that follow a ring read only rows whose timestamp is younger than this. */
const RECENT_MS = 7_200_000;

/** A look is a matter of ms: a connection that has not answered one by then is frozen, and the database is away. */
const ANSWER_TIMEOUT_MS = 5000;

/** SQL states of a prepared statement that is not there, or is there already: what a transaction pooler leads to. */
const UNPREPARED = new Set(['26000', '42P05']);

/** The change log of one table with the cursor column. */
export class SnapshotLog implements ChangeLog {
  /** For the pump, which must not wait for anybody's reads. */
  readonly past: TablePast;
  /** For clients that come back. */
  readonly replays: TablePast;
  readonly #pool: pg.Pool;
  readonly #reads: pg.Pool;
  readonly #stream: StreamDeclaration;
  readonly #memory: HistoryMemory;
  readonly #codec: RowCodec;
  readonly #runs: Runs;
  readonly #partitioned: boolean;
  readonly #refused: (count: number) => void;
  readonly #queries: LookQueries;
  #prepared = true;

  constructor(pool: pg.Pool, stream: StreamDeclaration, options: LogOptions) {
    this.#pool = pool;
    this.#reads = options.reads;
    this.#stream = stream;
    this.#codec = rowCodec(stream);
    this.#runs = options.runs;
    this.#partitioned = options.partitioned;
    this.#memory = { spacings: new Spacings(), statements: options.partitioned ? null : new Statements() };
    this.#refused = options.refused;
    this.#queries = new LookQueries(stream, options.partitioned);
    this.past = new TablePast(pool, stream, options.runs);
    this.replays = new TablePast(options.reads, stream, options.runs);
  }

  async begin(): Promise<Beginning> {
    const bound = this.#bound();
    const [row] = await readCells(
      this.#pool,
      { query_timeout: ANSWER_TIMEOUT_MS, text: `select ${STANDING_COLUMNS}, (${this.#highest(bound)})` },
      bound === null ? [] : [bound],
    );
    const { snapshot, run } = await readStanding(row, this.#runs, this.#pool);
    // Nothing lately: then the whole table tells, which takes its time where chunks are compressed.
    const highest = row?.[3] ?? (bound === null ? null : await readCell(this.#reads, { text: this.#highest(null) }));
    return {
      position: { run, all: snapshot, recent: snapshot, bound, highest: BigInt(highest ?? '0') },
      newestArrival:
        bound === null
          ? await newestArrival(this.#reads, this.#stream)
          : await newestArrivalOfParts(this.#reads, this.#stream, { cursor: true, recent: bound }),
    };
  }

  /** SQL of the highest transaction id among the rows, or among those since `$1` (epoch ms) where there is a bound. */
  #highest(bound: number | null): string {
    const cursor = quoteIdentifier(CURSOR_COLUMN);
    return `select ${cursor}::text from ${quoteIdentifier(this.#stream.table)}
      where ${cursor} is not null and ${cursor} < pg_snapshot_xmax(pg_current_snapshot())
        ${bound === null ? '' : `and "timestamp" >= to_timestamp($1::float8 / 1000)`}
      order by ${cursor} desc limit 1`;
  }

  reserve(): Promise<Reservation> {
    return HeldSnapshot.open(this.#reads, this.#stream, this.#memory);
  }

  async look(
    from: Position,
    scope: Scope,
    reservation: Reservation | null,
    sink: (batch: Batch) => void,
  ): Promise<Look | OtherRun> {
    // A held position is one position for all rows, old and new, which only a look at everything leads to.
    const reach = reservation !== null || from.bound === null ? 'all' : scope;
    if (reservation === null) {
      const until = this.#partitioned ? await this.#standing() : null;
      if (until !== null && until.run !== from.run) return this.#otherRun(until);
      const rows = await this.#query(this.#pool, from, reach, until?.snapshot);
      const answered = await readStanding(rows[0], this.#runs, this.#pool);
      if (answered.run !== from.run) return this.#otherRun(answered);
      const standing = until ?? answered;
      const to = this.#after(from, reach, standing);
      if (rows.length <= BATCH_ROWS) {
        this.#handOn(rows, from, to, sink);
        return { position: to, unsettled: standing.snapshot.running.length > 0, held: null };
      }
    }
    const held = await heldOf(reservation, this.#pool, this.#stream, this.#memory);
    return this.#lookInTransaction(from, reach, held, reservation !== null, sink);
  }

  /**
   * Up to where a look at a table in parts reads, asked before it is planned. A plan knows the parts of its time, and the
   * snapshot that it runs with is younger: what is committed between the two into a part that is new, or into a chunk that
   * held compressed rows alone, it does not read, and would count as read by that snapshot.
   */
  async #standing(): Promise<Standing> {
    const query = { text: `select ${STANDING_COLUMNS}`, query_timeout: ANSWER_TIMEOUT_MS };
    const [row] = await readCells(this.#pool, query);
    return readStanding(row, this.#runs, this.#pool);
  }

  /** Reads a look of any size from one snapshot, in batches: that of a transaction, which is older than its plans. */
  async #lookInTransaction(
    from: Position,
    scope: Scope,
    held: HeldSnapshot,
    hold: boolean,
    sink: (batch: Batch) => void,
  ): Promise<Look | OtherRun> {
    let kept = false;
    try {
      const first = await this.#query(held.client, from, scope);
      const standing = await readStanding(first[0], this.#runs, held.client);
      if (standing.run !== from.run) return this.#otherRun(standing);
      // Before anything is handed on: what is missing could stand before what is not.
      if (this.#partitioned) await requireWhole(held.client, this.#stream.table);
      const to = this.#after(from, scope, standing);
      if (first.length <= BATCH_ROWS) this.#handOn(first, from, to, sink);
      else for await (const rows of this.#batches(held.client, from, scope)) this.#handOn(rows, from, to, sink);
      kept = hold;
      return { position: to, unsettled: standing.snapshot.running.length > 0, held: hold ? held.at(to) : null };
    } finally {
      if (!kept) await held.release();
    }
  }

  /**
   * Planning the look costs more than running it, so it is prepared once a connection. A transaction pooler in between
   * may hand every statement to another server process, which does not know it then: from there on it is not prepared.
   */
  async #query(db: Queryable, from: Position, scope: Scope, until?: Snapshot): Promise<readonly Cells[]> {
    const { name, text, values } = this.#queries.first(from, scope, BATCH_ROWS + 1, until);
    const query = { text, query_timeout: ANSWER_TIMEOUT_MS };
    if (!this.#prepared) return readCells(db, query, values);
    try {
      return await readCells(db, { ...query, name }, values);
    } catch (error) {
      if (UNPREPARED.has(errorCode(error) ?? '')) this.#prepared = false;
      throw error;
    }
  }

  async *#batches(client: pg.PoolClient, from: Position, scope: Scope): AsyncGenerator<readonly Cells[]> {
    const { text, values } = this.#queries.whole(from, scope);
    await readCells(client, { text: `declare look no scroll cursor for ${text}` }, values);
    for (;;) {
      const rows = await readCells(client, { text: `fetch ${BATCH_ROWS} from look` });
      if (rows.length > 0) yield rows;
      if (rows.length < BATCH_ROWS) break;
    }
    await client.query('close look');
  }

  #handOn(rows: readonly Cells[], from: Position, to: Position, sink: (batch: Batch) => void): void {
    const changed: ChangedRow[] = [];
    let refused = 0;
    for (const row of rows) {
      const xid = row[HEAD_COLUMNS - 1];
      // The one row of a look that found nothing.
      if (xid == null) continue;
      const parsed = this.#codec.parse(row.slice(HEAD_COLUMNS));
      if (parsed === null) refused += 1;
      else changed.push({ ...parsed, xid: BigInt(xid) });
    }
    if (refused > 0) this.#refused(refused);
    if (changed.length > 0) sink({ from, to, rows: changed });
  }

  #otherRun({ snapshot, run }: Standing): OtherRun {
    return { otherRun: { run, all: snapshot, recent: snapshot, bound: this.#bound(), highest: snapshot.xmax - 1n } };
  }

  #after(from: Position, scope: Scope, { snapshot, run }: Standing): Position {
    // The bound may move only where both sides of it were read up to the same snapshot.
    const { highest } = from;
    if (scope === 'all') return { run, highest, all: snapshot, recent: snapshot, bound: this.#bound() };
    return { run, highest, all: from.all, recent: snapshot, bound: from.bound };
  }

  /** On whole hours, as chunks are. */
  #bound(): number | null {
    return this.#partitioned ? Math.floor((Date.now() - RECENT_MS) / 3_600_000) * 3_600_000 : null;
  }
}
