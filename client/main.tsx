/** Starts the page: the wall where its address says so, else the desk: the store, the theme, the elements. */
import './style/page.css';
import './style/page-narrow.css';
import { render } from 'preact';
import { STREAM_NAMES } from '../shared/streams.ts';
import { drawAll, drawFirst } from './draw.ts';
import { reloadOnceIdle } from './reload.ts';
import { createPageStore } from './store/page.ts';
import { followTheme } from './theme.ts';
import { App } from './ui/app.tsx';
import { firstColumns } from './ui/columns.ts';

// What goes wrong on the page is told to the server by a part that is fetched when it does; where that fails too, nothing can be told.
for (const type of ['error', 'unhandledrejection'])
  addEventListener(type, (event) => {
    import('./report/errors.ts').then(
      (part) => part.reportError(event),
      () => {},
    );
  });

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no element with the id "root" to put the page into.');

if (location.pathname.endsWith('/wall')) {
  import('./wall/main.tsx').then(
    (wall) => wall.startWall(root),
    // Nobody is there to try it again.
    () => reloadOnceIdle(`wall ${Date.now()}`),
  );
} else {
  const store = createPageStore();
  followTheme(store.view.theme);
  for (const name of STREAM_NAMES) store.setChartWidth(name, firstColumns(name));
  // The first rows do not wait for the next frame: what the browser has to do for it may take long while the page begins.
  let hasRows = false;
  const stop = store.listen(({ type }) => {
    if (type !== 'snapshot') return;
    stop();
    hasRows = true;
    queueMicrotask(drawFirst);
  });
  // What a script before this one has asked for is here already, or will be while the page is made.
  store.start();
  render(<App store={store} />, root);
  // Without rows there is the width to be found out that they are asked for.
  if (!hasRows) drawAll();
}
