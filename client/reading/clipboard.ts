/** Copying, and saving files: what the browser does for a page, told in a sentence where it refuses. */
import { say } from './state.ts';

/** Copies a text and says so. `what`: its name in that sentence. Returns whether it worked. */
export async function copy(text: string, what: string): Promise<boolean> {
  const isCopied = (await viaClipboard(text)) || viaSelection(text);
  say(
    isCopied
      ? `Copied ${what}`
      : 'Could not copy: the browser allows it only over https or on localhost. Select the text and copy it by hand.',
  );
  return isCopied;
}

/** A text as it is typed: what is copied goes into programs, which know no real minus sign and no thousands apart. */
export function asTyped(text: string): string {
  return text
    .replaceAll('\u2212', '-')
    .replaceAll('\u00a0', ' ')
    .replaceAll(/(\d),(?=\d{3})/g, '$1');
}

async function viaClipboard(text: string): Promise<boolean> {
  // Only pages that came over a safe way have one, whatever the types say.
  if (!isSecureContext || !('clipboard' in navigator)) return false;
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // The visitor refused, or the page has not the focus; the old way may do.
    return false;
  }
}

/** The old way, which works over plain http too: a selected text in an element that nobody sees. */
function viaSelection(text: string): boolean {
  const area = document.createElement('textarea');
  const before = document.activeElement;
  area.value = text;
  area.className = 'reading-unseen';
  area.setAttribute('aria-hidden', 'true');
  area.readOnly = true;
  // An open dialog takes the focus away from everything outside of it.
  (document.querySelector('dialog[open]') ?? document.body).append(area);
  area.select();
  let isDone = false;
  try {
    isDone = document.execCommand('copy');
  } catch {
    isDone = false;
  }
  area.remove();
  if (before instanceof HTMLElement) before.focus({ preventScroll: true });
  return isDone;
}

/** Saves a file under a name. */
export function save(content: Blob, name: string): void {
  const address = URL.createObjectURL(content);
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  // The browser has taken it over by the time that the next task runs, but not all of them at once.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
