/** The page's alerts: what is announced, the banners over the page, the button in its head, and the panel of the rules. */
import { useSignalEffect } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Store } from '../store.ts';
import sheet from '../style/alerts.css?url';
import { PartNotYet, partOf } from '../trust/part.tsx';
import { sheetOf } from '../trust/sheet.ts';
import { Dialog } from '../ui/dialog.tsx';
import { onKey } from '../ui/laterkeys.ts';
import { Banners } from './banners.tsx';
import { shownCount } from './standings.ts';
import { alertsOf } from './watch.ts';

const panel = partOf(() => import('./panel.tsx'));

/** Hosts the alerts of the page, as long as it lives. */
export function Alerts({ store }: { store: Store }) {
  const alerts = alertsOf(store);
  const { isOpen } = alerts;
  const isStyled = sheetOf(sheet).value;
  useEffect(() => {
    const open = (): void => {
      isOpen.value = true;
    };
    const stops = [alerts.start(), onKey('l', 'alerts: rules, and what they found', open)];
    return () => {
      for (const stop of stops) stop();
    };
  }, [alerts]);
  useSignalEffect(() => {
    if (isOpen.value) panel.fetch();
  });
  const body = panel.loaded.value;
  return (
    <>
      <p class="alerts-spoken" role="alert" data-testid="alert-spoken">
        {alerts.spoken.value}
      </p>
      {isStyled && <Banners store={store} alerts={alerts} />}
      <Dialog label="Alerts" class="alerts-dialog" testId="alerts" isOpen={isOpen}>
        {body === null || !isStyled ? <PartNotYet part={panel} /> : <body.AlertsPanel store={store} alerts={alerts} />}
      </Dialog>
    </>
  );
}

/** The header's button: how many alerts wait to be seen, as a figure. */
export function AlertsButton({ store }: { store: Store }) {
  const { isOpen, standings } = alertsOf(store);
  const count = shownCount(standings.value);
  return (
    <button
      type="button"
      class="button alerts-button"
      aria-label={count === 0 ? 'Alerts' : `Alerts: ${count} to be seen`}
      title="Alerts (l)"
      aria-haspopup="dialog"
      data-testid="alerts-button"
      {...(count > 0 ? { 'data-count': count } : {})}
      onClick={() => {
        isOpen.value = true;
      }}
    >
      <svg class="icon" viewBox="0 0 18 18" aria-hidden="true">
        <path d="M4.5 12.5V8a4.5 4.5 0 0 1 9 0v4.5l1.2 1.5H3.3zM7.4 14.4a1.7 1.7 0 0 0 3.2 0" />
      </svg>
      {count > 0 && <b aria-hidden="true">{count}</b>}
    </button>
  );
}
