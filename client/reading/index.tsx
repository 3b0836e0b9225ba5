/** Reading the charts: what belongs to all of them at once, and lives as long as the page. */
import { effect } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { StreamName } from '../../shared/streams.ts';
import { CHART_ORDER } from '../recipes.ts';
import type { Store } from '../store.ts';
import { controllers } from '../ui/controller.ts';
import { isPageKey } from '../ui/keys.ts';
import { onKey } from '../ui/laterkeys.ts';
import { followAddress } from './address.ts';
import { AnomaliesPanel } from './anomaliespanel.tsx';
import { CompareDialog } from './compare.tsx';
import { followCursor } from './cursor.ts';
import { followFull, leaveFull, toggleFull } from './full.ts';
import { ALL_LINES, isolateLine, linesOf, toggleLine } from './lineset.ts';
import { listenToPins, pinNewest, pinPointed } from './pinning.ts';
import { adapter, choices, choose, full, mark, open, panelOf, peekPicture, pinned, said, tables } from './state.ts';

export { ShareButton } from './share.tsx';

/** The chart that keys mean: the one that has the focus, else the one that is pointed at, else the one that fills the page. */
function meantChart(): StreamName | null {
  const focused = document.activeElement?.closest<HTMLElement>('[data-stream]')?.dataset.stream;
  const pointed = CHART_ORDER.find((stream) => (controllers.get(stream)?.pointer.peek() ?? null) !== null);
  return full.peek() ?? CHART_ORDER.find((stream) => stream === focused) ?? pointed ?? null;
}

/** Puts away what was opened last; whether there was anything. */
function putAway(): boolean {
  const row = pinned.peek();
  if (row !== null) {
    pinned.value = null;
    panelOf(row.stream)?.focus({ preventScroll: true });
  } else if (open.peek() === 'anomalies') {
    // What it marked stays in the charts, which are in sight now.
    open.value = null;
  } else if (mark.peek() !== null) mark.value = null;
  else if (full.peek() !== null) leaveFull();
  else return false;
  return true;
}

function listenToKeys(): () => void {
  const onDown = (event: KeyboardEvent): void => {
    if (!isPageKey(event)) return;
    if (event.key === 'Escape' && putAway()) {
      // Only then is it the zoom's, or the page's.
      event.preventDefault();
      event.stopPropagation();
      return;
    }
    const { target } = event;
    if (event.key !== 'Enter' || !(target instanceof HTMLElement)) return;
    const stream = CHART_ORDER.find((name) => name === target.dataset.stream);
    if (stream === undefined) return;
    event.preventDefault();
    if (controllers.get(stream)?.pointer.peek()?.hit) pinPointed(stream);
    else pinNewest(stream);
  };
  // Before the document's own listeners, of which one takes Esc to leave the zoom. What is open within a chart comes first.
  const onEarly = (event: KeyboardEvent): void => {
    const isWithin = event.target instanceof Element && event.target.closest('.popover, .table-view') !== null;
    if (!isWithin) onDown(event);
  };
  addEventListener('keydown', onEarly, { capture: true });
  return () => removeEventListener('keydown', onEarly, { capture: true });
}

function bindKeys(): () => void {
  const stops = [
    onKey('f', 'the chart that has the focus, or is pointed at, on the whole screen', () => {
      const stream = meantChart();
      if (stream !== null) toggleFull(stream);
    }),
    onKey('a', 'list of anomalies', () => {
      open.value = open.peek() === 'anomalies' ? null : 'anomalies';
    }),
    onKey('c', 'compare symbols', () => {
      open.value = 'compare';
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

/** Names in a legend turn their line off, by mouse: they are too small for a finger, which has the list in the menu. */
function listenToLegends(): () => void {
  const onClick = (event: MouseEvent): void => {
    const { target } = event;
    if (!(target instanceof Element) || matchMedia('(pointer: coarse)').matches) return;
    const entry = target.closest('.legend span');
    const stream = CHART_ORDER.find((name) => name === target.closest<HTMLElement>('[data-stream]')?.dataset.stream);
    const text = [...(entry?.childNodes ?? [])].find((node) => node.nodeType === Node.TEXT_NODE)?.textContent;
    if (entry?.querySelector('svg') == null || stream === undefined || text == null) return;
    const names = linesOf(peekPicture(stream)?.all ?? { panes: [] }).map(({ name }) => name);
    const before = choices.peek().get(stream) ?? ALL_LINES;
    const isAlone = event.shiftKey || event.altKey;
    choose(stream, isAlone ? isolateLine(before, text, names) : toggleLine(before, text, names));
  };
  document.addEventListener('click', onClick);
  return () => document.removeEventListener('click', onClick);
}

/** What hides when other rows are asked for: it would speak of rows that are not there. */
function followView(store: Store): () => void {
  const { symbol, compare } = store.view;
  let before = symbol.peek();
  return effect(() => {
    [compare.value];
    pinned.value = null;
    if (symbol.value !== before) mark.value = null;
    before = symbol.value;
  });
}

export function Reading({ store }: { store: Store }) {
  useEffect(() => {
    const stopAddress = followAddress();
    const stopAdapting = effect(() => {
      choices.value;
      // Another function each time, which has the charts drawn anew.
      store.adapt.value = adapter();
    });
    const stops = [
      stopAddress,
      followFull(),
      followCursor(store),
      listenToPins(),
      listenToLegends(),
      listenToKeys(),
      bindKeys(),
      followView(store),
    ];
    return () => {
      stopAdapting();
      store.adapt.value = null;
      for (const stop of stops) stop();
      tables.value = new Set();
    };
  }, [store]);
  return (
    <>
      {open.value === 'anomalies' && <AnomaliesPanel store={store} />}
      {open.value === 'compare' && <CompareDialog store={store} />}
      <Said />
    </>
  );
}

/** What was just done. The region is there before its text, or screen readers would not notice that. */
function Said() {
  return (
    <div class="said" role="status" data-testid="said">
      {said.value !== null && <p key={said.value.id}>{said.value.text}</p>}
    </div>
  );
}
