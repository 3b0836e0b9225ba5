/** Starts the wall: a screen that shows the dashboard without a hand, for months. */
import { effect } from '@preact/signals';
import { render } from 'preact';
import { reportScreen } from '../report/screen.ts';
import wallStyle from '../style/wall-sheet.css?url';
import { followTheme } from '../theme.ts';
import { createWatchedEdge } from './edge.ts';
import { startGuard } from './guard.ts';
import { parseWall } from './parameters.ts';
import { reloadWhenServed } from './reload.ts';
import { followScreen } from './screen.ts';
import { createShow, LOOK_MS } from './show.ts';
import { loadStyle } from './style.ts';
import { keepAwake } from './wake.ts';
import { Wall } from './wall.tsx';
import { createWallStore } from './wallstore.ts';

/** Puts the wall into the page and brings it to life. */
export function startWall(root: HTMLElement): void {
  // First, so that whatever fails below leads to another try.
  const guard = startGuard();
  loadStyle(wallStyle)
    .then(() => start(root, guard))
    .catch((error: unknown) => {
      reloadWhenServed('the wall did not start');
      throw error;
    });
}

function start(root: HTMLElement, guard: ReturnType<typeof startGuard>): void {
  document.documentElement.classList.add('wall-page');
  const parameters = parseWall(location.search);
  const edge = createWatchedEdge({
    onFrame: guard.heard,
    onBuild: (build) => reloadWhenServed('another build', build),
  });
  const { store, turns } = createWallStore(parameters, edge);
  let stopTheme: (() => void) | null = null;
  const show = createShow(store, turns, parameters.rotateMs);
  const screen = followScreen(() => {
    // The charts' text size is read with the theme.
    stopTheme?.();
    stopTheme = followTheme(store.view.theme);
    show.widths.forget();
  });
  const wake = keepAwake();
  render(
    <Wall store={store} show={show} screen={screen} edge={edge} complaints={parameters.complaints} wake={wake} />,
    root,
  );
  // The root element carries the state for machines, whichever element they take for the root.
  effect(() => {
    document.documentElement.dataset.feed = store.feed.value;
  });
  setInterval(() => {
    show.look(performance.now());
    screen.look(performance.now());
  }, LOOK_MS);
  guard.follow(
    store,
    () => root.querySelector('.stage[data-shown]') !== null,
    () => edge.check(),
  );
  reportScreen(store, 'wall', () => show.current.peek() ?? '');
  store.start();
}
