/** Loads the page anew when nobody is using it: after a deploy, or when a part of it cannot be had any more. */

/** A visitor who has not touched the page for so long is idle; a hidden page is idle at once. */
const IDLE_MS = 30_000;
/** A page that comes back the same after a reload must not reload for ever. */
const RELOADED_FOR = 'alphapulse.reloaded-for';
const INPUTS = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart'] as const;

let timer: ReturnType<typeof setTimeout> | undefined;
let wanted: string | null = null;

/** Reloads once the visitor is idle, at most once in a tab's life for the same reason (such as the new build's name). */
export function reloadOnceIdle(reason: string): void {
  const isListening = wanted !== null;
  wanted = reason;
  hidden();
  touched();
  if (isListening) return;
  for (const input of INPUTS) addEventListener(input, touched, { passive: true });
  document.addEventListener('visibilitychange', hidden);
}

/** Takes back what `reloadOnceIdle` promised. */
export function reloadNever(): void {
  wanted = null;
  clearTimeout(timer);
  for (const input of INPUTS) removeEventListener(input, touched);
  document.removeEventListener('visibilitychange', hidden);
}

function reload(): void {
  if (wanted === null) return;
  try {
    if (sessionStorage.getItem(RELOADED_FOR) === wanted) return;
    sessionStorage.setItem(RELOADED_FOR, wanted);
  } catch {
    // Without a memory of the last reload, another one could go round in circles: the visitor keeps this page.
    return;
  }
  location.reload();
}

function touched(): void {
  clearTimeout(timer);
  timer = setTimeout(reload, IDLE_MS);
}

function hidden(): void {
  if (document.visibilityState === 'hidden') reload();
}
