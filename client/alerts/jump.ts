/** Brings the charts to the moment of an alert. */
import { RANGE_MS } from '../model.ts';
import type { Store } from '../store.ts';
import { zoomOn } from '../zoom/moves.ts';
import { type Rule, streamOf } from './rules.ts';
import type { Reading } from './standings.ts';

/** As a share of the range: so much of it is shown around the moment. */
const SHARE = 1 / 12;

/** Shows the row's symbol and time, and brings its chart into sight. */
export function jumpTo(store: Store, rule: Rule, { key, time }: Reading): void {
  const { view } = store;
  const isSymbol = streamOf(rule) !== 'system_metrics' && key !== '';
  if (isSymbol && !view.keys.peek().includes(key)) view.setSymbol(key);
  const rangeMs = RANGE_MS[view.range.peek()];
  const now = store.now.peek();
  const half = (rangeMs * SHARE) / 2;
  // What lies before the range is beyond what the page holds, but not beyond what it can ask for.
  view.setZoom(zoomOn({ from: time - half, to: time + half }, { now, rangeMs }));
  const chart = document.querySelector(`[data-stream="${streamOf(rule)}"]`);
  chart?.scrollIntoView({ block: 'nearest' });
}
