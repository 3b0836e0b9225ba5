/** The keys that open a dialog: they work as soon as there is a page. All others come with its later part. */
import type { Signal } from '@preact/signals';

/** Listens to the keys; the result stops that. */
export function listenToKeys(isPicking: Signal<boolean>, isHelping: Signal<boolean>): () => void {
  const onKeyDown = (event: KeyboardEvent): void => {
    const opened = event.key === '/' ? isPicking : event.key === '?' ? isHelping : null;
    if (opened === null || !isPageKey(event)) return;
    opened.value = true;
    event.preventDefault();
  };
  document.addEventListener('keydown', onKeyDown);
  return () => document.removeEventListener('keydown', onKeyDown);
}

/** Whether a key press is the page's: nothing is being typed, no dialog is open, no modifier is held. */
export function isPageKey({ ctrlKey, metaKey, altKey, defaultPrevented, target }: KeyboardEvent): boolean {
  // While a dialog is open the keys are its own, wherever the focus is.
  if (ctrlKey || metaKey || altKey || defaultPrevented || document.querySelector('dialog[open]')) return false;
  return !(target instanceof HTMLElement && target.closest('input, textarea, select'));
}
