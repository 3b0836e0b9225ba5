/** Keeps the screen awake, as far as the browser lets a page do that. */
import { type ReadonlySignal, signal } from '@preact/signals';

/** Before a refusal is tried again: a browser may refuse on a low battery, or before it has shown the page. */
const RETRY_MS = 60_000;

/** What stands in the way of keeping the screen awake, for the viewer; null while nothing does. */
export function keepAwake(): ReadonlySignal<string | null> {
  const trouble = signal<string | null>(null);
  if (!('wakeLock' in navigator)) {
    trouble.value = isSecureContext
      ? 'this browser cannot keep the screen awake'
      : 'keeping the screen awake needs https';
    return trouble;
  }
  let isHeld = false;
  let isAsked = false;
  let retry: ReturnType<typeof setTimeout> | undefined;

  async function ask(): Promise<void> {
    clearTimeout(retry);
    if (isHeld || isAsked || document.visibilityState !== 'visible') return;
    isAsked = true;
    try {
      const lock = await navigator.wakeLock.request('screen');
      isHeld = true;
      trouble.value = null;
      // The browser takes it back when the page is hidden, and at its own discretion.
      lock.addEventListener('release', () => {
        isHeld = false;
        ask();
      });
    } catch {
      trouble.value = 'the browser does not keep the screen awake';
      retry = setTimeout(ask, RETRY_MS);
    } finally {
      isAsked = false;
    }
  }

  document.addEventListener('visibilitychange', ask);
  ask();
  return trouble;
}
