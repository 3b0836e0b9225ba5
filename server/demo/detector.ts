/** Anomalies as the pipeline finds them: z-scores of a series against its own trailing window. */

/** How a detector looks at its series. */
export interface DetectorOptions {
  /** Length of the window, in ms. */
  readonly windowMs: number;
  /**
   * The window holds the last value of each bar of this width (bars begin at multiples since the epoch), so that it does
   * not depend on how often the series is polled. 0: every value is a bar of its own.
   */
  readonly barMs: number;
  /** Values that the window must hold before anything is scored. */
  readonly minSamples: number;
}

/** A value with its z-score and what it was scored against. */
export interface Score {
  readonly z: number;
  readonly mean: number;
  readonly deviation: number;
  readonly samples: number;
}

/** One series under watch. */
export interface Detector {
  /** Scores a value against the bars before its own, then takes it in. Null: too few of them, or all alike. Times never go back. */
  score(time: number, value: number): Score | null;
}

/** Below this part of the values a deviation is nothing but rounding, and a quotient by it says nothing. */
const LEAST_DEVIATION = 1e-7;

/** The z-score uses the sample standard deviation (n - 1). */
export function createDetector(options: DetectorOptions): Detector {
  const times: number[] = [];
  const values: number[] = [];
  /** Where the window begins in them; what lies before is cut off now and then. */
  let first = 0;
  // Sums of the window's values and their squares, counted from `origin` so that the squares keep their digits. They are
  // carried along, and made anew once a window so that rounding does not pile up.
  let origin = 0;
  let sum = 0;
  let squares = 0;
  let carried = 0;
  let openTime = Number.NaN;
  let openValue = 0;
  let summary: Omit<Score, 'z'> | null = null;

  const count = (value: number, sign: 1 | -1): void => {
    const distance = value - origin;
    sum += sign * distance;
    squares += sign * distance * distance;
  };
  const recount = (): void => {
    times.splice(0, first);
    values.splice(0, first);
    first = 0;
    carried = 0;
    origin = values[values.length >> 1] ?? 0;
    sum = 0;
    squares = 0;
    for (const value of values) count(value, 1);
  };
  const push = (time: number, value: number): void => {
    times.push(time);
    values.push(value);
    count(value, 1);
    carried++;
  };
  const summarise = (time: number): void => {
    const from = time - options.windowMs;
    for (; first < times.length && (times[first] ?? from) < from; first++) count(values[first] ?? origin, -1);
    const samples = values.length - first;
    if (carried > samples) recount();
    const mean = origin + sum / samples;
    const deviation = Math.sqrt(Math.max(0, squares - (sum * sum) / samples) / (samples - 1));
    const telling = deviation > LEAST_DEVIATION * Math.max(Math.abs(mean), Math.abs(origin)) && deviation > 0;
    summary = samples >= Math.max(2, options.minSamples) && telling ? { mean, deviation, samples } : null;
  };

  return {
    score(time, value) {
      const bar = options.barMs === 0 ? time : Math.floor(time / options.barMs) * options.barMs;
      if (options.barMs === 0 || openTime !== bar) {
        if (!Number.isNaN(openTime)) push(openTime, openValue);
        openTime = bar;
        summarise(bar);
      }
      openValue = value;
      return summary === null ? null : { ...summary, z: (value - summary.mean) / summary.deviation };
    },
  };
}
