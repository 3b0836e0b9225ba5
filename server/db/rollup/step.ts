/**
 * One transaction of the rollups of one stream. Whatever it does, it does as of its own snapshot: first the packs go that
 * rows came to since the last position or that were rewritten, then packs are made, and the snapshot becomes the position.
 * So at any moment every pack counts exactly the rows that are visible at the position that stands beside it.
 */
import type pg from 'pg';
import type { StreamDeclaration } from '../../../shared/streams.ts';
import { parseSnapshot } from '../../feed/position.ts';
import { OWN_SCHEMA } from '../catalogue.ts';
import { errorCode } from '../queryable.ts';
import { requireWhole } from '../truncated.ts';
import { Builder, type Built } from './build.ts';
import { dropAll, dropOld, dropRewritten, dropTouched, touches } from './drop.ts';
import {
  hoursDue,
  hoursInAll,
  hoursMissing,
  type RollupStanding,
  readRollupStanding,
  storePosition,
} from './standing.ts';
import { HOUR_MS, SETTLED_MS, WINDOW_MS } from './tables.ts';

/** What paces the making of packs; times in ms. */
export interface RollupPace {
  /** Hours are packed this long after their end. */
  readonly settledMs: number;
  /** Lines and hours that something came to are packed again after so long without anything more. */
  readonly quietMs: number;
  /** How far back hours are packed. */
  readonly windowMs: number;
  /** Rows that are packed in one transaction, each counted once a pack that it goes into. */
  readonly rowsAtOnce: number;
  /** How long it rests after a transaction that had work to do, as a multiple of the time that one took. */
  readonly rest: number;
}

export const USUAL_PACE: RollupPace = {
  settledMs: SETTLED_MS,
  quietMs: 60_000,
  windowMs: WINDOW_MS,
  rowsAtOnce: 80_000,
  rest: 1,
};

/** What a step did. */
export interface StepOutcome {
  /**
   * `unfit`: the table can have no rollups. `cleared`: what was void is being taken away. `idle`: there was nothing to do.
   * `moved`: rows came or were rewritten. `built`: packs were made, and there may be more to make.
   */
  readonly kind: 'unfit' | 'cleared' | 'idle' | 'moved' | 'built';
  readonly built: number;
  readonly dropped: number;
  /** Hours that were examined, of all that there are to be. */
  readonly hoursDone: number;
  readonly hoursAll: number;
}

/** Transactions after which the position of a stream moves on although no row came. */
const MOST_BEHIND = 20_000n;
/** SQL state of a statement that took too long. */
const TIMED_OUT = '57014';

/** The rollups of one stream; keeps in memory only what can be read again. */
export class StreamRollup {
  readonly stream: StreamDeclaration;
  readonly #pace: RollupPace;
  readonly #partitioned: boolean;
  readonly #builder: Builder;
  /** Times in which rows were rewritten lately: they may be again, so their hours wait. */
  #restless: { readonly from: number; readonly to: number; readonly until: number }[] = [];

  /** @param partitioned whether the table is a hypertable or has partitions. */
  constructor(stream: StreamDeclaration, pace: RollupPace = USUAL_PACE, partitioned = false) {
    this.stream = stream;
    this.#pace = pace;
    this.#partitioned = partitioned;
    this.#builder = new Builder(stream, pace.rowsAtOnce, partitioned);
  }

  /**
   * Runs one transaction on a client that is in none. Throws what the database throws, and has rolled back then; code
   * 40001 means that somebody else changed the rollups in the meantime.
   */
  async step(client: pg.ClientBase): Promise<StepOutcome> {
    await client.query('begin isolation level repeatable read');
    try {
      const outcome = await this.#work(client);
      await client.query(outcome.kind === 'idle' ? 'rollback' : 'commit');
      return outcome;
    } catch (error) {
      this.#builder.forget();
      // Where the connection is gone the transaction is too, and the first error says more.
      await client.query('rollback').catch(() => undefined);
      throw error;
    }
  }

