/** The turn that shows every symbol at once: the market's overview, fetched when it is first wanted, and again until it comes. */
import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Store } from '../store.ts';
import marketStyle from '../style/market-sheet.css?url';
import { loadStyle } from './style.ts';

type Body = typeof import('../market/overview.tsx');

const RETRY_MS = 5000;

const body = signal<Body | null>(null);
let isAsked = false;

async function fetchOverview(): Promise<void> {
  if (isAsked) return;
  isAsked = true;
  try {
    const [loaded] = await Promise.all([import('../market/overview.tsx'), loadStyle(marketStyle)]);
    body.value = loaded;
  } catch {
    isAsked = false;
    setTimeout(fetchOverview, RETRY_MS);
  }
}

/** Whether the overview could be shown as it is. */
export function isOverviewThere(): boolean {
  return body.peek() !== null;
}

export function OverviewTurn({ store }: { store: Store }) {
  useEffect(() => {
    fetchOverview();
  }, []);
  const parts = body.value;
  return parts === null ? <p class="stage-none">Loading the overview</p> : <parts.Overview store={store} wall />;
}
