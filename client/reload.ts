/** Loads the page anew when nobody is using it: after a deploy, or when a part of it cannot be had any more. */

/** A visitor who has not touched the page for so long is idle; a hidden page is idle at once. */
const IDLE_MS = 30_000;
/** After a deploy the pages of a whole office are idle, and must not come all at once. */
const SPREAD_MS = 5000;
/** A page that comes back the same after a reload must not reload for ever. */
const RELOADED_FOR = 'alphapulse.reloaded-for';
const INPUTS = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart'] as const;

let timer: ReturnType<typeof setTimeout> | undefined;
let wanted: string | null = null;

/** Reloads once the visitor is idle, at most once in a tab's life for the same reason (such as the new build's name). */
export function reloadOnceIdle(reason: string): void {
  const isListening = wanted !== null;
  wanted = reason;
  wait();
  if (isListening) return;
  for (const input of INPUTS) addEventListener(input, wait, { passive: true });
  document.addEventListener('visibilitychange', wait);
}

/** Takes back what `reloadOnceIdle` promised. */
export function reloadNever(): void {
  wanted = null;
  clearTimeout(timer);
  for (const input of INPUTS) removeEventListener(input, wait);
  document.removeEventListener('visibilitychange', wait);
}

function wait(): void {
  clearTimeout(timer);
  const idleMs = document.visibilityState === 'hidden' ? 0 : IDLE_MS;
  timer = setTimeout(reload, idleMs + Math.random() * SPREAD_MS);
}

async function reload(): Promise<void> {
  if (wanted === null) return;
  try {
    if (sessionStorage.getItem(RELOADED_FOR) === wanted) return;
    // Without the server a reload leaves the browser's own page, from which a wall never comes back.
    if (!(await isThere())) {
      wait();
      return;
    }
    sessionStorage.setItem(RELOADED_FOR, wanted);
  } catch {
    // Without a memory of the last reload, another one could go round in circles: the visitor keeps this page.
    return;
  }
  location.reload();
}

/** Whether the server has a page to give. */
async function isThere(): Promise<boolean> {
  try {
    return (await fetch(location.href, { method: 'HEAD', cache: 'no-store' })).ok;
  } catch {
    return false;
  }
}
