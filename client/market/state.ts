/** Whether the overview is open and what was chosen of it: in the address, so that a link shows the same, and remembered here. */
import { batch, type ReadonlySignal, signal } from '@preact/signals';
import { formatOverview, type OverviewChoice, parseOverview, recalledChoice, rememberedText } from './choice.ts';
import { recallText, rememberText } from './remembered.ts';

const NAME = 'overview';

const asked = parseOverview(location.search, recalledChoice(recallText(NAME)));
const chosen = signal<OverviewChoice>(asked ?? recalledChoice(recallText(NAME)));

/** Whether the overview is open; a dialog that closes writes it. */
export const isOpen = signal(asked !== null);
export const choice: ReadonlySignal<OverviewChoice> = chosen;

/** Chooses something of the overview. */
export function choose(part: Partial<OverviewChoice>): void {
  chosen.value = { ...chosen.peek(), ...part };
  rememberText(NAME, rememberedText(chosen.peek()));
  writeAddress();
}

/** Puts the overview into the address, or takes it out. */
export function writeAddress(): void {
  const query = formatOverview(location.search, isOpen.peek() ? chosen.peek() : null);
  const before = location.search.replace(/^\?/, '');
  if (query === before) return;
  history.replaceState(history.state, '', `${location.pathname}${query === '' ? '' : `?${query}`}${location.hash}`);
}

/** Follows the visitor to other addresses of the page; the result stops that. */
export function followAddress(): () => void {
  const read = (): void => {
    const next = parseOverview(location.search, chosen.peek());
    batch(() => {
      if (next !== null) chosen.value = next;
      isOpen.value = next !== null;
    });
  };
  addEventListener('popstate', read);
  return () => removeEventListener('popstate', read);
}
