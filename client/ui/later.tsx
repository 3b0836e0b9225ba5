/**
 * Brings in what the first view does without: the bodies of the dialogs, the menu's list, the tooltip. It is fetched when
 * the page has nothing else to do, so that the first use waits for nothing, and at the latest when it is first used.
 */
import { effect, signal } from '@preact/signals';
import { reloadOnceIdle } from '../reload.ts';
import type { Store } from '../store.ts';

type Extras = typeof import('./extras.ts');

/** After the first pictures have been drawn; not every browser can say when it is idle. */
const QUIET_MS = 400;

const loaded = signal<Extras | null>(null);
const hasFailed = signal(false);
let isUnderWay = false;

/** The parts, once they are there; reading this in a component renders it again when they have come. */
export function extras(): Extras | null {
  return loaded.value;
}

/** Fetches the parts, unless they are there or on their way. Never throws: a failure shows where a part is missing. */
export function fetchExtras(): void {
  if (isUnderWay || loaded.peek() !== null) return;
  isUnderWay = true;
  hasFailed.value = false;
  import('./extras.ts').then(
    (parts) => {
      loaded.value = parts;
    },
    () => {
      isUnderWay = false;
      hasFailed.value = true;
    },
  );
}

/**
 * Fetches the parts once the page is live and idle, and again with every new connection where that failed. With a server
 * that answers the feed and not this, the file is gone (a deploy) or the browser remembers the failure: only a reload helps.
 *
 * @returns stops it
 */
export function followExtras(store: Store): () => void {
  let hasTriedLive = false;
  return effect(() => {
    if (store.feed.value !== 'live' || loaded.value !== null) return;
    if (hasTriedLive && hasFailed.value) reloadOnceIdle('a part is missing');
    else if (!isUnderWay) {
      hasTriedLive = hasFailed.peek();
      setTimeout(fetchExtras, QUIET_MS);
    }
  });
}

/** What stands in place of a part that is not there. */
export function NotYet() {
  if (!hasFailed.value) return <p class="not-yet">Loading</p>;
  return (
    <p class="not-yet" role="alert" data-testid="not-yet">
      The server did not send this part of the page.
      <button type="button" class="button" onClick={fetchExtras}>
        Try again
      </button>
    </p>
  );
}
