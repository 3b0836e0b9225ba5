/** A chart in words, for those who do not see it: what it shows, and of each line the latest value and its bounds. Pure. */

import type { StreamName } from '../../shared/streams.ts';
import { STREAMS } from '../../shared/streams.ts';
import { age, clockWithZone, fixed, type Zone } from '../format.ts';
import type { ChartState } from '../model.ts';
import type { PaneLine } from '../painters/scene.ts';
import { extent, lowerBound } from '../painters/spans.ts';
import type { Picture } from '../recipes/recipe.ts';
import type { Window } from './rows.ts';

/** What is told. */
export interface Told {
  readonly stream: StreamName;
  readonly title: string;
  readonly symbols: readonly string[];
  readonly state: ChartState;
  readonly picture: Pick<Picture, 'subtitle' | 'panes' | 'refusal'> | null;
  /** How many of its lines the visitor has hidden. */
  readonly hidden: number;
  readonly window: Window;
  readonly zone: Zone;
  /** The server's clock, epoch ms. */
  readonly now: number;
}

/** More lines than this nobody listens to; the table has them all. */
const MOST_LINES = 8;

/** A few sentences. */
export function summaryOf({ stream, title, symbols, state, picture, hidden, window, zone, now }: Told): string {
  const subject = STREAMS[stream].key.name === 'symbol' ? ` of ${symbols.join(', ')}` : '';
  const head = `${title}${subject}`;
  if (state === 'off') return `${head}: this stream is off.`;
  if (state === 'loading' && picture === null) return `${head}: loading.`;
  if (picture === null || picture.panes.every(({ lines }) => lines.every((line) => countIn(line, window) === 0)))
    return `${head}: no rows ${stretch(window, zone, now)}.`;
  if (picture.refusal !== null) return `${head}: ${picture.refusal}`;
  const told = picture.panes.flatMap(({ title: pane, lines }) =>
    lines.flatMap((line) => sentence(line, pane, picture.panes.length > 1, window, zone)),
  );
  const rest = told.length - MOST_LINES;
  return [
    `${head}, ${picture.subtitle}, ${stretch(window, zone, now)}.`,
    ...(state === 'stale' ? ['Stale: nothing new has come for too long.'] : []),
    ...told.slice(0, MOST_LINES),
    ...(hidden > 0 ? [hidden === 1 ? '1 line is hidden.' : `${hidden} lines are hidden.`] : []),
    ...(rest > 0 ? [`${rest} more in the table.`] : []),
  ].join(' ');
}

function countIn({ times }: PaneLine, { from, to }: Window): number {
  return lowerBound(times, to) - lowerBound(times, from);
}

function stretch({ from, to }: Window, zone: Zone, now: number): string {
  // A window that ends at the present ends within the pixel column that the present lies in.
  if (to >= now) return `in the last ${age(to - from)}`;
  return `from ${clockWithZone(from, zone)} on, for ${age(to - from)}`;
}

function sentence(line: PaneLine, pane: string | null, hasPanes: boolean, window: Window, zone: Zone): string[] {
  const { times, values, name, format } = line;
  const [first, end] = [lowerBound(times, window.from), lowerBound(times, window.to)];
  const bounds = extent(values, first, end);
  let newest = end - 1;
  while (newest >= first && !Number.isFinite(values[newest])) newest -= 1;
  if (bounds === null || newest < first) return [];
  const [least, most] = bounds;
  const what = hasPanes && pane !== null && !pane.startsWith(name) ? `${name}, ${pane}` : name;
  const latest = `${format(values[newest] ?? Number.NaN)} at ${clockWithZone(times[newest] ?? 0, zone)}`;
  const stale = line.staleFor === null ? '' : `, stale ${line.staleFor}`.trimEnd();
  return [`${what}: ${latest}, between ${format(least)} and ${format(most)}, ${fixed(end - first, 0)} rows${stale}.`];
}
