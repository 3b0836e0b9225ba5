/** The header's buttons that the first view does without. Their room is kept by the style sheet, so that nothing moves when they come. */
import type { Signal } from '@preact/signals';
import { AlertsButton } from '../alerts/index.tsx';
import { OverviewButton } from '../market/index.tsx';
import { ShareButton } from '../reading/index.tsx';
import type { Store } from '../store.ts';
import { THEMES } from '../view.ts';
import { Icon } from './icons.tsx';

interface HeaderToolsProps {
  readonly store: Store;
  readonly isHelping: Signal<boolean>;
}

export function HeaderTools({ store, isHelping }: HeaderToolsProps) {
  return (
    <>
      <OverviewButton store={store} />
      <AlertsButton store={store} />
      <ShareButton store={store} />
      <ThemeButton store={store} />
      <button
        type="button"
        class="button desk-only"
        aria-label="Keys"
        title="Keys (?)"
        onClick={() => {
          isHelping.value = true;
        }}
      >
        <Icon name="keys" />
      </button>
    </>
  );
}

function ThemeButton({ store }: { store: Store }) {
  const theme = store.view.theme.value;
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'system';
  return (
    <button
      type="button"
      class="button desk-only"
      aria-label={`Theme: ${theme}; switch to ${next}`}
      title={`Theme: ${theme} (t)`}
      data-testid="theme"
      onClick={() => store.view.setTheme(next)}
    >
      <Icon name={theme} />
    </button>
  );
}
