/**
 * What is new in a table that has no cursor column: the rows written since a moment that lies before the start of every
 * transaction that was open at the last look, without those that were met before. Weaker than a difference of snapshots,
 * for it rests on assumptions: `created_at` is the start of the writing transaction (the column's default, now()), and
 * ids grow with time.
 */
import type pg from 'pg';
import { quoteIdentifier, selectList } from '../../shared/columns.ts';
import { type RowCodec, rowCodec } from '../../shared/rows.ts';
import type { StreamDeclaration } from '../../shared/streams.ts';
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
} from '../feed/ports.ts';
import { BATCH_ROWS } from '../feed/ports.ts';
import { HeldSnapshot, type HistoryMemory, heldOf } from './held.ts';
import { Spacings } from './history/spacings.ts';
import { OpenTransactions } from './open-transactions.ts';
import { Statements } from './prepared.ts';
import type { Cells, Queryable } from './queryable.ts';
import { readCells } from './queryable.ts';
import type { LogOptions, Runs } from './run.ts';
import { readStanding, STANDING_COLUMNS } from './run.ts';
import { newestArrival, newestArrivalOfParts } from './symbols.ts';

/** Clocks and starts of transactions are not read at exactly the same moment. */
const MARGIN_MS = 1000;
/** How far ids may lie behind the newest without being taken for older: sequences may be handed out in blocks. */
const ID_SLACK = 10_000;
/** On hypertables and partitioned tables, rows dated longer before their writing than this are not found live. */
const LATE_MS = 86_400_000;

/** What a look begins with: where the database stands, and its highest id. */
interface Moment {
  readonly position: Position;
  readonly highestId: number;
}

export class OverlapLog implements ChangeLog {
  /** Its rows do not say which transaction wrote them. */
  readonly past = null;
  readonly replays = null;
  readonly #pool: pg.Pool;
  readonly #reads: pg.Pool;
  readonly #stream: StreamDeclaration;
  readonly #memory: HistoryMemory;
  readonly #codec: RowCodec;
  readonly #runs: Runs;
  readonly #partitioned: boolean;
  readonly #refused: (count: number) => void;
  readonly #open = new OpenTransactions();
  /** Epoch ms; every row whose transaction began before was met. */
  #low = 0;
  /** Rows met that began after `#low`: identity to the epoch ms of `created_at`. */
  #met = new Map<string, number>();
  /** The highest id at the time of each look, oldest first; the first lies before `#low`. */
  #ids: { readonly time: number; readonly id: number }[] = [];

  constructor(pool: pg.Pool, stream: StreamDeclaration, options: LogOptions) {
    this.#pool = pool;
    this.#reads = options.reads;
    this.#stream = stream;
    this.#codec = rowCodec(stream);
    this.#runs = options.runs;
    this.#partitioned = options.partitioned;
    this.#memory = { spacings: new Spacings(), statements: options.partitioned ? null : new Statements() };
    this.#refused = options.refused;
  }

