/** System metrics of the demo: what this process really uses, and what the server measures of itself. */
import { cpus } from 'node:os';
import { createRandom, createWanderer } from './random.ts';
import type { SystemMetricRow } from './rows.ts';

/** A measured value and its unit, by metric name. */
export type Measured = Readonly<Record<string, { readonly value: number; readonly unit: string }>>;

const HALF_LIFE = 45 * 60_000;

/** One object each for all rows that say the same. */
const READ = { simulated: false };
const INVENTED = { simulated: true };

/** Time that all processors together have spent since the machine started, in ms. */
function machineTime(): { busy: number; total: number } {
  let busy = 0;
  let total = 0;
  for (const { times } of cpus()) {
    const working = times.user + times.nice + times.sys + times.irq;
    busy += working;
    total += working + times.idle;
  }
  return { busy, total };
}

/**
 * Readings of this machine and this process, each over the time since the one before, in % of all processors
 * (`cpu_load`, `process_cpu`); resident and heap memory of the process (MB). The first `cpu_load` is that since the
 * machine started.
 */
export function createHostMetrics(): () => Measured {
  let machine = { busy: 0, total: 0 };
  let spent = process.cpuUsage();
  return () => {
    const last = machine;
    machine = machineTime();
    const passed = machine.total - last.total;
    const { user, system } = process.cpuUsage(spent);
    spent = process.cpuUsage();
    const share = (ms: number): number => (passed > 0 ? Math.min(100, (100 * ms) / passed) : 0);
    const memory = process.memoryUsage();
    return {
      cpu_load: { value: round(share(machine.busy - last.busy)), unit: '%' },
      process_cpu: { value: round(share((user + system) / 1_000)), unit: '%' },
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

/** What these usually read once the server works; before that there is nothing to measure them by. */
const USUAL: Readonly<Record<string, number>> = {
  process_cpu: 2,
  memory_rss: 165,
  memory_heap: 40,
  push_latency: 1.5,
  throughput: 25,
  cache_hit_rate: 99.9,
};

/**
 * Invents the past of the metrics that are measured now, for the time before the server ran; the rows' metadata say so.
 * Each value wanders around what it usually reads, or around the present reading.
 */
export function createMetricHistory(seed: number, present: Measured): (timestamp: number) => SystemMetricRow[] {
  const random = createRandom(seed, 'system metrics');
  const metrics = Object.entries(present).map(([name, { value, unit }]) => ({
    name,
    unit,
    centre: USUAL[name] ?? value,
    wander: createWanderer(random, 0.15, HALF_LIFE),
  }));
  let last: number | null = null;
  return (timestamp) => {
    const ms = timestamp - (last ?? timestamp);
    last = timestamp;
    return metrics.map(({ name, unit, centre, wander }) => {
      const factor = Math.exp(wander.step(ms) + 0.04 * random.normal());
      // A share that is nearly all wanders by what it lacks.
      const value = unit === '%' && centre > 50 ? 100 - (100 - centre) * factor : centre * factor;
      return {
        timestamp,
        metric_name: name,
        metric_value: round(unit === '%' ? Math.max(0, Math.min(100, value)) : value),
        metric_unit: unit,
        metadata: INVENTED,
      };
    });
  };
}

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
