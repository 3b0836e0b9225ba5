/** The page's keys. */
import type { Signal } from '@preact/signals';
import { RANGES, REFRESHES, type RefreshName } from '../model.ts';
import { THEMES, type View } from '../view.ts';

/** What the keys act on. */
export interface KeyTargets {
  readonly view: View;
  readonly isPicking: Signal<boolean>;
  readonly isHelping: Signal<boolean>;
  /** Puts away what Esc puts away beside dialogs: a hovered row. */
  onEscape(): void;
}

function next<T>(all: readonly T[], current: T): T {
  return all[(all.indexOf(current) + 1) % all.length] ?? current;
}

/** Listens to the keys; the result stops that. */
export function listenToKeys({ view, isPicking, isHelping, onEscape }: KeyTargets): () => void {
  let beforePause: RefreshName = 'live';
  const onKeyDown = (event: KeyboardEvent): void => {
    // While a dialog is open the keys are its own, wherever the focus is.
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
    const { target } = event;
    if (target instanceof HTMLElement && target.closest('input, textarea, select') !== null) return;
    // Space and Enter on a focused button are that button's.
    const isOnButton = target instanceof HTMLElement && target.closest('button') !== null;
    const range = RANGES[Number(event.key) - 1];
    if (range !== undefined) view.setRange(range);
    else if (event.key === '/') isPicking.value = true;
    else if (event.key === '?') isHelping.value = true;
    else if (event.key === 'r') view.setRefresh(next(REFRESHES, view.refresh.peek()));
    else if (event.key === 't') view.setTheme(next(THEMES, view.theme.peek()));
    else if (event.key === ' ' && !isOnButton) {
      const current = view.refresh.peek();
      if (current !== 'paused') beforePause = current;
      view.setRefresh(current === 'paused' ? beforePause : 'paused');
    } else if (event.key === 'Escape') onEscape();
    else return;
    event.preventDefault();
  };
  document.addEventListener('keydown', onKeyDown);
  return () => document.removeEventListener('keydown', onKeyDown);
}
