/** The list of symbols, loaded at every connect and kept fresh. */
import { type ReadonlySignal, signal } from '@preact/signals';
import type { Timers } from './types.ts';

const FRESH_MS = 5 * 60_000;
const RETRY_MS = 15_000;

export interface SymbolList {
  readonly symbols: ReadonlySignal<readonly string[]>;
  /** Loads the list now, unless it is being loaded. */
  load(): void;
  failures(): number;
  stop(): void;
}

/** @param onList is told every list that was loaded. */
export function createSymbolList(
  fetchSymbols: () => Promise<readonly string[]>,
  timers: Timers,
  onList: (symbols: readonly string[]) => void,
): SymbolList {
  const symbols = signal<readonly string[]>([]);
  let failures = 0;
  let loading = false;
  let stopped = false;
  let cancel: (() => void) | null = null;

  function again(ms: number): void {
    loading = false;
    if (stopped) return;
    cancel?.();
    cancel = timers.after(ms, load);
  }
  function load(): void {
    if (loading || stopped) return;
    loading = true;
    fetchSymbols().then(
      (list) => {
        if (!stopped) {
          symbols.value = list;
          onList(list);
        }
        // A list that is still empty belongs to a database that is being filled, or is away.
        again(list.length === 0 ? RETRY_MS : FRESH_MS);
      },
      () => {
        failures += 1;
        again(RETRY_MS);
      },
    );
  }

  return {
    symbols,
    load,
    failures: () => failures,
    stop() {
      stopped = true;
      cancel?.();
    },
  };
}
