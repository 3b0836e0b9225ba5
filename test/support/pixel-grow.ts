/** Runs in a browser: rows come to a plot that paints no more than it has to, and after each its picture is held against a whole one. */
import type { Pane, PaneLine } from '../../client/painters/scene.ts';
import type { Span } from '../../client/painters/span.ts';
import { pixelCases } from './pixel-cases.ts';
import { PALETTE, Picture, type PixelRequest, paneOf, type Rows, rowsAt, windowOf } from './pixel-picture.ts';
import { seeded } from './random.ts';

/** What came of one pane. */
export interface GrownResult {
  readonly name: string;
  readonly draws: number;
  /** Draws that left a part of the picture as it was. */
  readonly partial: number;
  /** The most pixels that clearly differed from the whole picture at a look. */
  readonly differing: number;
}

/** Columns that rows come to, and draws for each. */
const COLUMNS = 6;
const DRAWS_A_COLUMN = 2;
/** Of the rows that come, so many are dated up to this many columns before. */
const LATE = 0.05;
const LATE_COLUMNS = 40;

/** After so many draws the picture is looked at; what was wrong before still is. */
const LOOK_EVERY = 4;

/** Steps of a colour, of 255, from which on a difference is clear. */
const CLEAR = 64;

type Random = () => number;

/**
 * Pixels that are seen to differ. How a browser smoothes the edges of a long path depends a little on all of it, so that a row
 * more changes single pixels far from it, on a whole paint too; a dot or a piece of a line is more than that.
 */
function differingClearly(a: ImageData, b: ImageData): number {
  let count = 0;
  for (let i = 0; i < a.data.length; i += 4) {
    const [alpha = 0, other = 0] = [a.data[i + 3], b.data[i + 3]];
    if (alpha === 0 && other === 0) continue;
    let most = Math.abs(alpha - other);
    for (let part = i; part < i + 3; part += 1)
      most = Math.max(most, Math.abs(((a.data[part] ?? 0) * alpha - (b.data[part] ?? 0) * other) / 255));
    if (most > CLEAR) count += 1;
  }
  return count;
}

/** What is held after each draw: all rows before, and a part of those that come, the late ones among the last. */
function courseOf({ times, values }: Rows, { to, bucketMs }: Span, random: Random): Rows[] {
  const start = to - COLUMNS * bucketMs;
  const arrival = Array.from(times, (time) => {
    if (time >= start) return time;
    return random() < LATE && time > start - LATE_COLUMNS * bucketMs ? start + random() * COLUMNS * bucketMs : 0;
  });
  return Array.from({ length: COLUMNS * DRAWS_A_COLUMN + 1 }, (_, draw) => {
    const at = start + (draw * bucketMs) / DRAWS_A_COLUMN;
    return rowsAt(
      { times, values },
      arrival.flatMap((time, index) => (time <= at ? [index] : [])),
    );
  });
}

/** A line whose rows all lie after the window, more and more of them. */
function rowsAfter({ to, bucketMs }: Span): Pane[] {
  return [1, 2, 3, 4, 5].map((count) => {
    const times = Float64Array.from({ length: count }, (_, i) => to + (i + 1) * bucketMs);
    return paneOf({ times, values: times.map((_, i) => 40 + i) }, 'line', null);
  });
}

/** Lines upon each other, with dashes, lines of reference, more labels than there is room for, and lines that go stale. */
function together(panes: readonly Pane[], draw: number): Pane {
  const lines = panes.flatMap(({ lines }, index) =>
    lines.map(
      (line): PaneLine => ({
        ...line,
        name: `line ${index}`,
        slot: index,
        endText: line.values.at(-1)?.toFixed(1) ?? '',
        staleFor: index === 1 && draw % 7 > 4 ? '3 min' : null,
      }),
    ),
  );
  return {
    id: 'pane',
    title: null,
    left: { style: 'plain', keep: [0] },
    right: null,
    guides: [
      { side: 'left', value: 0, label: null, tone: 'zero' },
      { side: 'left', value: 52, label: 'threshold', tone: 'guide' },
    ],
    lines,
    weight: 1,
  };
}

/** Paints that are cut to a part of the canvas, from its upper to its lower edge. */
function countPartial(): { readonly count: number; stop(): void } {
  const { prototype } = CanvasRenderingContext2D;
  const { rect } = prototype;
  const counted = { count: 0, stop: () => Object.assign(prototype, { rect }) };
  prototype.rect = function (x, y, width, height) {
    if (x > 0 && y === 0 && height === this.canvas.height) counted.count += 1;
    rect.call(this, x, y, width, height);
  };
  return counted;
}

/** Has rows come to every line alone, and to all of them in one pane. */
export function grow(request: PixelRequest): readonly GrownResult[] {
  const [grown, whole] = [new Picture(request), new Picture(request)];
  const random = seeded(request.seed);
  const span = windowOf(request, grown);
  const cases = pixelCases(random, span)
    .filter(({ times }) => times.length < 50_000)
    .map(({ name, shape, times, values, breakAfterMs }) => {
      const rows = { times: Float64Array.from(times), values: Float64Array.from(values) };
      const course = courseOf(rows, span, random);
      return { name, panes: course.map((held) => paneOf(held, shape, breakAfterMs ?? null)) };
    });
  // A stretch of the past: all that comes lies after the window.
  const past = { ...span, from: span.from - 2 * COLUMNS * span.bucketMs, to: span.to - 2 * COLUMNS * span.bucketMs };
  const few = cases.filter((_, index) => index % 3 === 0);
  const draws = cases[0]?.panes.length ?? 0;
  const all = {
    name: 'many in one pane',
    panes: Array.from({ length: draws }, (_, draw) => {
      const panes = few.flatMap(({ panes: own }) => own.slice(draw, draw + 1));
      return together([...panes, ...panes, ...panes], draw);
    }),
  };
  const later = cases
    .slice(0, 3)
    .map(({ name, panes }) => ({ name: `${name}, after the window`, panes, window: past }));
  const none = { name: 'rows after the window alone', panes: rowsAfter(past), window: past };
  const now = [...cases, all].map((course) => ({ ...course, window: span }));
  const results = [...now, ...later, none].map(({ name, panes, window }): GrownResult => {
    const partial = countPartial();
    let most = 0;
    for (const [draw, pane] of panes.entries()) {
      grown.draw(pane, window);
      if (draw % LOOK_EVERY > 0) continue;
      const before = partial.count;
      whole.draw(pane, window, { ...PALETTE });
      if (partial.count > before) throw new Error('what is meant to be whole was painted in part');
      most = Math.max(most, differingClearly(grown.pixels, whole.pixels));
    }
    partial.stop();
    return { name, draws: panes.length, partial: partial.count, differing: most };
  });
  grown.remove();
  whole.remove();
  return results;
}
