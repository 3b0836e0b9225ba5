/** A sparkline in block characters, one column of the window a cell, in one or more lines of text. Pure. */
import { sparkline } from '../client/derive.ts';
import { extent, lowerBound } from '../client/painters/spans.ts';
import type { Spark } from '../client/recipes/recipe.ts';

const BLOCKS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;
const FULL = '█';
/** Stands where nothing is known to be whole, so that a value that held before is not taken for the present one. */
export const DOUBT = '░';

export interface SparkFrame {
  /** The window, epoch ms. */
  readonly from: number;
  readonly to: number;
  /** From here on (epoch ms) nothing is known; null where all of it is. */
  readonly doubtFrom: number | null;
  /** Cells. */
  readonly width: number;
  readonly height: number;
}

/** The lines of a sparkline, the top one first, each exactly `width` cells. */
export function sparkLines(spark: Spark | null, frame: SparkFrame): readonly string[] {
  const { from, to, width, height, doubtFrom } = frame;
  const step = (to - from) / width;
  const samples = spark === null ? new Float64Array() : samplesOf(spark, frame);
  const found = extent(samples, 0, samples.length);
  return Array.from({ length: height }, (_, index) => {
    const line = height - 1 - index;
    let text = '';
    for (let column = 0; column < width; column += 1) {
      const isDoubtful = doubtFrom !== null && from + (column + 1) * step > doubtFrom;
      if (isDoubtful) text += line === 0 ? DOUBT : ' ';
      else text += found === null ? ' ' : cell(samples[column] ?? Number.NaN, found, line, height);
    }
    return text;
  });
}

/** The part of a column's bar that stands in one line of text, the lowest line being 0. */
function cell(value: number, [low, high]: readonly [number, number], line: number, height: number): string {
  if (!Number.isFinite(value)) return ' ';
  const share = high === low ? 0.5 : (value - low) / (high - low);
  // The least value has the lowest block, or it would look like none.
  const eighths = 1 + Math.round(share * (height * BLOCKS.length - 1)) - line * BLOCKS.length;
  if (eighths <= 0) return ' ';
  return eighths >= BLOCKS.length ? FULL : (BLOCKS[eighths - 1] ?? ' ');
}

function samplesOf({ times, values, kind }: Spark, { from, to, width }: SparkFrame): Float64Array {
  if (kind !== 'dots') return sparkline(times, values, { from, to }, width);
  // Of events the one farthest from zero counts, by its size; between them there is nothing.
  const samples = new Float64Array(width).fill(Number.NaN);
  for (let i = lowerBound(times, from); i < times.length; i += 1) {
    const column = Math.floor((((times[i] ?? 0) - from) / (to - from)) * width);
    const size = Math.abs(values[i] ?? Number.NaN);
    if (!Number.isFinite(size) || column < 0 || column >= width) continue;
    const before = samples[column] ?? Number.NaN;
    if (Number.isNaN(before) || size > before) samples[column] = size;
  }
  return samples;
}
