/** The keys that open a dialog: they work as soon as there is a page. All others come with its later part. */
import type { Signal } from '@preact/signals';
import { extras } from './later.tsx';

/** Keys that were pressed before the later part of the page was there, which acts on them when it comes. */
export const earlyKeys: string[] = [];

/** Listens to the keys; the result stops that. */
export function listenToKeys(isPicking: Signal<boolean>, isHelping: Signal<boolean>): () => void {
  const onKeyDown = (event: KeyboardEvent): void => {
    const { key } = event;
    const opened = key === '/' ? isPicking : key === '?' ? isHelping : null;
    if (!isPageKey(event)) return;
    if (opened !== null) {
      opened.value = true;
      event.preventDefault();
    } else if (extras() === null && key !== ' ') earlyKeys.push(key); // A button's space is its own.
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
