/** What stands beside the charts once the later part of the page is there: zooming, and the keys of all later parts. */
import { useEffect } from 'preact/hooks';
import type { Store } from '../store.ts';
import { listenToLaterKeys } from './laterkeys.ts';
import { Zooming } from './zoom.tsx';

export function Desk({ store }: { store: Store }) {
  useEffect(listenToLaterKeys, []);
  return <Zooming store={store} />;
}
