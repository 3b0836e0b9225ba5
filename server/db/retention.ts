/**
 * Retention for plain tables: deletes, in small batches, the rows of the dashboard's own tables that are older than the
 * days that the operator set. Writers notice nothing of it: no lock but those of the rows that go, pauses in between.
 *
 * It deletes what cannot be had back, so it does not believe any one clock. A table's own newest row is the measure,
 * together with the clocks of the database and of this server: the earliest of them counts, so that a clock that is ahead,
 * or one row dated in the future, takes nothing along. Where all of them jumped together, the rows from before the jump
 * stay until the table holds a day's worth of rows after it: by then somebody has seen the charts.
 */
import { Socket } from 'node:net';
import pg from 'pg';
import type { Logger } from 'pino';
import * as z from 'zod';
import { STREAMS, type StreamName } from '../../shared/streams.ts';
import type { Counters } from '../counted.ts';
import { messageOf } from '../errors.ts';
import { readCatalogue } from './catalogue.ts';
import { DOORBELL_CHANNEL, QUIET_USAGE, REWRITTEN } from './doorbell.ts';
import { isDatabaseAway, type Queryable, readColumn } from './queryable.ts';
import { readRetentionFacts, retentionVerdicts } from './retention-rules.ts';
import { type RetentionQueries, retentionQueries } from './retention-sql.ts';

/** The advisory lock's two keys: "ALPH" in ASCII, and a three. One server at a time works. */
const LOCK_KEYS = [0x41_4c_50_48, 3] as const;
const BATCH_ROWS = 1000;
const FIRST_ROUND_MS = 60_000;
const ROUND_MS = 900_000;
const SHORTEST_PAUSE_MS = 20;
/** Somebody who changes one of the oldest rows, or its pack, is waited for this long before the round is given up. */
const LOCK_TIMEOUT_MS = 5000;
const STATEMENT_TIMEOUT_MS = 30_000;

export interface RetentionOptions {
  /** How to reach the database without a pooler in between: the lock belongs to a session. */
  readonly connection: () => Promise<pg.ClientConfig>;
  readonly days: number;
  readonly counters: Counters;
  readonly log: Logger;
  /** This server's clock, epoch ms. */
  readonly now?: () => number;
  /** Waits between two batches; absent: as long as the batch took, so that it uses half of a connection at most. */
  readonly pause?: (batchMs: number) => Promise<void>;
}

/** What a round did: `busy` where another server is at it. Rows that were deleted, by stream. */
export type Round =
  | { readonly kind: 'busy' | 'stopped' }
  | { readonly kind: 'done'; readonly deleted: ReadonlyMap<StreamName, number> };

const lockRow = z.object({ got: z.boolean() });
const markRow = z.object({ run: z.string(), xmin: z.string() });
const boundsRow = z.object({ reference: z.string(), cutoff: z.string(), proven: z.boolean() });
const pageRows = z.array(z.object({ place: z.string(), time: z.string(), id: z.string(), due: z.boolean() }));
const removedRow = z.object({ rows: z.number(), packs: z.number() });

/** Ids below `xmin` were handed out, and their transactions over, when the mark was taken in that run of the server. */
type Mark = z.infer<typeof markRow>;

export class Retention {
  readonly #options: RetentionOptions;
  /** Where the round before began: what was not there then is not deleted in this one. */
  #mark: Mark | null = null;
  /** What was said of a stream last, so that it is not said every round. */
  readonly #said = new Map<StreamName, string>();
  readonly #stopping = new AbortController();
  #socket: Socket | null = null;
  #timer: NodeJS.Timeout | undefined;
  #working: Promise<unknown> = Promise.resolve();

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  /** Begins: a first round soon, which takes the mark, then one each quarter of an hour. */
  start(): void {
    this.#schedule(FIRST_ROUND_MS);
  }

