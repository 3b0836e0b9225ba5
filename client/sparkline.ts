/** The path of a sparkline. Pure. */
import { sparkline } from './derive.ts';
import { extent, visible } from './painters/spans.ts';
import type { Spark } from './recipes/recipe.ts';

/** Where a sparkline is drawn: the window in epoch ms, and the size in the units of its path. */
export interface SparkFrame {
  readonly from: number;
  readonly to: number;
  readonly width: number;
  readonly height: number;
}

const COLUMNS = 60;

/** SVG path data of a sparkline; empty where nothing is in the window. */
export function sparkPath(spark: Spark, frame: SparkFrame): string {
  if (frame.to <= frame.from) return '';
  const samples = spark.kind === 'dots' ? greatest(spark, frame) : sparkline(spark.times, spark.values, frame, COLUMNS);
  const found = extent(samples, 0, samples.length);
  if (found === null) return '';
  const [low, high] = found;
  const y = (value: number): string =>
    (high === low ? frame.height / 2 : ((high - value) / (high - low)) * frame.height).toFixed(1);
  let path = '';
  for (const [column, value] of samples.entries()) {
    if (!Number.isFinite(value)) continue;
    const x = ((column / (COLUMNS - 1)) * frame.width).toFixed(1);
    if (spark.kind === 'dots') path += `M${x} ${y(value)}m-1.4-1h2.8v2h-2.8z`;
    else if (path === '') path = `M${x} ${y(value)}`;
    else path += spark.kind === 'steps' ? `H${x}V${y(value)}` : `L${x} ${y(value)}`;
  }
  return path;
}

/** Of each column the value that is farthest from zero; NaN where there is none. */
function greatest({ times, values }: Spark, frame: SparkFrame): Float64Array {
  const samples = new Float64Array(COLUMNS).fill(Number.NaN);
  const [first, end] = visible(times, frame.from, frame.to);
  for (let i = first; i < end; i += 1) {
    const value = values[i] ?? Number.NaN;
    const column = Math.floor((((times[i] ?? 0) - frame.from) / (frame.to - frame.from)) * COLUMNS);
    if (!Number.isFinite(value) || column < 0 || column >= COLUMNS) continue;
    const before = samples[column] ?? Number.NaN;
    if (Number.isNaN(before) || Math.abs(value) > Math.abs(before)) samples[column] = value;
  }
  return samples;
}
