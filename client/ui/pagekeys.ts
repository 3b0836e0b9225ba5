/** What the keys do that belong to the page as a whole: range, refresh, pause, theme, wall, and putting away. */
import { RANGES, REFRESHES, type RefreshName } from '../model.ts';
import { THEMES, type View } from '../view.ts';
import { wallLink } from '../wall/link.ts';
import { onKey } from './laterkeys.ts';

function next<T>(all: readonly T[], current: T): T {
  return all[(all.indexOf(current) + 1) % all.length] ?? current;
}

/** Binds them; the result takes them back. */
export function bindPageKeys(view: View): () => void {
  let beforePause: RefreshName = 'live';
  const stops = [
    ...RANGES.map((range, index) => onKey(`${index + 1}`, null, () => view.setRange(range))),
    onKey('r', null, () => view.setRefresh(next(REFRESHES, view.refresh.peek()))),
    onKey(' ', null, () => {
      const current = view.refresh.peek();
      if (current !== 'paused') beforePause = current;
      view.setRefresh(current === 'paused' ? beforePause : 'paused');
    }),
    onKey('t', null, () => view.setTheme(next(THEMES, view.theme.peek()))),
    onKey('w', 'the wall screen of what is shown', () => location.assign(wallLink(view))),
    // A hovered row is put away as by a tap beside it.
    onKey('escape', null, () => document.dispatchEvent(new PointerEvent('pointerdown'))),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}
