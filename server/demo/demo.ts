/** Runs the demo market: fills the days before the start, then writes live rows as a pipeline would. */
import type { Logger } from 'pino';
import { STREAM_NAMES, type StreamName } from '../../shared/streams.ts';
import { messageOf } from '../errors.ts';
import type { Clock } from '../feed/ports.ts';
import { fillHistory, HISTORY_MS } from './history.ts';
import { createHostMetrics, createMetricHistory, type Measured, metricRows } from './host-metrics.ts';
import { INSTRUMENTS, instrumentOf } from './instruments.ts';
import { type NewestRate, readNewestRate, readNewestTime, readPast } from './past.ts';
import type { Recording } from './recording.ts';
import { createReplay, type Replay } from './replay.ts';
import { emptyBatch } from './rows.ts';
import { createSimulation } from './simulation.ts';
import { createWriter, type Sql } from './writer.ts';

export type { Measured } from './host-metrics.ts';
export type { Sql } from './writer.ts';

/** What the demo needs of the world. */
export interface DemoDependencies {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly seed: number;
  /** The server's own measurements, asked for at every reading of the system metrics. */
  readonly measured: () => Measured;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** Plays a recording instead of the simulated rates, at `speed` times its own pace. */
  readonly replay?: { readonly recording: Recording; readonly speed: number };
}

/** The demo market on a database. */
export interface Demo {
  /**
   * Fills what is missing of the last seven days: all of it in an empty database, later the gap since the newest rate.
   *
   * @param progress how much is done of how much, in rounds of polls.
   */
  backfill(progress: (done: number, total: number) => void): Promise<void>;
  /** Begins to write live rows; after `backfill`. */
  start(): void;
  /** Ends the writing; resolves when the last statement is through. Safe to call twice. */
  stop(): Promise<void>;
}

/** Every symbol is polled once in this time, one after the other. */
const ROUND_MS = 5_000;
const METRICS_MS = 2_000;
/** A symbol of the whole market is scored and predicted this often. */
const PACE = { scoreMs: 20_000, signalMs: 60_000 } as const;
/** However few the symbols are, turns come no faster than four times the ordinary. */
const MOST_HURRY = 0.25;
/** From so many new rows on the planner's statistics are renewed at once instead of by autovacuum. */
const MANY_ROWS = 5_000;

/** Builds the demo; nothing happens before `backfill` or `start`. */
export function createDemo(deps: DemoDependencies): Demo {
  const { sql, clock, log, seed } = deps;
  const instruments = deps.replay ? deps.replay.recording.symbols.map(instrumentOf) : INSTRUMENTS;
  const simulation = createSimulation({ seed, instruments, rates: deps.replay === undefined });
  const hurry = Math.max(MOST_HURRY, Math.min(1, instruments.length / INSTRUMENTS.length));
  const roundMs = ROUND_MS * hurry;
  const pace = { scoreMs: PACE.scoreMs * hurry, signalMs: PACE.signalMs * hurry };
  const metricsEvery = Math.ceil((METRICS_MS * instruments.length) / roundMs);
  const writer = createWriter(sql, log);
  const readHost = createHostMetrics();
  const read = (): Measured => ({ ...readHost(), ...deps.measured() });
  let replay: Replay | null = null;

  const resume = async (newest: NewestRate | null, now: number): Promise<void> => {
    if (newest === null || newest.time <= now - HISTORY_MS) return;
    for (const symbol of simulation.symbols) {
      const past = await readPast(sql, symbol, newest.time);
      if (past !== null) simulation.resume(symbol, past);
    }
    if (deps.replay && newest.recordedAt === null) {
      const until = new Date(newest.time).toISOString();
      log.warn({ until }, 'the table holds other rates already; the recording begins after them');
    }
  };

  const live = createLive({
    clock,
    log,
    stepMs: roundMs / instruments.length,
    async write(time, turn) {
      const batch = emptyBatch();
      const symbol = simulation.symbols[turn % simulation.symbols.length];
      if (symbol !== undefined) simulation.poll(symbol, time, pace, batch);
      if (turn % metricsEvery === 0) {
        const measured = read();
        // The first two still have the filling of the history and the start of the server in them.
        if (turn >= 2 * metricsEvery) batch.system_metrics.push(...metricRows(time, measured));
      }
      replay?.fill(time, batch);
      await writer.prepare(batch, { past: false })();
    },
  });

  return {
    async backfill(progress) {
      const now = clock.now();
      const newest = await readNewestRate(sql, now);
      const from = Math.max(now - HISTORY_MS, newest?.time ?? 0);
      await resume(newest, now);
      if (deps.replay) {
        replay = createReplay({ ...deps.replay, now, newest });
        replay.skip(from);
      }
      const rows = await fillHistory({
        from,
        to: now,
        newest: await readNewestTimes(sql, now),
        simulation,
        hurry,
        recorded: replay === null ? null : replay.fill,
        metrics: createMetricHistory(seed, read()),
        writer,
        progress,
      });
      if (rows > MANY_ROWS) await analyze(sql, log);
      log.info({ rows, from: new Date(from).toISOString() }, 'the history of the demo is filled');
    },
    start: live.start,
    stop: live.stop,
  };
}

async function readNewestTimes(sql: Sql, now: number): Promise<Map<StreamName, number>> {
  const times = new Map<StreamName, number>();
  for (const table of STREAM_NAMES) {
    const time = await readNewestTime(sql, table, now);
    if (time !== null) times.set(table, time);
  }
  return times;
}

async function analyze(sql: Sql, log: DemoDependencies['log']): Promise<void> {
  for (const table of STREAM_NAMES) {
    try {
      // A small sample tells of tables this even what the planner has to know; documents make a large one slow.
      await sql.query(`set local default_statistics_target = 10; analyze ${table}`);
    } catch (error) {
      // The rows are there all the same, and autovacuum does it later.
      log.warn({ table, reason: messageOf(error) }, 'the statistics of a demo table could not be renewed');
    }
  }
}

/** Turns at a steady pace, one at a time; after a failure it goes on with the next, and says so once an outage. */
function createLive(options: {
  clock: Clock;
  log: DemoDependencies['log'];
  stepMs: number;
  write(time: number, turn: number): Promise<void>;
}): { start(): void; stop(): Promise<void> } {
  const { clock, log, stepMs } = options;
  let current: Promise<void> = Promise.resolve();
  let cancel: (() => void) | null = null;
  let running = false;
  let failing = false;
  let turn = 0;
  let due = 0;

  const take = async (): Promise<void> => {
    try {
      await options.write(clock.now(), turn);
      if (failing) log.info({}, 'the demo writes again');
      failing = false;
    } catch (error) {
      if (!failing) log.warn({ reason: messageOf(error) }, 'the demo cannot write; it goes on trying');
      failing = true;
    }
    turn++;
    // Turns that were missed (a slow database, a sleeping machine) are left out, not made up for in a rush.
    due = Math.max(due + stepMs, clock.now() - stepMs);
    schedule();
  };
  const schedule = (): void => {
    if (!running) return;
    cancel = clock.after(Math.max(0, due - clock.now()), () => {
      current = take();
    });
  };
  return {
    start() {
      if (running) return;
      running = true;
      due = clock.now();
      schedule();
    },
    async stop() {
      running = false;
      cancel?.();
      await current;
    },
  };
}
