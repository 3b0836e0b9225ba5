/**
 * Runs before the page's own script has come: opens the feed and asks for what the page will want, so that the server reads
 * it meanwhile. A small script of its own; what it asks for it finds out with the page's own code, and if the page wants
 * something else after all, that is asked for then.
 */

import { STREAM_NAMES, type StreamName } from '../shared/streams.ts';
import { DEFAULT_RANGE, keysAsked, parseQuery } from './choices.ts';
import type { EarlyEvent, EarlyFeed } from './feed/early.ts';
import { subscription } from './feed/subscription.ts';
import type { Want } from './feed/types.ts';
import { feedUrl } from './feed/url.ts';
import { RANGE_MS } from './model.ts';
import { pictureFor } from './store/picture.ts';
import { recallColumns } from './ui/columns.ts';
import { guessColumns } from './ui/guess.ts';

/** Characters: what nginx takes by default, with room for the rest of a request's first line. */
const LONGEST_QUERY = 6000;
/** Where the page's script does not come, the connection is let go after so long. */
const UNCLAIMED_MS = 30_000;

function openEarly(): void {
  const visitor = parseQuery(location.search);
  const range = visitor.range ?? DEFAULT_RANGE;
  const columns = new Map<StreamName, number>();
  const asked = new Map<StreamName, { readonly id: string; readonly want: Want }>();
  // Asked for in the address, as by the time that the connection is open this thread may have no time to say so.
  let query = '';
  for (const stream of STREAM_NAMES) {
    const width = recallColumns(stream) || guessColumns(stream, RANGE_MS[range]);
    const want = { stream, ...pictureFor(stream, width, range, keysAsked(visitor)) };
    const id = `${stream}.0`;
    columns.set(stream, width);
    asked.set(stream, { id, want });
    query += `&subscribe=${encodeURIComponent(JSON.stringify(subscription(id, want)))}`;
  }
  // Not every proxy takes an address of any length.
  if (query.length > LONGEST_QUERY) return;
  const socket = new WebSocket(feedUrl(location) + query);
  const heard: EarlyEvent[] = [];
  socket.onopen = () => heard.push({ type: 'opened', asked });
  socket.onclose = ({ code }) => heard.push({ type: 'closed', code });
  socket.onmessage = ({ data }: MessageEvent<unknown>) =>
    heard.push({ type: 'frame', text: typeof data === 'string' ? data : null });
  const early: EarlyFeed = { socket, asked, columns, heard, isTaken: false };
  window.earlyFeed = early;
  setTimeout(() => {
    if (!early.isTaken) socket.close();
  }, UNCLAIMED_MS);
}

// A wall asks for what its address and its turns say.
if (!location.pathname.endsWith('/wall')) {
  try {
    openEarly();
  } catch {
    // A browser that forbids the connection: the page tries it itself, and says what is the matter.
  }
}