  /** Ends; what a batch under way has deleted is rolled back by the database. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#stopping.abort();
    // Whether its server answers or not.
    this.#socket?.destroy();
    await this.#working;
  }

  #schedule(ms: number): void {
    if (this.#stopping.signal.aborted) return;
    this.#timer = setTimeout(() => {
      this.#working = this.#tryRound().then(() => this.#schedule(ROUND_MS));
    }, ms);
  }

  async #tryRound(): Promise<void> {
    const { log, counters } = this.#options;
    try {
      await this.round();
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      counters.add('retention_failed_rounds_total');
      // That the database is away is told by others; the next round begins anew.
      const level = isDatabaseAway(error) ? 'debug' : 'warn';
      log[level]({ err: error }, `a round of retention failed: ${messageOf(error)}`);
    }
  }

  /**
   * One round over all tables. A row is deleted at the earliest in the round after the one that saw it first.
   *
   * @throws what the database throws; the batches before stay deleted.
   */
  async round(): Promise<Round> {
    if (this.#stopping.signal.aborted) return { kind: 'stopped' };
    const config = await this.#options.connection();
    if (this.#stopping.signal.aborted) return { kind: 'stopped' };
    const socket = new Socket();
    const client = new pg.Client({
      ...config,
      stream: () => socket,
      application_name: 'alphapulse-dashboard retention',
      keepAlive: true,
      connectionTimeoutMillis: 5000,
      lock_timeout: LOCK_TIMEOUT_MS,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      query_timeout: STATEMENT_TIMEOUT_MS + 2000,
    });
    client.on('error', (error) => this.#options.log.debug({ err: error }, "retention's connection was lost"));
    this.#socket = socket;
    try {
      await client.connect();
      return await this.#roundOn(client);
    } catch (error) {
      if (this.#stopping.signal.aborted) return { kind: 'stopped' };
      throw error;
    } finally {
      this.#socket = null;
      await client.end().catch(() => undefined);
    }
  }

  async #roundOn(client: pg.Client): Promise<Round> {
    const { rows } = await client.query('select pg_try_advisory_lock($1, $2) as got', [...LOCK_KEYS]);
    if (!lockRow.parse(rows[0]).got) return { kind: 'busy' };
    const mark = await readMark(client);
    const before = this.#mark?.run === mark.run ? this.#mark.xmin : null;
    const verdicts = retentionVerdicts(
      await readCatalogue(client),
      await readRetentionFacts(client),
      this.#options.days,
    );
    const deleted = new Map<StreamName, number>();
    for (const verdict of verdicts) {
      if (verdict.works) deleted.set(verdict.stream, await this.#clean(client, verdict.stream, before));
      else this.#say(verdict.stream, `retention does not work on it: ${verdict.reason}`, { mend: verdict.mend });
    }
    this.#mark = mark;
    this.#options.counters.add('retention_rounds_total');
    return { kind: 'done', deleted };
  }

  async #clean(client: pg.Client, stream: StreamName, mark: string | null): Promise<number> {
    const queries = retentionQueries(STREAMS[stream]);
    const keys = await readColumn(client, { text: queries.keys });
    const { days, now = Date.now } = this.#options;
    const found = await client.query(queries.bounds, [keys, days, now()]);
    const [bounds] = z.array(boundsRow).parse(found.rows);
    if (bounds === undefined) return 0;
    const { cutoff, reference, proven } = bounds;
    if (!proven) {
      this.#say(
        stream,
        `nothing of it is deleted: it holds no row between ${cutoff} and a day before ${reference}`,
        {},
      );
      return 0;
    }
    this.#said.delete(stream);
    let rows = 0;
    let packs = 0;
    let started = performance.now();
    for await (const places of placesOf(client, queries, { keys, cutoff, mark })) {
      if (places.length > 0) {
        const removed = await remove(client, queries, { places, cutoff, mark });
        rows += removed.rows;
        packs += removed.packs;
      }
      await this.#pause(performance.now() - started);
      started = performance.now();
    }
    if (rows === 0) return 0;
    // Once for all batches, since each notification takes a lock that writers want too: every server lets go of the history
    // that it keeps.
    await client.query('select pg_notify($1, $2) where pg_notification_queue_usage() < $3::float8', [
      DOORBELL_CHANNEL,
      `${REWRITTEN}${stream}`,
      QUIET_USAGE,
    ]);
    this.#options.counters.add('retention_rows_total', rows);
    this.#options.counters.add('retention_packs_total', packs);
    this.#options.log.info({ stream, rows, packs, before: cutoff }, `retention deleted ${rows} rows of ${stream}`);
    return rows;
  }

  async #pause(batchMs: number): Promise<void> {
    const { pause } = this.#options;
    if (pause === undefined) await resting(Math.max(SHORTEST_PAUSE_MS, batchMs), this.#stopping.signal);
    else await pause(batchMs);
    this.#stopping.signal.throwIfAborted();
  }

  #say(stream: StreamName, sentence: string, details: { readonly mend?: string }): void {
    const about = sentence.replace(/\d/g, '');
    if (this.#said.get(stream) === about) return;
    this.#said.set(stream, about);
    this.#options.log.warn({ stream, ...details }, sentence);
  }
}

async function readMark(db: Queryable): Promise<Mark> {
  const { rows } = await db.query(
    `select pg_postmaster_start_time()::text as run, pg_snapshot_xmin(pg_current_snapshot())::text as xmin`,
  );
  return markRow.parse(rows[0]);
}

/**
 * The places of the rows that are due. Each old row is read once, those that stay as well; a batch ends after so many rows
 * that were read, so that there is a pause also where most of them stay.
 */
async function* placesOf(
  db: Queryable,
  queries: RetentionQueries,
  by: { readonly keys: readonly string[]; readonly cutoff: string; readonly mark: string | null },
): AsyncGenerator<readonly string[]> {
  let places: string[] = [];
  let read = 0;
  for (const key of by.keys) {
    const start = [key, by.cutoff, by.mark, BATCH_ROWS];
    let page = pageRows.parse((await db.query(queries.first, start)).rows);
    for (;;) {
      for (const { place, due } of page) if (due) places.push(place);
      read += page.length;
      if (read >= BATCH_ROWS) {
        yield places;
        places = [];
        read = 0;
      }
      const last = page.at(-1);
      if (last === undefined || page.length < BATCH_ROWS) break;
      page = pageRows.parse((await db.query(queries.next, [...start, last.time, last.id])).rows);
    }
  }
  if (places.length > 0) yield places;
}

/**
 * Deletes a batch in one transaction with the packs of its hours. The trigger that notes deletions keeps silent, and the
 * note is written here, where it also is when there are no triggers: whoever is making a pack of such an hour at this
 * moment does not see that the rows go, and drops it by the note.
 */
async function remove(
  client: pg.Client,
  queries: RetentionQueries,
  by: { readonly places: readonly string[]; readonly cutoff: string; readonly mark: string | null },
): Promise<z.infer<typeof removedRow>> {
  await client.query(`begin; set local alphapulse_dashboard.retention = 'on'`);
  try {
    const { rows } = await client.query(queries.remove, [by.places, by.cutoff, by.mark]);
    await client.query('commit');
    return removedRow.parse(rows[0]);
  } catch (error) {
    // Where the connection is gone the transaction is too, and the first error says more.
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}

/** Resolves after `ms`, or at once when the signal comes. */
function resting(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
