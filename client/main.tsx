/** Starts the page: the store, the theme, the elements. */
import './style/page.css';
import { render } from 'preact';
import { createPageStore } from './store/page.ts';
import { followTheme } from './theme.ts';
import { App } from './ui/app.tsx';

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no element with the id "root" to put the page into.');

const store = createPageStore();
followTheme(store.view.theme);
render(<App store={store} />, root);
store.start();
