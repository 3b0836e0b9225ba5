/** Lines and pictures for tests of reading a chart. */

import type { LineView } from '../../client/model.ts';
import type { PaneLine } from '../../client/painters/scene.ts';
import type { Picture } from '../../client/recipes/recipe.ts';
import type { StreamName } from '../../shared/streams.ts';

/** A line's columns; `times` in epoch ms. */
export function lineView(
  name: string | null,
  times: readonly number[],
  columns: Record<string, readonly number[]>,
): LineView {
  const typed = Object.entries(columns).map(([column, values]) => [column, Float64Array.from(values)] as const);
  return {
    name,
    times: Float64Array.from(times),
    columns: Object.fromEntries(typed),
    texts: {},
    arrivedAt: null,
    spacingMs: null,
    stale: false,
  };
}

/** A drawn line; what is not given does not matter to the test. */
export function paneLine(
  name: string,
  times: readonly number[],
  values: readonly number[],
  more: Partial<PaneLine> & { readonly stream?: StreamName; readonly view?: LineView; readonly symbol?: string } = {},
): PaneLine {
  const { stream = 'funding_rates', view, symbol = 'BTC/USDT', ...rest } = more;
  return {
    name,
    times: Float64Array.from(times),
    values: Float64Array.from(values),
    side: 'left',
    shape: { kind: 'line' },
    slot: 0,
    breakAfterMs: null,
    endText: null,
    staleFor: null,
    format: (value) => (Number.isNaN(value) ? '–' : String(value)),
    source: { stream, line: view ?? lineView(name, times, { funding_rate: values }), symbol, derived: [] },
    ...rest,
  };
}

/** A picture of panes, given as their lines. */
export function pictureOf(panes: readonly (readonly PaneLine[])[], more: Partial<Picture> = {}): Picture {
  return {
    subtitle: 'what it shows',
    refusal: null,
    panes: panes.map((lines, index) => ({
      id: `pane${index}`,
      title: panes.length > 1 ? `Pane ${index}` : null,
      left: { style: 'plain', keep: [] },
      right: null,
      guides: [],
      lines,
      weight: 1,
    })),
    ...more,
  };
}
