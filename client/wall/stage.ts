/** A store of one turn: the wall's store, seen as if the turn's symbol were the one that is watched. */
import { computed, type ReadonlySignal, signal } from '@preact/signals';
import type { StreamName } from '../../shared/streams.ts';
import type { StreamView } from '../model.ts';
import type { Store } from '../store.ts';
import { stageMark, stageView } from './stageview.ts';
import type { ChartWidths } from './widths.ts';

/**
 * The store of a symbol's turn; nothing is held twice.
 *
 * @param isShown a turn that waits for its time is drawn once a second only.
 */
export function stageStore(store: Store, symbol: string, isShown: ReadonlySignal<boolean>, widths: ChartWidths): Store {
  const own = signal(symbol);
  const none = signal<readonly string[]>([]);
  const views = new Map<StreamName, ReadonlySignal<StreamView>>();

  function view(name: StreamName): ReadonlySignal<StreamView> {
    const base = store.stream(name);
    if (name === 'system_metrics') return base;
    let mark = '';
    let version = 0;
    return computed(() => {
      const made = stageView(base.value, symbol, store.feed.value);
      const now = stageMark(made);
      if (now !== mark) version += 1;
      mark = now;
      return { ...made, version };
    });
  }

  return {
    ...store,
    view: { ...store.view, symbol: own, compare: none, keys: computed(() => [own.value]) },
    adapt: signal(null),
    frame: computed(() => (isShown.value ? store.frame.value : store.now.value)),
    stream(name) {
      const known = views.get(name);
      if (known !== undefined) return known;
      const made = view(name);
      views.set(name, made);
      return made;
    },
    setChartWidth: (name, columns) => widths.report(symbol, name, columns),
  };
}
