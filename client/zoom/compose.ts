/** Puts finer rows of a stretch of time into a coarser view: outside of the stretch the coarse rows stay. Pure. */
import type { ChannelView, LineView, StreamView } from '../model.ts';
import { lowerBound } from '../painters/spans.ts';
import type { Stretch } from './moves.ts';

/** Rows beyond the window's edges that are taken along on each side, so that lines run to the edges. */
const BESIDE = 64;

/**
 * @param fine the finer channels, whole within `within`.
 * @param shown the window; what lies far outside is left out.
 */
export function compose(
  coarse: StreamView,
  fine: readonly ChannelView[],
  within: Stretch,
  shown: Stretch,
): readonly ChannelView[] {
  const isCovered = within.from <= shown.from && within.to >= shown.to;
  const keys = new Set([...coarse.channels, ...fine].map(({ key }) => key));
  return [...keys].sort().flatMap((key) => {
    const below = coarse.channels.find((channel) => channel.key === key);
    const above = fine.find((channel) => channel.key === key);
    const either = above ?? below;
    if (either === undefined) return [];
    const names = new Set([...(below?.lines ?? []), ...(above?.lines ?? [])].map(({ name }) => name));
    return {
      stream: coarse.stream,
      key,
      lines: [...names].map((name) => {
        const find = (channel: ChannelView | undefined) => channel?.lines.find((line) => line.name === name);
        return composeLine(find(below), find(above), within, shown);
      }),
      rowsLastHour: below?.rowsLastHour ?? 0,
      // Sums are right where all rows of the window are there.
      reduced: isCovered ? (above?.reduced ?? false) : either.reduced || (below?.reduced ?? false),
    };
  });
}

const NO_LINE: LineView = {
  name: null,
  times: new Float64Array(),
  columns: {},
  texts: {},
  arrivedAt: null,
  spacingMs: null,
  stale: false,
};

function composeLine(coarse: LineView = NO_LINE, fine: LineView = NO_LINE, within: Stretch, shown: Stretch): LineView {
  const { times } = coarse;
  const place = (time: number): number => lowerBound(times, time);
  const before = [Math.max(0, place(Math.min(within.from, shown.from)) - BESIDE), place(within.from)] as const;
  const after = [place(within.to), Math.min(times.length, place(Math.max(within.to, shown.to)) + BESIDE)] as const;
  // Late rows and a bucket that began before it may lie outside of the stretch; there the coarse rows are whole.
  const middle = [lowerBound(fine.times, within.from), lowerBound(fine.times, within.to)] as const;
  const join = (rough: Float64Array, exact: Float64Array): Float64Array => {
    const parts = [rough.subarray(...before), exact.subarray(...middle), rough.subarray(...after)];
    const all = new Float64Array(parts.reduce((sum, { length }) => sum + length, 0));
    let end = 0;
    for (const part of parts) {
      all.set(part, end);
      end += part.length;
    }
    return all;
  };
  const gaps = (like: Float64Array): Float64Array => new Float64Array(like.length).fill(Number.NaN);
  const names = new Set([...Object.keys(coarse.columns), ...Object.keys(fine.columns)]);
  const columns = [...names].map(
    (name) => [name, join(coarse.columns[name] ?? gaps(times), fine.columns[name] ?? gaps(fine.times))] as const,
  );
  // Ages and texts are those of the newest row, which the live line knows.
  const about = coarse === NO_LINE ? fine : coarse;
  return { ...about, times: join(times, fine.times), columns: Object.fromEntries(columns) };
}