  async #work(client: pg.ClientBase): Promise<StepOutcome> {
    const standing = await readRollupStanding(client, this.stream, this.#pace.windowMs);
    const due = hoursDue(standing.now, this.#pace.windowMs, this.#pace.settledMs);
    const outcome = (kind: StepOutcome['kind'], built: number, dropped: number, hoursDone: number): StepOutcome => ({
      kind,
      built,
      dropped,
      hoursDone,
      hoursAll: hoursInAll(due),
    });
    if (standing.void) {
      // Readers take packs for nothing without a position; emptying the tables may take longer than one transaction.
      await this.#forgetPosition(client);
      return outcome('cleared', 0, 0, 0);
    }
    if (standing.source === null) return outcome('unfit', 0, 0, 0);
    if (standing.position === null) {
      this.#builder.forget();
      const { dropped, empty } = await dropAll(client, this.stream);
      if (empty) await storePosition(client, this.stream, standing);
      return outcome('cleared', 0, dropped, 0);
    }
    let dropped = 0;
    let moved = false;
    if (standing.rewritten) {
      dropped += await this.#dropRewritten(client, standing.now);
      moved = true;
    }
    const range = this.#known(standing);
    if (range !== null) {
      const fresh = await this.#dropTouched(client, standing.position, range);
      dropped += fresh.dropped;
      moved ||= fresh.rows > 0;
    }
    if (standing.known !== null && standing.known.oldest < due.from - HOUR_MS) {
      dropped += await dropOld(client, this.stream, due.from);
      moved = true;
    }
    // Readers give up packs whose position is far behind, and cannot know that nothing came since.
    moved ||= parseSnapshot(standing.snapshot).xmax - standing.position.xmax > MOST_BEHIND;
    const built = await this.#build(client, standing, due);
    if (!moved && !built.wrote) return outcome('idle', 0, 0, standing.examined);
    // What was read of a chunk that was compressed meanwhile is not all that the snapshot has of it.
    if (this.#partitioned) await requireWhole(client, this.stream.table);
    await storePosition(client, this.stream, standing);
    return outcome(built.wrote ? 'built' : 'moved', built.packs, dropped, standing.examined);
  }

  async #forgetPosition(client: pg.ClientBase): Promise<void> {
    await client.query(`delete from ${OWN_SCHEMA}.rollup_state where stream = $1`, [this.stream.name]);
  }

  async #dropRewritten(client: pg.ClientBase, now: number): Promise<number> {
    const { ranges, dropped } = await dropRewritten(client, this.stream);
    this.#builder.forget();
    const until = now + this.#pace.quietMs;
    this.#restless = [
      ...this.#restless.filter((range) => range.until > now),
      ...ranges.map((range) => ({ ...range, until })),
    ];
    return dropped;
  }

  /** The hours that packs or notes of touched lines may belong to. */
  #known({ known }: RollupStanding): { readonly oldest: number; readonly newest: number } | null {
    const { queued } = this.#builder;
    if (known === null && queued.length === 0) return null;
    return {
      oldest: Math.min(known?.oldest ?? Number.POSITIVE_INFINITY, ...queued),
      newest: Math.max(known?.newest ?? Number.NEGATIVE_INFINITY, ...queued),
    };
  }

  async #dropTouched(
    client: pg.ClientBase,
    position: NonNullable<RollupStanding['position']>,
    range: { readonly oldest: number; readonly newest: number },
  ): ReturnType<typeof dropTouched> {
    try {
      return await dropTouched(client, this.stream, position, range, this.#builder.queued);
    } catch (error) {
      if (errorCode(error) !== TIMED_OUT) throw error;
      // More rows came than can be gone through: beginning anew is cheaper, and never wrong.
      await client.query('rollback');
      await client.query('begin');
      await this.#forgetPosition(client);
      await client.query('commit');
      throw error;
    }
  }

  async #build(client: pg.ClientBase, standing: RollupStanding, due: ReturnType<typeof hoursDue>): Promise<Built> {
    const touched = await this.#builder.touched(client, this.#pace.quietMs);
    if (touched.wrote) return touched;
    if (standing.examined >= hoursInAll(due) && this.#builder.queued.length === 0) return touched;
    const missing = await hoursMissing(client, this.stream, due);
    const restless = this.#restless.filter(({ until }) => until > standing.now);
    return this.#builder.hours(
      client,
      missing.filter((hour) => !restless.some((range) => touches(range, hour))),
    );
  }
}
