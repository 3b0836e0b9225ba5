/** A chart of what is kept of the rows is the chart of all rows: titles, axes, labels and what the painters draw from. */
import { describe, expect, it } from 'vitest';
import type { LineView, StreamView } from '../../client/model.ts';
import { columnsOf } from '../../client/painters/columns.ts';
import { axisRange } from '../../client/painters/range.ts';
import { scatterRows } from '../../client/painters/scatter.ts';
import { edgeAfter, spanOf } from '../../client/painters/span.ts';
import type { Picture, RecipeContext } from '../../client/recipes/recipe.ts';
import { RECIPES } from '../../client/recipes.ts';
import { keeperOf } from '../../shared/reduce.ts';
import { STREAM_NAMES, STREAMS, type StreamName } from '../../shared/streams.ts';
import { pick, seeded, seeds, withSeed } from '../support/random.ts';

const FILE = 'test/unit/recipes-reduced.test.ts';
const HOUR = 3_600_000;
const SPAN = spanOf(edgeAfter(Date.UTC(2026, 10, 22, 14, 2), 75_000), 75_000, 100);
const CONTEXT: RecipeContext = {
  symbol: 'BTC/USDT',
  zone: 'utc',
  range: '24h',
  rangeMs: 24 * HOUR,
  from: SPAN.from,
  bucketMs: SPAN.bucketMs,
  now: SPAN.to,
  variant: '',
};

/** A line of a stream: rows of the window, the values of each column drawn anew. */
function rowsOf(stream: StreamName, name: string | null, random: () => number): LineView {
  const times = Array.from({ length: 1200 }, () => SPAN.from + random() * (SPAN.to - SPAN.from)).sort((a, b) => a - b);
  const isOutcome = random() < 0.5;
  const value = (column: string, time: number): number => {
    if (column === 'next_funding_time') return edgeAfter(time, 8 * HOUR);
    if (column === 'win_rate' && isOutcome) return Math.round(random());
    // Placeholders for predictions that are not known yet.
    if (column === 'predicted_pnl' && random() < 0.5) return 0;
    // A newest row without a number is none that is kept, and a card tells of the one before it.
    return random() < 0.1 && time !== times.at(-1) ? Number.NaN : (random() - 0.3) * 12;
  };
  const columns = STREAMS[stream].values.filter(({ kind }) => kind !== 'text');
  return {
    name,
    times: Float64Array.from(times),
    columns: Object.fromEntries(
      columns.map((column) => [column.name, Float64Array.from(times, (time) => value(column.name, time))]),
    ),
    texts: {},
    arrivedAt: SPAN.to,
    spacingMs: 60_000,
    stale: false,
  };
}

function kept(stream: StreamName, line: LineView, bucketMs: number): LineView {
  const indexes = keeperOf(STREAMS[stream])(
    { times: line.times, column: (name) => line.columns[name] ?? [] },
    bucketMs,
  );
  const at = (cells: Float64Array): Float64Array => Float64Array.from(indexes, (index) => cells[index] ?? Number.NaN);
  const columns = Object.entries(line.columns).map(([name, cells]) => [name, at(cells)] as const);
  return { ...line, times: at(line.times), columns: Object.fromEntries(columns) };
}

function viewOf(stream: StreamName, lines: readonly LineView[], reduced: boolean): StreamView {
  return {
    stream,
    state: 'live',
    off: null,
    channels: [{ stream, key: 'BTC/USDT', lines, rowsLastHour: 0, reduced, rowsTotal: 2400 }],
    range: '24h',
    bucketMs: SPAN.bucketMs,
    lostFrom: null,
    arrivedAt: SPAN.to,
    version: 1,
  };
}

/** All of a picture that can be seen. */
function seen({ subtitle, panes, refusal }: Picture): unknown {
  return {
    subtitle,
    refusal,
    panes: panes.map(({ lines, ...pane }) => ({
      ...pane,
      axes: [pane.left, ...(pane.right === null ? [] : [pane.right])].map((spec, i) =>
        axisRange(spec, i === 0 ? 'left' : 'right', lines, SPAN, 5),
      ),
      lines: lines.map((line) => {
        const { name, side, slot, endText, staleFor, breakAfterMs, shape } = line;
        const common = { name, side, slot, endText, staleFor, breakAfterMs, kind: shape.kind };
        if (shape.kind !== 'scatter') return { ...common, columns: columnsOf(line, SPAN) };
        const rows = scatterRows(line, shape, SPAN);
        return { ...common, rows: rows.map((i) => [line.times[i], line.values[i], shape.z[i], shape.threshold[i]]) };
      }),
    })),
  };
}

/** As text, in which arrays of one length with room to spare are equal where what they hold is. */
function written(picture: Picture): string {
  return JSON.stringify(seen(picture), (_, value: unknown) => {
    if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
    if (typeof value !== 'object' || value === null || !('at' in value) || !('count' in value)) return value;
    const { count, ...arrays } = value;
    return Object.entries(arrays).map(([name, cells]) => [
      name,
      cells instanceof Float64Array || cells instanceof Int32Array
        ? [...cells.subarray(0, Number(count))].map(String)
        : cells,
    ]);
  });
}

describe.each(STREAM_NAMES)('the chart of %s', (stream) => {
  const recipe = RECIPES[stream];
  const variants = recipe.variants.length === 0 ? [''] : recipe.variants.map(({ id }) => id);

  it.each(variants)('is the same of what is kept as of all rows (%s)', async (variant) => {
    for (const seed of seeds(10)) {
      await withSeed(seed, FILE, () => {
        const random = seeded(seed);
        const names = STREAMS[stream].series === null ? [null] : ['binance', 'okx'];
        const lines = names.map((name) => rowsOf(stream, name, random));
        const bucketMs = SPAN.bucketMs / pick(random, [1, 2, 3]);
        const context = { ...CONTEXT, variant };
        const reduced = lines.map((line) => kept(stream, line, bucketMs));
        const whole = recipe.picture(viewOf(stream, lines, true), context);
        const few = recipe.picture(viewOf(stream, reduced, true), context);
        // What cannot be computed from what is kept is refused, whatever it would have come to.
        if (few.refusal !== null) expect(few.refusal).toBe(whole.refusal);
        else expect(written(few)).toBe(written(whole));
        expect(few.refusal !== null).toBe(stream === 'performance_metrics' && variant === 'running');
        expect(written(few).length).toBeGreaterThan(1000);
        const card = recipe.card(viewOf(stream, reduced, true), context);
        const { spark: _, ...figures } = recipe.card(viewOf(stream, lines, true), context) ?? { notes: [] };
        // Of a scatter the newest row need not be among those that are kept; its count of strong ones is exact.
        if (stream === 'anomalies') expect(card?.notes[0]).toBe(figures.notes[0]);
        else expect(card).toMatchObject(figures);
      });
    }
  });
});

describe('the note of a scatter', () => {
  it('says how many rows are drawn of how many, where not all are', () => {
    const line = rowsOf('anomalies', 'binance', seeded(1));
    const few = kept('anomalies', line, SPAN.bucketMs);
    const picture = RECIPES.anomalies.picture(viewOf('anomalies', [few], true), CONTEXT);
    expect(picture.subtitle).toContain(`${few.times.length} of 2,400 rows drawn`);
    expect(RECIPES.anomalies.picture(viewOf('anomalies', [line], false), CONTEXT).subtitle).not.toContain('drawn');
  });
});
