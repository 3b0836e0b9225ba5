/** The body of a dialog as a part of its own, fetched when it is first opened. */
import { type ReadonlySignal, type Signal, signal } from '@preact/signals';

/** A part that is fetched once. */
export interface Part<T> {
  readonly loaded: ReadonlySignal<T | null>;
  readonly hasFailed: Signal<boolean>;
  fetch(): void;
}

/** Describes a part; nothing is fetched yet. */
export function partOf<T>(load: () => Promise<T>): Part<T> {
  const loaded = signal<T | null>(null);
  const hasFailed = signal(false);
  return {
    loaded,
    hasFailed,
    fetch() {
      if (loaded.peek() !== null) return;
      hasFailed.value = false;
      load().then(
        (part) => {
          loaded.value = part;
        },
        () => {
          hasFailed.value = true;
        },
      );
    },
  };
}

/** What stands in place of a part that has not come. */
export function PartNotYet({ part }: { part: Part<unknown> }) {
  if (!part.hasFailed.value) return <p class="not-yet">Loading</p>;
  return (
    <p class="not-yet" role="alert">
      The server did not send this part of the page.
      <button type="button" class="button" onClick={part.fetch}>
        Try again
      </button>
    </p>
  );
}
