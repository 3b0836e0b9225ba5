/** The rows that a chart shows, of all its lines together: for the table, the CSV and the search of one of them. Pure. */
import type { StreamName } from '../../shared/streams.ts';
import type { LineView } from '../model.ts';
import type { RowSource } from '../painters/scene.ts';
import { lowerBound } from '../painters/spans.ts';
import type { Picture } from '../recipes/recipe.ts';

/** A line with its rows, once for all panes that it is drawn in. */
export interface ShownLine {
  readonly name: string;
  readonly stream: StreamName;
  readonly symbol: string;
  readonly line: LineView;
  /** What is drawn or told of it beside the stored values, in any pane. */
  readonly derived: RowSource['derived'];
  /** The rows in the window are [first, end). */
  readonly first: number;
  readonly end: number;
}

/** Rows of a stretch of time: epoch ms, the end not included. */
export interface Window {
  readonly from: number;
  readonly to: number;
}

/** The lines of a picture with their rows in a window. */
export function shownLines({ panes }: Pick<Picture, 'panes'>, { from, to }: Window): readonly ShownLine[] {
  const found = new Map<LineView, ShownLine>();
  for (const { lines } of panes) {
    for (const { name, source } of lines) {
      const { stream, symbol, line } = source;
      const before = found.get(line);
      const known = new Set(before?.derived.map(({ label }) => label));
      const derived = [...(before?.derived ?? []), ...source.derived.filter(({ label }) => !known.has(label))];
      const [first, end] = [lowerBound(line.times, from), lowerBound(line.times, to)];
      found.set(line, { name, stream, symbol, line, derived, first, end });
    }
  }
  return [...found.values()];
}

/** A row of one of them. */
export interface ShownRow {
  readonly of: ShownLine;
  readonly index: number;
  readonly time: number;
}

/** How many rows there are in all. */
export function rowCount(lines: readonly ShownLine[]): number {
  return lines.reduce((sum, { first, end }) => sum + end - first, 0);
}

/**
 * A page of rows, newest first: `count` of them after the first `skip`. Rows of equal time stand with the line that comes
 * first on top, and within a line the one that arrived last.
 */
export function pageOfRows(lines: readonly ShownLine[], skip: number, count: number): readonly ShownRow[] {
  const next = lines.map(({ end }) => end - 1);
  const rows: ShownRow[] = [];
  for (let place = 0; place < skip + count; place += 1) {
    let newest = -1;
    let time = Number.NEGATIVE_INFINITY;
    for (const [at, { line, first }] of lines.entries()) {
      const index = next[at] ?? -1;
      if (index < first) continue;
      const own = line.times[index] ?? Number.NEGATIVE_INFINITY;
      if (newest >= 0 && own <= time) continue;
      newest = at;
      time = own;
    }
    const of = lines[newest];
    if (of === undefined) break;
    const index = next[newest] ?? -1;
    next[newest] = index - 1;
    if (place >= skip) rows.push({ of, index, time });
  }
  return rows;
}
