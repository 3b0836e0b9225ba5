/** What stands beside the charts once the later part of the page is there: zooming, and the keys of all later parts. */
import { useEffect } from 'preact/hooks';
import { Alerts } from '../alerts/index.tsx';
import { MarketDesk } from '../market/index.tsx';
import { Reading } from '../reading/index.tsx';
import { reportScreen } from '../report/screen.ts';
import type { Store } from '../store.ts';
import { Trust } from '../trust/index.tsx';
import { CustomRange } from './customrange.tsx';
import { Dialog } from './dialog.tsx';
import { isTypingRange } from './later.tsx';
import { listenToLaterKeys } from './laterkeys.ts';
import { bindPageKeys } from './pagekeys.ts';
import { Zooming } from './zoom.tsx';

export function Desk({ store }: { store: Store }) {
  useEffect(listenToLaterKeys, []);
  useEffect(() => bindPageKeys(store.view), [store]);
  useEffect(() => reportScreen(store, 'desk', () => store.view.symbol.peek()), [store]);
  return (
    <>
      <Zooming store={store} />
      <Reading store={store} />
      <Alerts store={store} />
      <Trust store={store} />
      <MarketDesk store={store} />
      <Dialog label="Another range" class="range-dialog" testId="custom-range" isOpen={isTypingRange}>
        <CustomRange store={store} isOpen={isTypingRange} />
      </Dialog>
    </>
  );
}
