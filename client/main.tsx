/** Starts the page: the wall where its address says so, else the desk: the store, the theme, the elements. */
import './style/page.css';
import './style/page-narrow.css';
import { render } from 'preact';
import { drawAll } from './draw.ts';
import { reloadOnceIdle } from './reload.ts';
import { createPageStore } from './store/page.ts';
import { followTheme } from './theme.ts';
import { App } from './ui/app.tsx';

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
  // The connection is made while the page is; what it asks for depends on how wide its charts are.
  store.start();
  render(<App store={store} />, root);
  drawAll();
}
