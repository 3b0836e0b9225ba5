/** Which stretch of time the charts show, and the rows within it. Pure. */
import { STREAMS } from '../shared/streams.ts';
import type { ChannelView, LineView, StreamView } from './model.ts';
import { lowerBound } from './painters/spans.ts';

/** This many rows of a line have to lie in the future before the window follows them there: a single one is a mistake. */
const FUTURE_ROWS = 5;
/** Clocks differ by less than this without anybody having mistaken a zone. */
const CLOCK_SLACK_MS = 60_000;

/**
 * How far a stream's timestamps run ahead of the server's clock, in ms; 0 where they do not. Writers that take local
 * time for UTC date every row hours ahead, and their newest rows must be in sight.
 */
export function lead(view: StreamView, now: number): number {
  let most = 0;
  for (const channel of view.channels) {
    for (const { times } of channel.lines) {
      const settled = times[Math.max(0, times.length - FUTURE_ROWS)];
      const newest = times[times.length - 1];
      if (settled === undefined || newest === undefined || times.length < FUTURE_ROWS) continue;
      if (settled > now + CLOCK_SLACK_MS) most = Math.max(most, newest - now);
    }
  }
  return most;
}

/** The view with the rows of one symbol only, where it has those of several. */
export function ofSymbol(view: StreamView, symbol: string): StreamView {
  if (STREAMS[view.stream].key.name !== 'symbol' || view.channels.length < 2) return view;
  return { ...view, channels: view.channels.filter(({ key }) => key === symbol) };
}

/**
 * The view without the rows after `to`: those that a paused picture does not show yet, or stray ones; and without those
 * before `from`, which a page that is loaded now would not have. Epoch ms.
 */
export function until(view: StreamView, to: number, from = Number.NEGATIVE_INFINITY): StreamView {
  const isWhole = view.channels.every((channel) =>
    channel.lines.every(({ times }) => (times.at(-1) ?? to) <= to && (times[0] ?? from) >= from),
  );
  if (isWhole) return view;
  return { ...view, channels: view.channels.map((channel) => channelWithin(channel, from, to)) };
}

function channelWithin(channel: ChannelView, from: number, to: number): ChannelView {
  return { ...channel, lines: channel.lines.map((line) => lineWithin(line, from, to)) };
}

function lineWithin(line: LineView, from: number, to: number): LineView {
  // Equal times stay: the bound is the last instant that is shown.
  const part = [lowerBound(line.times, from), lowerBound(line.times, to + 0.001)] as const;
  const columns = Object.entries(line.columns).map(([name, values]) => [name, values.subarray(...part)] as const);
  return { ...line, times: line.times.subarray(...part), columns: Object.fromEntries(columns) };
}
