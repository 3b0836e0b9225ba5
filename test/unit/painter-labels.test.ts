/** Where the labels at the ends of lines stand: within the part of the plot's height that is their own axis'. */
import { expect, it } from 'vitest';
import { paintLabels } from '../../client/painters/labels.ts';
import type { Band, Palette, PaneLine, Side, Surface } from '../../client/painters/scene.ts';
import { spanOf } from '../../client/painters/span.ts';

const PALETTE: Palette = {
  panel: '#000',
  text: '#fff',
  second: '#eee',
  third: '#ddd',
  grid: '#111',
  zero: '#222',
  alarm: '#f00',
  hatch: '#ff0',
  series: ['#0ff'],
  heat: ['#1', '#2', '#3', '#4'],
  font: 'sans-serif',
  textSize: 12,
  scale: 1,
};
const [TOP, HEIGHT] = [40, 300];
const UPPER: Band = [0.45, 1];
const LOWER: Band = [0, 0.4];

interface Written {
  readonly text: string;
  readonly y: number;
}

/** A canvas that only notes which text was written at which height. */
function notingCanvas(written: Written[]): CanvasRenderingContext2D {
  return new Proxy<CanvasRenderingContext2D>(Object.create(null), {
    get: (_canvas, name) => {
      if (name === 'measureText') return (text: string) => ({ width: 7 * text.length });
      if (name === 'fillText') return (text: string, _x: number, y: number) => written.push({ text, y });
      return () => undefined;
    },
    set: () => true,
  });
}

function surface(written: Written[]): Surface {
  const span = spanOf(1000, 10, 100);
  return {
    ctx: notingCanvas(written),
    from: 0,
    left: 60,
    top: TOP,
    width: 100,
    height: HEIGHT,
    ratio: 1,
    palette: PALETTE,
    span,
    x: (time) => time,
    columnX: (column) => column,
    // Values are given as heights: what an axis makes of them is not the labels' business.
    y: (value) => value,
  };
}

function lineAt(name: string, side: Side, y: number): PaneLine {
  const columns = { times: Float64Array.of(995), values: Float64Array.of(y) };
  return {
    ...columns,
    name,
    side,
    shape: { kind: 'line' },
    slot: 0,
    breakAfterMs: null,
    endText: name,
    staleFor: null,
    format: String,
    source: {
      stream: 'signal_predictions',
      line: { name, times: columns.times, columns: {}, texts: {}, arrivedAt: null, spacingMs: null, stale: false },
      symbol: '',
      derived: [],
    },
  };
}

function painted(lines: readonly PaneLine[], bands: Readonly<Record<Side, Band>>): Map<string, number> {
  const written: Written[] = [];
  paintLabels(surface(written), lines, { x: { left: 170, right: 200 }, bands, withName: false, focus: null });
  return new Map(written.map(({ text, y }) => [text, y]));
}

const heightOf = (part: number): number => TOP + HEIGHT * (1 - part);

it('keeps the labels of two axes that share a plot each in its own part, however many press on the border', () => {
  const border = heightOf(UPPER[0]);
  const upper = Array.from({ length: 6 }, (_, n) => lineAt(`upper ${n}`, 'left', border - n));
  const lower = Array.from({ length: 6 }, (_, n) => lineAt(`lower ${n}`, 'right', heightOf(LOWER[1]) + n));
  const labels = painted([...upper, ...lower], { left: UPPER, right: LOWER });
  expect([...labels.keys()].sort()).toEqual([...upper, ...lower].map(({ name }) => name).sort());
  for (const [name, y] of labels) {
    const [bottom, top] = name.startsWith('upper') ? UPPER : LOWER;
    expect(y, name).toBeGreaterThanOrEqual(heightOf(top));
    expect(y, name).toBeLessThanOrEqual(heightOf(bottom));
  }
});

it('keeps labels apart across two axes that have the same part', () => {
  const lines = [lineAt('left', 'left', 200), lineAt('right', 'right', 201)];
  const labels = painted(lines, { left: [0, 1], right: [0, 1] });
  expect(Math.abs((labels.get('left') ?? 0) - (labels.get('right') ?? 0))).toBeGreaterThanOrEqual(PALETTE.textSize);
  // Each in a part of its own they may stand beside one another, as they are written in two columns.
  const apart = painted(lines, { left: [0, 0.999], right: [0, 1] });
  expect(Math.abs((apart.get('left') ?? 0) - (apart.get('right') ?? 0))).toBeLessThan(PALETTE.textSize);
});
