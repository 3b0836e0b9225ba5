/** Fills the demo's history: every poll that would have been made, in the order of time, portion by portion. */
import type { StreamName } from '../../shared/streams.ts';
import type { Batch, SystemMetricRow } from './rows.ts';
import { emptyBatch } from './rows.ts';
import type { Simulation } from './simulation.ts';
import type { Writer } from './writer.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** How far back the history goes, in ms. */
export const HISTORY_MS = 7 * 24 * HOUR;

/** Polls of a symbol are this far apart, but in the last hour, which is looked at closer; signals come with them. */
const SPARSE = { pollMs: 5 * MINUTE, signalMs: 12 * MINUTE } as const;
const DENSE = { pollMs: 30_000, signalMs: 40_000 } as const;
const DENSE_FOR_MS = HOUR;

/** Rows that are written together. */
const PORTION = 4_000;

/** A round of polls of all symbols: symbol i of n comes i/n of `pollMs` after `start` (epoch ms). */
interface Round {
  readonly start: number;
  readonly pollMs: number;
  readonly signalMs: number;
}

/** What is to be filled. Times are epoch ms. */
export interface HistoryPlan {
  /** Rows are missing after this time, up to `to`. */
  readonly from: number;
  readonly to: number;
  /** The newest row that each table has; what is not newer is there already. */
  readonly newest: ReadonlyMap<StreamName, number>;
  readonly simulation: Simulation;
  /** Part of the ordinary time between polls and between signals: a market of few symbols takes its turns faster. */
  readonly pace: number;
  /** Rows of a recording up to a time, where one is played. */
  readonly recorded: ((to: number, batch: Batch) => void) | null;
  /** The system metrics of a minute. */
  readonly metrics: (time: number) => SystemMetricRow[];
  readonly writer: Writer;
  readonly progress: (done: number, total: number) => void;
}

/** Fills the history and answers how many rows that took. `progress` counts rounds of polls. */
export async function fillHistory(plan: HistoryPlan): Promise<number> {
  const rounds = roundsBetween(plan.from, plan.to, plan.pace);
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

function roundsBetween(from: number, to: number, pace: number): Round[] {
  const rounds: Round[] = [];
  const denseFrom = Math.floor((to - DENSE_FOR_MS) / SPARSE.pollMs) * SPARSE.pollMs;
  const add = (after: number, before: number, { pollMs, signalMs }: typeof SPARSE | typeof DENSE): void => {
    const width = pollMs * pace;
    for (let start = Math.floor(after / width) * width; start < before; start += width) {
      rounds.push({ start, pollMs: width, signalMs: signalMs * pace });
    }
  };
  add(from, denseFrom, SPARSE);
  add(Math.max(from, denseFrom), to, DENSE);
  return rounds;
}

function pollRound(plan: HistoryPlan, round: Round, batch: Batch): void {
  const { from, to, simulation } = plan;
  const isMissing = (time: number): boolean => time > from && time <= to;
  for (const [index, symbol] of simulation.symbols.entries()) {
    const time = Math.round(round.start + (round.pollMs * index) / simulation.symbols.length);
    if (isMissing(time)) simulation.poll(symbol, time, round.signalMs, batch);
  }
  const end = round.start + round.pollMs;
  for (let time = Math.ceil(round.start / MINUTE) * MINUTE; time < end; time += MINUTE) {
    if (isMissing(time)) batch.system_metrics.push(...plan.metrics(time));
  }
  plan.recorded?.(Math.min(end, to), batch);
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
