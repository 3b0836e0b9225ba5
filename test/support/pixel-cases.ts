/** Lines that are hard to reduce without anybody seeing it: rows of a window by name, from a seed. Pure; runs in a browser. */
import type { Shape } from '../../client/painters/scene.ts';

/** One line's rows, and how they are drawn. */
export interface PixelCase {
  readonly name: string;
  readonly shape: Shape['kind'];
  /** Epoch ms, ascending, within the window or around it. */
  readonly times: readonly number[];
  /** NaN for what is null or no number. */
  readonly values: readonly number[];
  /** Another value column of the same rows, whose extremes are kept too. */
  readonly other?: readonly number[];
  readonly breakAfterMs?: number;
}

/** A window that rows are made for. */
export interface PixelWindow {
  readonly from: number;
  readonly to: number;
  /** Pixel columns. */
  readonly columns: number;
}

type Random = () => number;

const MANY = 30_000;
const MOST = 100_000;

/** Times in order. PostgreSQL has microseconds, so that times are whole ones of them. */
function inOrder(times: number[]): number[] {
  return times.map((time) => Math.round(time * 1000) / 1000).sort((a, b) => a - b);
}

function even({ from, to }: PixelWindow, count: number): number[] {
  return inOrder(Array.from({ length: count }, (_, i) => from + ((i + 0.5) * (to - from)) / count));
}

function walk(random: Random, count: number): number[] {
  let value = 50;
  return Array.from({ length: count }, () => {
    value += random() - 0.5;
    return value;
  });
}

/** Holes in a column of values: `isHole` says where. */
function holed(values: readonly number[], isHole: (index: number) => boolean): number[] {
  return values.map((value, index) => (isHole(index) ? Number.NaN : value));
}

/** Runs of holes, of lengths from one row to several pixel columns. */
function runs(random: Random, count: number, columns: number): (index: number) => boolean {
  const holes = new Set<number>();
  const rowsAColumn = count / columns;
  for (let i = 0; i < count; i += 1) {
    if (random() >= 0.4 / rowsAColumn) continue;
    const length = Math.ceil(random() ** 3 * 6 * rowsAColumn);
    for (let j = i; j < i + length; j += 1) holes.add(j);
    i += length;
  }
  return (index) => holes.has(index);
}

/** All lines for a window. */
export function pixelCases(random: Random, window: PixelWindow): PixelCase[] {
  const { from, to, columns } = window;
  const columnMs = (to - from) / columns;
  const times = even(window, MANY);
  const walked = walk(random, MANY);
  const irregular = inOrder(Array.from({ length: 20_000 }, () => from + (to - from) * random() ** 2));
  // Thousands of rows within a millisecond, some of them astride the edge between two columns.
  const clusters = inOrder(
    Array.from({ length: 60 }, () => from + Math.floor(random() * columns) * columnMs).flatMap((edge) =>
      Array.from({ length: 200 }, () => edge + (random() - 0.5) * 0.4),
    ),
  );
  const sparse = inOrder(Array.from({ length: 40 }, () => from + (to - from) * random()));
  const broken = times.filter((time) => Math.floor((time - from) / (columnMs * 90)) % 3 !== 1);
  // Rows of an exchange that is polled: the same rate for a while, with another polling pace in its second half.
  const polls = inOrder([
    ...even({ ...window, to: (from + to) / 2 }, Math.ceil(columns / 5)),
    ...even({ ...window, from: (from + to) / 2 }, columns * 4),
  ]);
  const rates = polls.map((time) => Math.round(Math.sin((12 * (time - from)) / (to - from)) * 8) / 1e5);
  return [
    { name: 'a random walk', shape: 'line', times: even(window, MOST), values: walk(random, MOST) },
    {
      name: 'spikes',
      shape: 'line',
      times,
      values: times.map(() => (random() < 0.0005 ? (random() - 0.5) * 1e6 : 1)),
    },
    { name: 'constant runs', shape: 'line', times, values: times.map((_, i) => Math.floor(i / 7777) % 3) },
    { name: 'one value', shape: 'line', times, values: times.map(() => 7) },
    {
      name: 'gaps in time',
      shape: 'line',
      times: broken,
      values: walk(random, broken.length),
      breakAfterMs: 5 * columnMs,
    },
    { name: 'single holes', shape: 'line', times, values: holed(walked, () => random() < 0.01) },
    { name: 'runs of holes', shape: 'line', times, values: holed(walked, runs(random, MANY, columns)) },
    { name: 'every other row a hole', shape: 'line', times, values: holed(walked, (i) => i % 2 === 0) },
    { name: 'nothing but holes', shape: 'line', times, values: times.map(() => Number.NaN) },
    { name: 'irregular times', shape: 'line', times: irregular, values: walk(random, irregular.length) },
    { name: 'clusters within a millisecond', shape: 'line', times: clusters, values: walk(random, clusters.length) },
    {
      name: 'fewer rows than columns',
      shape: 'line',
      times: sparse,
      values: holed(walk(random, sparse.length), (i) => i % 9 === 4),
      breakAfterMs: 30 * columnMs,
    },
    { name: 'polled steps', shape: 'steps', times: polls, values: rates, breakAfterMs: 100 * columnMs },
    { name: 'busy steps', shape: 'steps', times, values: holed(walked, runs(random, MANY, columns)) },
    {
      name: 'an area',
      shape: 'area',
      times,
      values: holed(
        walked.map((value) => Math.max(0, 55 - value)),
        runs(random, MANY, columns),
      ),
    },
    { name: 'dots', shape: 'dots', times, values: holed(walked, runs(random, MANY, columns)) },
    { name: 'few dots', shape: 'dots', times: sparse, values: sparse.map(() => Math.round(random())) },
    {
      name: 'beside another column',
      shape: 'line',
      times,
      values: holed(walked, runs(random, MANY, columns)),
      other: holed(walk(random, MANY), runs(random, MANY, columns)),
    },
    { name: 'a scatter', shape: 'scatter', times: irregular, values: irregular.map(() => (random() - 0.5) * 9) },
  ];
}
