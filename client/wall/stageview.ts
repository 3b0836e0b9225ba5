/** One symbol's part of what the store holds of all: the same data, as if only that symbol were watched. Pure. */
import type { ChannelView, ChartState, FeedState, StreamView } from '../model.ts';
import { staleAfterMs } from '../series/channel.ts';

/** A symbol's view of a stream, but for its version. `feed`: the page's connection. */
export function stageView(base: StreamView, symbol: string, feed: FeedState): StreamView {
  // Metrics are the system's, whichever symbol is shown.
  if (base.stream === 'system_metrics') return base;
  const channels = base.channels.filter(({ key }) => key === symbol);
  const arrivedAt = newestArrival(channels);
  return {
    ...base,
    channels,
    arrivedAt,
    state: stateOf(base, channels, feed),
    lostFrom: base.lostFrom === null ? null : quietSince(channels, base.lostFrom, arrivedAt),
  };
}

function newestArrival(channels: readonly ChannelView[]): number | null {
  const times = channels.flatMap(({ lines }) => lines.flatMap(({ arrivedAt }) => arrivedAt ?? []));
  return times.length === 0 ? null : Math.max(...times);
}

function stateOf(base: StreamView, channels: readonly ChannelView[], feed: FeedState): ChartState {
  if (base.state === 'off' || base.state === 'loading' || base.lostFrom !== null) return base.state;
  const lines = channels.flatMap((channel) => channel.lines);
  // While the histories come, one after the other, a symbol without any may be the next.
  if (lines.length === 0) return feed === 'syncing' ? 'loading' : 'empty';
  return lines.every(({ stale }) => stale) ? 'stale' : 'live';
}

/** Where every line was silent already when the connection was lost, the time without rows began with its last row. */
function quietSince(channels: readonly ChannelView[], lostFrom: number, arrivedAt: number | null): number {
  const lines = channels.flatMap((channel) => channel.lines);
  const wasQuiet = lines.every(
    (line) => line.arrivedAt !== null && lostFrom - line.arrivedAt > staleAfterMs(line.spacingMs),
  );
  return wasQuiet && arrivedAt !== null ? Math.min(lostFrom, arrivedAt) : lostFrom;
}

/** Differs wherever a symbol's picture may: rows of other symbols do not change it. */
export function stageMark({ state, range, bucketMs, lostFrom, channels }: StreamView): string {
  const lines = channels.flatMap((channel) =>
    channel.lines.map(({ name, arrivedAt, stale, times }) =>
      [channel.key, name, arrivedAt, stale, times.length, times[0], times.at(-1)].join('\t'),
    ),
  );
  const counts = channels.map(({ key, rowsLastHour, reduced }) => [key, rowsLastHour, reduced].join('\t'));
  return [state, range, bucketMs, lostFrom, ...counts, ...lines].join('\n');
}
