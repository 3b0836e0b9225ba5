/**
 * What the script that runs before the page's own hands to it: a connection that was opened meanwhile, what was asked for
 * on it, and what it has said since. The two scripts share nothing but a property of the window.
 */
import type { StreamName } from '../../shared/streams.ts';
import type { Asked, FeedEvent } from './types.ts';

/** How the text of a piece of history begins. Where one should begin in another way, all is told in one go. */
const SNAPSHOT = '{"type":"snapshot"';

/** Something that a connection said, whose number nobody knew yet. */
export type EarlyEvent =
  | Omit<FeedEvent<'opened'>, 'socket'>
  | Omit<FeedEvent<'closed'>, 'socket'>
  | Omit<FeedEvent<'frame'>, 'socket'>;

/** A connection that nobody has taken yet. */
export interface EarlyFeed {
  readonly socket: WebSocket;
  readonly asked: Asked;
  /** For how many pixel columns each stream's history was asked. */
  readonly columns: ReadonlyMap<StreamName, number>;
  /** In order, what nobody has been told yet. */
  readonly heard: EarlyEvent[];
  isTaken: boolean;
}

declare global {
  interface Window {
    earlyFeed?: EarlyFeed;
  }
}

/** Takes the connection over; null where there is none, or it was taken before. */
export function takeEarly(): EarlyFeed | null {
  const early = window.earlyFeed;
  if (early === undefined || early.isTaken) return null;
  early.isTaken = true;
  return early;
}

/**
 * Tells what a connection has said and, once all of that is told, has it told directly by `listen`. History takes long to
 * read: after each piece the page has a turn, so that it shows the first before it reads the last.
 */
export function tellEarly(heard: EarlyEvent[], hear: (event: EarlyEvent) => void, listen: () => void): void {
  for (let event = heard.shift(); event !== undefined; event = heard.shift()) {
    hear(event);
    if (event.type !== 'frame' || event.text?.startsWith(SNAPSHOT) !== true) continue;
    setTimeout(tellEarly, 0, heard, hear, listen);
    return;
  }
  listen();
}
