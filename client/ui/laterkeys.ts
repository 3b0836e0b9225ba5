/** The keys of the parts that are loaded later: one place knows them all, so that the help sheet can list them. */
import { signal } from '@preact/signals';

/** A key and what it does, as the help sheet says it. */
export interface LaterKey {
  readonly key: string;
  readonly does: string;
}

interface Bound extends LaterKey {
  act(): void;
}

const bound = signal<readonly Bound[]>([]);

/** The keys that are bound at the moment, in the order of binding; a component that reads this follows it. */
export function laterKeys(): readonly LaterKey[] {
  return bound.value;
}

/** Whether a key press is the page's: nothing is being typed, no dialog is open, no modifier is held. */
export function isPageKey(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return false;
  if (document.querySelector('dialog[open]') !== null) return false;
  return !(event.target instanceof HTMLElement && event.target.closest('input, textarea, select') !== null);
}

/**
 * Binds a key (`KeyboardEvent.key`, lower case). The newest binding of a key wins; the result takes this one back.
 */
export function onKey(key: string, does: string, act: () => void): () => void {
  const own: Bound = { key, does, act };
  bound.value = [...bound.peek(), own];
  return () => {
    bound.value = bound.peek().filter((other) => other !== own);
  };
}

/** Listens on the document; the result stops that. */
export function listenToLaterKeys(): () => void {
  const onKeyDown = (event: KeyboardEvent): void => {
    if (!isPageKey(event)) return;
    const found = bound.peek().findLast(({ key }) => key === event.key.toLowerCase());
    if (found === undefined) return;
    event.preventDefault();
    found.act();
  };
  document.addEventListener('keydown', onKeyDown);
  return () => document.removeEventListener('keydown', onKeyDown);
}
