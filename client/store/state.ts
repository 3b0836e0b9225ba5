/** The states in words: what a chart's state is, and what a visitor is told when the feed is not live. */
import { CLOSE } from '../../shared/protocol.ts';
import type { Feed, State } from '../feed.ts';
import type { ChartState } from '../model.ts';
import type { StreamSeries } from '../series.ts';

/** The state of a stream's chart. `isLost`: rows of it may be missing. `now`: server clock, epoch ms. */
export function chartState(
  phase: ReturnType<Feed['phase']>,
  series: Pick<StreamSeries, 'loaded' | 'refining' | 'awaiting' | 'health'>,
  isLost: boolean,
  now: number,
): ChartState {
  if (phase?.name === 'off') return 'off';
  if (!series.loaded) return 'loading';
  if (isLost) return 'stale';
  const isComing = phase?.name === 'receiving' && !series.awaiting;
  return phase?.name === 'live' || isComing || series.refining ? series.health(now) : 'loading';
}

const REFUSALS: Readonly<Record<number, string>> = {
  [CLOSE.unauthorized]: 'The server asks for a token. Sign in, or open the page through a link that carries one.',
  [CLOSE.forbiddenOrigin]: 'The server does not accept pages from this address.',
  [CLOSE.protocolVersion]: 'This page is of another version than the server. Load it again.',
};

/** Why a feed is not live; null while nothing is wrong. `offReason`: why a stream is off, where one is. */
export function troubleOf(feed: State, offReason: string | null): string | null {
  switch (feed.name) {
    case 'live':
    case 'syncing':
      return null;
    case 'offline':
      if (feed.retryAt === null) return null;
      return REFUSALS[feed.refusal ?? 0] ?? 'The connection to the server is lost. It is tried again by itself.';
    case 'connecting':
      return feed.attempt === 0 ? null : 'The connection to the server is lost. It is being tried again.';
    case 'stale':
      switch (feed.cause) {
        case 'database':
          return 'The server cannot reach its database. Rows show as soon as it is back.';
        case 'silent':
          return 'Nothing has come from the server for a while.';
        case 'off':
          return offReason ?? 'No stream can be shown.';
      }
  }
}
