/**
 * A database of one table as far as the feed core sees one: transactions with ids, snapshots, crashes that hand ids out
 * again. What a look must find is known here by construction, so the core can be held against it.
 */
import type {
  Batch,
  Beginning,
  ChangedRow,
  ChangeLog,
  HeldPosition,
  Look,
  OtherRun,
  Past,
  Position,
  Reservation,
  RowPlace,
  Scope,
  Snapshot,
  SnapshotRequest,
} from '../../server/feed/ports.ts';
import { OtherRunError } from '../../server/feed/ports.ts';
import type { ReducedChannel } from '../../server/feed/reduced.ts';
import { STREAMS } from '../../shared/streams.ts';
import { readChannel, readKeys } from './read-model.ts';

interface StoredRow extends ChangedRow {
  readonly bornIn: number;
}

/** A transaction that a test opened. */
export interface Transaction {
  readonly xid: bigint;
  /** Ids of the rows that it inserted. */
  readonly ids: string[];
}

function visible(snapshot: Snapshot, xid: bigint): boolean {
  return xid < snapshot.xmax && !snapshot.running.includes(xid);
}

function inFeedOrder(a: RowPlace, b: RowPlace): number {
  return a.xid === b.xid ? Number(a.id) - Number(b.id) : a.xid < b.xid ? -1 : 1;
}

export class ModelDatabase {
  /** Rows of transactions that committed. */
  committed: StoredRow[] = [];
  held = 0;
  /** Makes the next look fail after so many batches; null for none. */
  failAfterBatches: number | null = null;
  batchRows = 3;
  mostLooksAtOnce = 0;
  /** While true, nothing is answered but errors. */
  away = false;
  #looks = 0;
  #open = new Map<bigint, ChangedRow[]>();
  #nextXid = 100n;
  #logged = 99n;
  #nextId = 1;
  #run = 1;

  begin(): Transaction {
    const xid = this.#nextXid;
    this.#nextXid += 1n;
    this.#open.set(xid, []);
    return { xid, ids: [] };
  }

