/** What the server's close codes, HTTP answers and heartbeats mean for who follows it. */
import { CLOSE, type Frame } from '../../shared/protocol.ts';
import type { Exit } from './exit.ts';
import type { Link, Wanted } from './types.ts';

/** The exit that a close code leads to; null where another try may fare better (F12). */
export function exitOfClose(code: number): Exit | null {
  switch (code) {
    case CLOSE.unauthorized:
    case CLOSE.forbiddenOrigin:
      return 'unauthorized';
    case CLOSE.protocolVersion:
      return 'protocol';
    case CLOSE.abuse:
      return 'failed';
    default:
      return null;
  }
}

/**
 * The exit that an answer to the handshake leads to which is no feed's; null where another try may fare better: what a
 * proxy says while its server is away passes. At the first try a plain refusal is a wrong address.
 */
export function exitOfStatus(status: number, everOpen: boolean): Exit | null {
  if (status === 401 || status === 403) return 'unauthorized';
  const passing = status >= 500 || status === 408 || status === 429;
  return passing || everOpen ? null : 'unreachable';
}

/** Notes what a heartbeat says of the server's own troubles and of the streams. @returns a sentence for each change. */
export function noteHeartbeat(
  link: Link,
  { database, doorbell, freshness }: Frame<'heartbeat'>,
  { streams, staleMs }: Pick<Wanted, 'streams' | 'staleMs'>,
): readonly string[] {
  const news: string[] = [];
  if (database !== link.database) {
    const down = 'the database is away, says the server: nothing arrives until it is back';
    news.push(database === 'down' ? down : 'the database is back');
  }
  // Without its database a server has no doorbell either, which needs no sentence of its own.
  if (database === 'up' && doorbell !== link.doorbell) {
    const down = `the server's notifications are down: rows arrive within ${link.tickMs / 1000} s instead of at once`;
    news.push(doorbell === 'down' ? down : "the server's notifications work again");
    link.doorbell = doorbell;
  }
  link.database = database;
  for (const stream of staleMs === null ? [] : streams) {
    const age = freshness[stream];
    const isStale = typeof age === 'number' && age >= (staleMs ?? 0);
    if (isStale && !link.stale.has(stream)) {
      link.stale.add(stream);
      news.push(`${stream} has had no new row for ${Math.round(age / 1000)} s`);
    } else if (!isStale && link.stale.delete(stream)) news.push(`${stream} has new rows again`);
  }
  return news;
}
