/** Holds the demo's system metrics to what they are: shares of all processors, and a plausible past before them. */
import { expect, it } from 'vitest';
import { createHostMetrics, createMetricHistory, type Measured, metricRows } from '../../server/demo/host-metrics.ts';

const percentagesOf = (measured: Measured): number[] =>
  Object.values(measured).flatMap(({ value, unit }) => (unit === '%' ? [value] : []));

it('reads the use of processors in per cent of all of them, of the machine and of this process alone', () => {
  const read = createHostMetrics();
  const first = read();
  expect(Object.keys(first)).toEqual(['cpu_load', 'process_cpu', 'memory_rss', 'memory_heap']);
  // The machine's clocks count in hundredths of a second: some work has to pass before they say anything.
  const start = process.cpuUsage();
  let work = 0;
  while (process.cpuUsage(start).user < 300_000) work += Math.sqrt(work + 1);
  expect(work).toBeGreaterThan(0);
  const busy = read();
  expect(busy.process_cpu?.value).toBeGreaterThan(0);
  expect(busy.cpu_load?.value).toBeGreaterThan(0);
  for (const value of [...percentagesOf(first), ...percentagesOf(busy)]) {
    expect(value).toBeGreaterThanOrEqual(0);
    expect(value).toBeLessThanOrEqual(100);
  }
});

it('invents a past that stays within 100 %, near what is usual, and says that it is invented', () => {
  const present: Measured = {
    cpu_load: { value: 97, unit: '%' },
    cache_hit_rate: { value: 0, unit: '%' },
    latency: { value: 3.5, unit: 'ms' },
  };
  const history = createMetricHistory(3, present);
  const rows = Array.from({ length: 2_000 }, (_, minute) => history(minute * 60_000)).flat();
  const valuesOf = (name: string): number[] =>
    rows.filter((row) => row.metric_name === name).map((row) => row.metric_value);
  for (const name of ['cpu_load', 'cache_hit_rate']) {
    expect(Math.max(...valuesOf(name))).toBeLessThanOrEqual(100);
    expect(Math.min(...valuesOf(name))).toBeGreaterThan(90);
  }
  expect(Math.min(...valuesOf('latency'))).toBeGreaterThan(1.5);
  expect(Math.max(...valuesOf('latency'))).toBeLessThan(8);
  expect(rows.every((row) => row.metadata.simulated)).toBe(true);
  expect(metricRows(7, present).every((row) => !row.metadata.simulated && row.timestamp === 7)).toBe(true);
});