  insert(transaction: Transaction, key: string): string {
    const id = String(this.#nextId);
    this.#nextId += 1;
    // Snapshots carry values and no ids: the rate tells which row it is.
    const cells = [id, '1700000000000', key, 'binance', id, null, null, null, '1700000000000'];
    const row = { id, time: 1_700_000_000_000, key, series: 'binance', cells, xid: transaction.xid };
    this.#open.get(transaction.xid)?.push(row);
    transaction.ids.push(id);
    return id;
  }

  commit({ xid }: Transaction): void {
    for (const row of this.#open.get(xid) ?? []) this.committed.push({ ...row, bornIn: this.#run });
    if (xid > this.#logged) this.#logged = xid;
    this.#open.delete(xid);
  }

  abort({ xid }: Transaction): void {
    this.#open.delete(xid);
  }

  /** Everything that was open is gone, and ids that only it had are handed out again. */
  crash(): void {
    this.#open.clear();
    this.#nextXid = this.#logged + 1n;
    this.#run += 1;
  }

  /** A backup is restored: only the first `rows` rows are left, and transaction ids go on from there. */
  rewind(rows: number): void {
    this.#open.clear();
    this.committed.length = rows;
    this.#logged = this.committed.reduce((highest, { xid }) => (xid > highest ? xid : highest), 99n);
    this.#nextXid = this.#logged + 1n;
    this.#run += 1;
  }

  snapshot(): Snapshot {
    const running = [...this.#open.keys()].sort((a, b) => (a < b ? -1 : 1));
    return { xmin: running[0] ?? this.#nextXid, xmax: this.#nextXid, running };
  }

  position(): Position {
    const snapshot = this.snapshot();
    return { run: `epoch~${this.#run}`, all: snapshot, recent: snapshot, bound: null, highest: snapshot.xmax - 1n };
  }

  /** The rows that a snapshot shows. */
  shown(): ChangedRow[] {
    return [...this.committed];
  }

  #past(): Past {
    const model = this;
    return {
      async *read(from, to, after, limit) {
        let place = after;
        for (let left = limit; left > 0; ) {
          await Promise.resolve();
          if (model.away) throw new Error('the database is away');
          if (to.run !== model.position().run) throw new OtherRunError('another run');
          const page = model.committed
            .filter(({ xid }) => visible(to.all, xid) && !visible(from.all, xid))
            .sort(inFeedOrder)
            .filter((row) => place === null || inFeedOrder(row, place) > 0)
            .slice(0, Math.min(left, model.batchRows));
          if (page.length === 0) return;
          yield page;
          place = page.at(-1) ?? null;
          left -= page.length;
        }
      },
      has: async (xid) => {
        await Promise.resolve();
        return model.committed.some((row) => row.xid === xid);
      },
    };
  }

  log(): ChangeLog {
    return {
      past: this.#past(),
      begin: async (): Promise<Beginning> => {
        await Promise.resolve();
        const highest = this.committed.reduce((most, { xid }) => (xid > most ? xid : most), 0n);
        return { position: { ...this.position(), highest }, newestArrival: null };
      },
      reserve: async () => {
        await Promise.resolve();
        if (this.away) throw new Error('the database is away');
        this.held += 1;
        return {
          release: async () => {
            this.held -= 1;
          },
        };
      },
      look: async (from, scope, reservation, sink) => {
        this.#looks += 1;
        this.mostLooksAtOnce = Math.max(this.mostLooksAtOnce, this.#looks);
        try {
          return await this.#look(from, scope, reservation, sink);
        } finally {
          this.#looks -= 1;
        }
      },
    };
  }

  /** As the real one, a look gives its reservation back unless it ends with it. */
  async #look(
    from: Position,
    scope: Scope,
    reservation: Reservation | null,
    sink: (batch: Batch) => void,
  ): Promise<Look | OtherRun> {
    let look: Look | OtherRun | null = null;
    try {
      look = await this.#lookAt(from, scope, reservation !== null, sink);
      return look;
    } finally {
      if (look === null || 'otherRun' in look) await reservation?.release();
    }
  }

  async #lookAt(from: Position, _scope: Scope, hold: boolean, sink: (batch: Batch) => void): Promise<Look | OtherRun> {
    await Promise.resolve();
    if (this.away) throw new Error('the database is away');
    const to = this.position();
    if (to.run !== from.run) return { otherRun: to };
    // As the real query: by transaction ids alone, never by what this model knows besides.
    const fresh = this.committed
      .filter(({ xid }) => (xid >= from.all.xmax && xid < to.all.xmax) || from.all.running.includes(xid))
      .sort(inFeedOrder);
    const shown = this.shown();
    for (let start = 0; start < fresh.length; start += this.batchRows) {
      if (this.failAfterBatches === 0) {
        this.failAfterBatches = null;
        throw new Error('the connection broke off');
      }
      if (this.failAfterBatches !== null) this.failAfterBatches -= 1;
      sink({ from, to, rows: fresh.slice(start, start + this.batchRows) });
      await Promise.resolve();
    }
    return { position: to, unsettled: to.all.running.length > 0, held: hold ? this.#hold(to, shown) : null };
  }

  #hold(position: Position, rows: readonly ChangedRow[]): HeldPosition {
    let released = false;
    const channels = async function* (request: SnapshotRequest): AsyncGenerator<ReducedChannel> {
      const seen = rows.filter(({ xid }) => visible(position.all, xid));
      for (const key of readKeys(seen, request)) {
        // Time passes while history is read, and deltas come meanwhile.
        for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
        yield readChannel(STREAMS.funding_rates, seen, key, request, request.range.kind === 'window');
      }
    };
    return {
      position,
      channels,
      release: async () => {
        await Promise.resolve();
        if (!released) this.held -= 1;
        released = true;
      },
    };
  }
}
