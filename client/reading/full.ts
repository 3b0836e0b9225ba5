/** One chart on the whole page; on the whole screen where the browser lets a page have it. */
import { effect } from '@preact/signals';
import type { StreamName } from '../../shared/streams.ts';
import { controllers } from '../ui/controller.ts';
import { full, panelOf, pinned } from './state.ts';

/** Fills the page with a chart, or gives it back. Call it from a key or a click: browsers give no screen to others. */
export function toggleFull(stream: StreamName): void {
  if (full.peek() === stream) {
    leaveFull();
    return;
  }
  full.value = stream;
  // What was pointed at is elsewhere now.
  for (const { panes } of controllers.values()) panes.leave();
  pinned.value = null;
  const root = document.documentElement;
  // The whole page goes full screen and not the chart alone, so that dialogs, alarms and the state of the feed stay in sight.
  if (document.fullscreenEnabled && document.fullscreenElement === null)
    root.requestFullscreen({ navigationUI: 'hide' }).catch(() => {
      // The page itself is full then.
    });
}

export function leaveFull(): void {
  full.value = null;
  if (document.fullscreenElement === document.documentElement)
    document.exitFullscreen().catch(() => {
      // It was left meanwhile.
    });
}

/** Keeps the elements in step with what is chosen; the result stops that. */
export function followFull(): () => void {
  let wasScreen = false;
  const onScreen = (): void => {
    const isScreen = document.fullscreenElement === document.documentElement;
    // Esc is the browser's while it shows the page on the whole screen, and means the chart too.
    if (wasScreen && !isScreen) full.value = null;
    wasScreen = isScreen;
  };
  document.addEventListener('fullscreenchange', onScreen);
  let shown: HTMLElement | null = null;
  const stop = effect(() => {
    const stream = full.value;
    const before = shown;
    if (before !== null) delete before.dataset.full;
    shown = stream === null ? null : panelOf(stream);
    if (shown === null) {
      delete document.documentElement.dataset.fullChart;
      // The page begins again where it was read.
      before?.scrollIntoView({ block: 'nearest' });
      return;
    }
    shown.dataset.full = '';
    document.documentElement.dataset.fullChart = shown.dataset.stream ?? '';
    shown.focus({ preventScroll: true });
  });
  return () => {
    stop();
    document.removeEventListener('fullscreenchange', onScreen);
    delete document.documentElement.dataset.fullChart;
    if (shown !== null) delete shown.dataset.full;
  };
}
