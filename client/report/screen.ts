/** Tells the server how this page is, so that whoever looks after the screens sees each of them: its build, what it shows, when it was painted. */
import { effect, untracked } from '@preact/signals';
import type { ScreenReport } from '../../shared/protocol.ts';
import { inFrame } from '../draw.ts';
import { pageBuild } from '../socket.ts';
import type { Store } from '../store.ts';

const EVERY_MS = 30_000;

/**
 * Reports at each connection, when the page is hidden or shown, and every half minute.
 *
 * @param shown what the page shows at the moment.
 * @returns stops it
 */
export function reportScreen(store: Store, page: ScreenReport['page'], shown: () => string): () => void {
  const build = pageBuild() ?? '';
  let painted: number | null = null;
  let isAwaited = false;

  function tell(): void {
    const visible = document.visibilityState === 'visible';
    store.send({ type: 'ping', screen: { page, build, symbol: shown(), painted, visible } });
  }

  /** The browser asks for a frame only where it is going to paint it. */
  function awaitPaint(): void {
    if (isAwaited) return;
    isAwaited = true;
    inFrame(() => {
      const isFirst = painted === null;
      isAwaited = false;
      painted = Date.now() + store.serverClockOffset.peek();
      if (isFirst) tell();
    });
  }

  const stops = [
    effect(() => {
      store.now.value;
      store.frame.value;
      untracked(awaitPaint);
    }),
    store.listen((news) => {
      if (news.type === 'hello') tell();
    }),
  ];
  const timer = setInterval(tell, EVERY_MS);
  document.addEventListener('visibilitychange', tell);
  return () => {
    clearInterval(timer);
    document.removeEventListener('visibilitychange', tell);
    for (const stop of stops) stop();
  };
}