  async begin(): Promise<Beginning> {
    const low = await this.#open.oldest(this.#pool);
    const held = await HeldSnapshot.open(this.#pool, this.#stream, this.#memory);
    try {
      const moment = await this.#moment(held.client);
      this.#low = low;
      this.#ids = [{ time: low, id: moment.highestId }];
      this.#met.clear();
      // What is there now is history, whatever transactions that began before may still add.
      for await (const rows of this.#rows(held.client))
        for (const [identity, created] of rows.keys) this.#met.set(identity, created);
      const arrival = this.#partitioned
        ? await newestArrivalOfParts(held.client, this.#stream, { cursor: false, recent: Date.now() - LATE_MS })
        : await newestArrival(held.client, this.#stream);
      return { position: moment.position, newestArrival: arrival };
    } finally {
      await held.release();
    }
  }

  reserve(): Promise<Reservation> {
    return HeldSnapshot.open(this.#reads, this.#stream, this.#memory);
  }

  async look(
    from: Position,
    _scope: Scope,
    reservation: Reservation | null,
    sink: (batch: Batch) => void,
  ): Promise<Look | OtherRun> {
    const low = await this.#oldest(reservation);
    const held = await heldOf(reservation, this.#pool, this.#stream, this.#memory);
    const hold = reservation !== null;
    let kept = false;
    try {
      const { position, highestId } = await this.#moment(held.client);
      if (position.run !== from.run) return { otherRun: position };
      for await (const batch of this.#rows(held.client)) {
        const rows = batch.rows.filter((row) => !this.#met.has(identityOf(row)));
        for (const [identity, created] of batch.keys) this.#met.set(identity, created);
        if (rows.length > 0) sink({ from, to: position, rows });
      }
      this.#advance(low, highestId);
      kept = hold;
      return { position, unsettled: false, held: hold ? held.at(position) : null };
    } finally {
      if (!kept) await held.release();
    }
  }

  /** Before the look has a connection of its own: looks that wait for a second one would wait for each other. */
  async #oldest(reservation: Reservation | null): Promise<number> {
    try {
      return await this.#open.oldest(this.#pool);
    } catch (error) {
      await reservation?.release();
      throw error;
    }
  }

  #advance(low: number, highestId: number): void {
    this.#ids.push({ time: Date.now(), id: highestId });
    this.#low = Math.max(this.#low, low);
    while (this.#ids[1] !== undefined && this.#ids[1].time <= this.#low - MARGIN_MS) this.#ids.shift();
    for (const [identity, created] of this.#met) if (created < this.#low - 2 * MARGIN_MS) this.#met.delete(identity);
  }

  async #moment(db: Queryable): Promise<Moment> {
    const [row] = await readCells(db, {
      text: `select ${STANDING_COLUMNS},
        coalesce((select id from ${quoteIdentifier(this.#stream.table)} order by id desc limit 1), 0)::text`,
    });
    const { snapshot, run } = await readStanding(row, this.#runs, db);
    const [highestId] = row?.slice(3) ?? [];
    return {
      position: { run, all: snapshot, recent: snapshot, bound: null, highest: 0n },
      highestId: Number(highestId),
    };
  }

  /** The rows that began at or after `#low`, in order of id, with their identities and times of writing. */
  async *#rows(client: Queryable): AsyncGenerator<{ rows: ChangedRow[]; keys: [string, number][] }> {
    const since = (this.#low - MARGIN_MS) / 1000;
    const [near] = this.#ids;
    const bound = this.#partitioned ? '"timestamp" >= to_timestamp($2)' : 'id > $2';
    const limit = this.#partitioned ? since - LATE_MS / 1000 : Math.max(0, (near?.id ?? 0) - ID_SLACK);
    await client.query({
      text: `declare look no scroll cursor for select (extract(epoch from created_at) * 1000)::text, ${selectList(this.#stream)}
        from ${quoteIdentifier(this.#stream.table)} c
        where c.created_at >= to_timestamp($1) and c.${bound} order by c.id`,
      values: [since, limit],
    });
    for (;;) {
      const cells = await readCells(client, { text: `fetch ${BATCH_ROWS} from look` });
      if (cells.length > 0) yield this.#parse(cells);
      if (cells.length < BATCH_ROWS) break;
    }
    await client.query('close look');
  }

  #parse(cells: readonly Cells[]): { rows: ChangedRow[]; keys: [string, number][] } {
    const rows: ChangedRow[] = [];
    const keys: [string, number][] = [];
    let refused = 0;
    for (const [created, ...rest] of cells) {
      const row = this.#codec.parse(rest);
      if (row === null) {
        refused += 1;
        continue;
      }
      const changed = { ...row, xid: 0n };
      rows.push(changed);
      keys.push([identityOf(changed), Number(created)]);
    }
    if (refused > 0) this.#refused(refused);
    return { rows, keys };
  }
}

function identityOf(row: ChangedRow): string {
  return `${row.id}@${row.time}`;
}
