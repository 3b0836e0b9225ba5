/** What the page as a whole knows of its data's age and connection; read from the store's signals. */
import { STREAM_NAMES } from '../shared/streams.ts';
import type { Store } from './store.ts';

/** When anything last arrived on any stream that the page shows (server clock, epoch ms); null before that. */
export function newestArrival(store: Store): number | null {
  let newest: number | null = null;
  for (const name of STREAM_NAMES) {
    const at = store.stream(name).value.arrivedAt;
    if (at !== null && (newest === null || at > newest)) newest = at;
  }
  return newest;
}

/** A connection that comes back within this time is no event: the pill tells of it, the page stays as it is. */
const PATIENCE_MS = 1500;

/** Since when the page shows old data because it has no connection to new ones; null while it has, or nearly. */
export function lostSince(store: Store): number | null {
  const since = store.since.value;
  const feed = store.feed.value;
  if (since === null || feed === 'live' || feed === 'syncing') return null;
  if (feed === 'connecting' && newestArrival(store) === null) return null;
  return store.now.value - since >= PATIENCE_MS ? since : null;
}
