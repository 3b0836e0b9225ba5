/** The states in words: of the connection, and of each stream. What is not live never reads as if it were. Pure. */
import { age } from '../client/format.ts';
import type { Seen, SeenStream } from './board.ts';
import type { Tone } from './cells.ts';

/** A word or a sentence, and how it looks. */
export interface Standing {
  readonly text: string;
  readonly tone: Tone;
}

/** How the connection is. */
export function connectionStanding(seen: Seen): Standing {
  const { feed, trouble, since, now, retryMs, slowMs } = seen;
  const lasted = since === null ? '' : ` for ${age(now - since)}`;
  const why = trouble === null ? '' : `: ${trouble}`;
  const next = retryMs === null ? '' : `; next try in ${age(retryMs + 999)}`;
  // A first try that has not failed is no trouble yet.
  const isFirst =
    feed === 'connecting' && trouble === null && seen.streams.every(({ arrivedAt }) => arrivedAt === null);
  switch (feed) {
    case 'live':
      return slowMs === null
        ? { text: '● live', tone: 'good' }
        : { text: `● live; notifications are down: rows arrive within ${age(slowMs)}`, tone: 'warn' };
    case 'syncing':
      return { text: '○ loading', tone: 'warn' };
    case 'connecting':
      return isFirst
        ? { text: '○ connecting', tone: 'warn' }
        : { text: `○ NO CONNECTION${lasted}${why}`, tone: 'alarm' };
    case 'offline':
      return { text: `○ NO CONNECTION${lasted}${why}${next}`, tone: 'alarm' };
    case 'stale':
      return { text: `○ NOT LIVE${lasted}${why}`, tone: 'alarm' };
  }
}

/** How a stream is, with the age of what is newest of it. */
export function streamStanding({ state, arrivedAt, isCut }: SeenStream, { feed, now }: Seen): Standing {
  const stands = feed === 'live' || feed === 'syncing';
  const old = arrivedAt === null ? '' : ` ${age(now - arrivedAt)} ago`;
  switch (state) {
    case 'live':
      // A stream cannot be fresher than its connection.
      return stands ? { text: `live${old}`, tone: 'good' } : stale(old);
    case 'stale':
      return stands && !isCut ? { text: `STALE${old}`, tone: 'alarm' } : stale(old);
    case 'loading':
      return { text: 'loading', tone: 'warn' };
    case 'off':
      return { text: 'OFF', tone: 'alarm' };
    case 'empty':
      return feed === 'live' ? { text: 'no rows', tone: 'dim' } : { text: 'unknown', tone: 'alarm' };
  }
}

function stale(old: string): Standing {
  return { text: `OLD${old}`, tone: 'alarm' };
}

/** Whether a stream's figures are what holds now. */
export function isCurrent(stream: SeenStream, seen: Seen): boolean {
  return streamStanding(stream, seen).tone === 'good';
}
