/** The keys of the parts that are loaded later: one place knows them all, so that the help sheet can list them. */
import { signal } from '@preact/signals';
import { earlyKeys, isPageKey } from './keys.ts';

/** A key and what it does, as the help sheet says it. */
export interface LaterKey {
  readonly key: string;
  readonly does: string;
}

interface Bound {
  readonly key: string;
  readonly does: string | null;
  act(): void;
}

const bound = signal<readonly Bound[]>([]);

/** The keys that are bound at the moment, in the order of binding; a component that reads this follows it. */
export function laterKeys(): readonly LaterKey[] {
  return bound.value.flatMap(({ key, does }) => (does === null ? [] : [{ key, does }]));
}

/**
 * Binds a key (`KeyboardEvent.key`, lower case). The newest binding of a key wins; the result takes this one back.
 *
 * @param does null: the help sheet tells of it by itself.
 */
export function onKey(key: string, does: string | null, act: () => void): () => void {
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
    // A focused button's space is its own.
    if (event.key === ' ' && event.target instanceof Element && event.target.closest('button, summary')) return;
    // Others may put something away too.
    if (event.key !== 'Escape') event.preventDefault();
    found.act();
  };
  document.addEventListener('keydown', onKeyDown);
  // Once the parts that come with this one have bound theirs.
  queueMicrotask(() => {
    for (const early of earlyKeys.splice(0))
      bound
        .peek()
        .findLast(({ key }) => key === early.toLowerCase())
        ?.act();
  });
  return () => document.removeEventListener('keydown', onKeyDown);
}
