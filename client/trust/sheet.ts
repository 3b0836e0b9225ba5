/** Brings a style sheet of a later part in: by hand, as the page's dynamic imports load script alone. */
import { type ReadonlySignal, type Signal, signal } from '@preact/signals';

/** Before a failure is tried again. */
const RETRY_MS = 5000;
const sheets = new Map<string, Signal<boolean>>();

/** Whether a sheet is in force; asks for it the first time. What it styles waits for it, so that nothing is seen bare. */
export function sheetOf(href: string): ReadonlySignal<boolean> {
  const known = sheets.get(href);
  if (known !== undefined) return known;
  const isThere = signal(false);
  sheets.set(href, isThere);
  const ask = (): void => {
    const link = document.createElement('link');
    link.rel = 'stylesheet';
    link.href = href;
    link.onload = () => {
      isThere.value = true;
    };
    link.onerror = () => {
      link.remove();
      setTimeout(ask, RETRY_MS);
    };
    document.head.append(link);
  };
  ask();
  return isThere;
}
