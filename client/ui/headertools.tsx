/** The header's buttons for what is loaded later. */
import { AlertsButton } from '../alerts/index.tsx';
import { OverviewButton } from '../market/index.tsx';
import { ShareButton } from '../reading/index.tsx';
import type { Store } from '../store.ts';

export function HeaderTools({ store }: { store: Store }) {
  return (
    <>
      <OverviewButton store={store} />
      <AlertsButton store={store} />
      <ShareButton store={store} />
    </>
  );
}
