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

/** Before a failure is tried again. */
const RETRY_MS = 5000;

const loaded = signal<Extras | null>(null);
/** How often it failed. */
const failures = signal(0);
const isUnderWay = signal(false);

/** Whether the visitor types a range. The button is the header's, the dialog belongs to the later parts. */
export const isTypingRange = signal(false);

/** The parts, once they are there; reading this in a component renders it again when they have come. */
export function extras(): Extras | null {
  return loaded.value;
}

/** Fetches the parts, unless they are there or on their way. Never throws: a failure shows where a part is missing. */
export function fetchExtras(): void {
  if (isUnderWay.peek() || loaded.peek() !== null) return;
  isUnderWay.value = true;
  import('./extras.ts')
    .then(
      (parts) => {
        loaded.value = parts;
      },
      () => {
        failures.value += 1;
      },
    )
    .finally(() => {
      isUnderWay.value = false;
    });
}

/**
 * Fetches the parts once the page is live and quiet, and also where it does not become live, as with streams that are off. Where a
 * server that answers the feed fails to give them again, they are gone with a deploy, and only a reload helps.
 *
 * @returns stops it
 */
export function followExtras(store: Store): () => void {
  return effect(() => {
    const isLive = store.feed.value === 'live';
    if ((!isLive && store.feed.value !== 'stale') || isUnderWay.value || loaded.value !== null) return;
    if (isLive && failures.value > 1) reloadOnceIdle('a part is missing');
    else setTimeout(fetchExtras, failures.value > 0 ? RETRY_MS : store.view.zoom.peek() === null ? QUIET_MS : 0);
  });
}

/** What stands in place of a part that is not there. */
export function NotYet() {
  if (failures.value === 0 || isUnderWay.value) return <p class="not-yet">Loading</p>;
  return (
    <p class="not-yet" role="alert" data-testid="not-yet">
      The server did not send this part of the page.
      <button type="button" class="button" onClick={fetchExtras}>
        Try again
      </button>
    </p>
  );
}
