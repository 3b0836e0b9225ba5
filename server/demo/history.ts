/** Fills the demo's history: every poll that would have been made, in the order of time, portion by portion. */
import type { StreamName } from '../../shared/streams.ts';
import type { Batch, SystemMetricRow } from './rows.ts';
import { emptyBatch } from './rows.ts';
import type { Pace, Simulation } from './simulation.ts';
import type { Writer } from './writer.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** How far back the history goes, in ms. */
export const HISTORY_MS = 7 * 24 * HOUR;

/** How closely a stretch of the past is filled: a round of polls, and of readings of the system metrics, each `pollMs`. */
interface Grade extends Pace {
  /** The age at which the stretch begins, in ms. */
  readonly age: number;
  readonly pollMs: number;
}

/**
 * The nearer the closer, as each range is looked at: polls come as often as a line of that range needs to be one, and the
 * last hour has predictions and trades as often as they come live. Each distance between polls is a multiple of the next.
 */
const GRADES: readonly Grade[] = [
  { age: HISTORY_MS, pollMs: 30 * MINUTE, scoreMs: 30 * MINUTE, signalMs: 30 * MINUTE },
  { age: 24 * HOUR, pollMs: 4 * MINUTE, scoreMs: 4 * MINUTE, signalMs: 4 * MINUTE },
  { age: 6 * HOUR, pollMs: MINUTE, scoreMs: 2 * MINUTE, signalMs: 3 * MINUTE },
  { age: HOUR, pollMs: 30 * SECOND, scoreMs: MINUTE, signalMs: MINUTE },
];

/** Rows that are written together. */
const PORTION = 4_000;

/** A round of polls of all symbols: symbol i of n comes i/n of `pollMs` after `start` (epoch ms). */
interface Round {
  readonly start: number;
  readonly pollMs: number;
  readonly pace: Pace;
}

/** What is to be filled. Times are epoch ms. */
export interface HistoryPlan {
  /** Rows are missing after this time, up to `to`. */
  readonly from: number;
  readonly to: number;
  /** The newest row that each table has; what is not newer is there already. */
  readonly newest: ReadonlyMap<StreamName, number>;
  readonly simulation: Simulation;
  /** Part of the ordinary times: a market of few symbols takes its turns faster. */
  readonly hurry: number;
  /** Rows of a recording up to a time, where one is played. */
  readonly recorded: ((to: number, batch: Batch) => void) | null;
  /** The system metrics of a moment. */
  readonly metrics: (time: number) => SystemMetricRow[];
  readonly writer: Writer;
  readonly progress: (done: number, total: number) => void;
}

/** Fills the history and answers how many rows that took. `progress` counts rounds of polls. */
export async function fillHistory(plan: HistoryPlan): Promise<number> {
  const rounds = roundsBetween(plan.from, plan.to, plan.hurry);
  let portion = emptyBatch();
  let rows = 0;
  let pending = Promise.resolve(0);
  for (const [index, round] of rounds.entries()) {
    pollRound(plan, round, portion);
    // While the database takes a portion the next one is made, and its answers are heard in between: each of them sends
    // the next statement off. Timers and requests get their turn as well.
    await new Promise((resolve) => setImmediate(resolve));
    const size = portion.funding_rates.length + portion.signal_predictions.length;
    if (size < PORTION && index < rounds.length - 1) continue;
    const write = plan.writer.prepare(onlyNewer(portion, plan.newest), { past: true });
    rows += await pending;
    pending = write();
    // It is awaited above or below; the failure is heard there.
    pending.catch(() => undefined);
    portion = emptyBatch();
    plan.progress(index + 1, rounds.length);
  }
  return rows + (await pending);
}

function roundsBetween(from: number, to: number, hurry: number): Round[] {
  const rounds: Round[] = [];
  let start: number | null = null;
  for (const [index, grade] of GRADES.entries()) {
    const pollMs = grade.pollMs * hurry;
    const next = GRADES[index + 1];
    // A nearer stretch begins early rather than late, so that all of its range is as close.
    const end = next === undefined ? to : Math.floor((to - next.age) / pollMs) * pollMs;
    if (end <= from) continue;
    const pace = { scoreMs: grade.scoreMs * hurry, signalMs: grade.signalMs * hurry };
    start ??= Math.floor(from / pollMs) * pollMs;
    for (; start < end; start += pollMs) rounds.push({ start, pollMs, pace });
  }
  return rounds;
}

function pollRound(plan: HistoryPlan, round: Round, batch: Batch): void {
  const { from, to, simulation } = plan;
  const { start, pollMs, pace } = round;
  const isMissing = (time: number): boolean => time > from && time <= to;
  for (const [index, symbol] of simulation.symbols.entries()) {
    const time = Math.round(start + (pollMs * index) / simulation.symbols.length);
    if (isMissing(time)) simulation.poll(symbol, time, pace, batch);
  }
  if (isMissing(start)) batch.system_metrics.push(...plan.metrics(start));
  plan.recorded?.(Math.min(start + pollMs, to), batch);
}

/** Without the rows that a run which was killed in the middle of a portion has written already. */
function onlyNewer(batch: Batch, newest: ReadonlyMap<StreamName, number>): Batch {
  if (newest.size === 0) return batch;
  const isNew = (stream: StreamName) => (row: { readonly timestamp: number }) =>
    row.timestamp > (newest.get(stream) ?? Number.NEGATIVE_INFINITY);
  return {
    funding_rates: batch.funding_rates.filter(isNew('funding_rates')),
    anomalies: batch.anomalies.filter(isNew('anomalies')),
    performance_metrics: batch.performance_metrics.filter(isNew('performance_metrics')),
    signal_predictions: batch.signal_predictions.filter(isNew('signal_predictions')),
    system_metrics: batch.system_metrics.filter(isNew('system_metrics')),
  };
}
