/** System metrics of the demo: what this process really uses, and what the server measures of itself. */
import { availableParallelism, loadavg } from 'node:os';
import { createRandom, createWanderer } from './random.ts';
import type { SystemMetricRow } from './rows.ts';

/** A measured value and its unit, by metric name. */
export type Measured = Readonly<Record<string, { readonly value: number; readonly unit: string }>>;

const HALF_LIFE = 45 * 60_000;

/** One object each for all rows that say the same. */
const READ = { simulated: false };
const INVENTED = { simulated: true };

/** Readings of this process: processor load of the machine (%), resident and heap memory (MB), processor time used (%). */
export function createHostMetrics(): () => Measured {
  let lastUsage = process.cpuUsage();
  let lastTime = process.hrtime.bigint();
  return () => {
    const usage = process.cpuUsage();
    const time = process.hrtime.bigint();
    const spent = usage.user + usage.system - lastUsage.user - lastUsage.system;
    const passed = Number(time - lastTime) / 1_000;
    lastUsage = usage;
    lastTime = time;
    const memory = process.memoryUsage();
    return {
      cpu_load: { value: round((100 * (loadavg()[0] ?? 0)) / availableParallelism()), unit: '%' },
      process_cpu: { value: round(passed > 0 ? (100 * spent) / passed : 0), unit: '%' },
      memory_rss: { value: round(memory.rss / 1_048_576), unit: 'MB' },
      memory_heap: { value: round(memory.heapUsed / 1_048_576), unit: 'MB' },
    };
  };
}

/** The rows of one reading. */
export function metricRows(timestamp: number, measured: Measured): SystemMetricRow[] {
  return Object.entries(measured).map(([metric_name, { value, unit }]) => ({
    timestamp,
    metric_name,
    metric_value: value,
    metric_unit: unit,
    metadata: READ,
  }));
}

/** What a metric of that unit usually reads, for a server that has measured nothing yet. */
const TYPICAL: Readonly<Record<string, number>> = { ms: 4, '%': 92, 'rows/s': 16 };

/**
 * Invents the past of the metrics that are measured now, for the time before the server ran; the rows' metadata say so.
 * Each value wanders around the present reading.
 */
export function createMetricHistory(seed: number, present: Measured): (timestamp: number) => SystemMetricRow[] {
  const random = createRandom(seed, 'system metrics');
  const metrics = Object.entries(present).map(([name, { value, unit }]) => ({
    name,
    unit,
    centre: value > 0 ? value : (TYPICAL[unit] ?? 1),
    wander: createWanderer(random, 0.15, HALF_LIFE),
  }));
  let last: number | null = null;
  return (timestamp) => {
    const ms = timestamp - (last ?? timestamp);
    last = timestamp;
    return metrics.map(({ name, unit, centre, wander }) => {
      const value = centre * Math.exp(wander.step(ms) + 0.04 * random.normal());
      return {
        timestamp,
        metric_name: name,
        metric_value: round(unit === '%' ? Math.min(100, value) : value),
        metric_unit: unit,
        metadata: INVENTED,
      };
    });
  };
}

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
