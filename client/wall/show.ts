/** Which turn is shown and which one waits behind it, drawn already. */
import { batch, computed, effect, type ReadonlySignal, signal, untracked } from '@preact/signals';
import { STREAM_NAMES } from '../../shared/streams.ts';
import type { Store } from '../store.ts';
import { isOverviewThere } from './overviewturn.tsx';
import { OVERVIEW, type Turns } from './parameters.ts';
import { Rotation } from './rotation.ts';
import { stageStore } from './stage.ts';
import { ChartWidths } from './widths.ts';

/** How often whoever shows has to look whose turn it is. */
export const LOOK_MS = 250;
/** After a change of turns the machine is left alone for so long before the one after is made. */
const QUIET_MS = 1500;

/** One turn on the screen, shown or waiting. */
export interface Stage {
  /** A symbol, or OVERVIEW. */
  readonly name: string;
  readonly isShown: ReadonlySignal<boolean>;
  /** The turn's own view of the wall's store. */
  readonly store: Store;
}

/** What a wall shows. */
export interface Show {
  readonly turns: ReadonlySignal<Turns>;
  readonly current: ReadonlySignal<string | null>;
  /** The shown turn, and the one after it once it is being made. */
  readonly stages: ReadonlySignal<readonly Stage[]>;
  readonly widths: ChartWidths;
  /** To be called every LOOK_MS. `now`: a clock in ms that nobody sets. */
  look(now: number): void;
}

/** @param rotateMs how long a turn lasts; 0: for ever. */
export function createShow(store: Store, turns: ReadonlySignal<Turns>, rotateMs: number): Show {
  const rotation = new Rotation(rotateMs);
  const current = signal<string | null>(null);
  const next = signal<string | null>(null);
  const widths = new ChartWidths((name, columns) => store.setChartWidth(name, columns));
  const known = new Map<string, Stage>();
  let quietUntil = 0;

  function stageOf(name: string): Stage {
    const before = known.get(name);
    if (before !== undefined) return before;
    const isShown = computed(() => current.value === name);
    const made = { name, isShown, store: name === OVERVIEW ? store : stageStore(store, name, isShown, widths) };
    known.set(name, made);
    return made;
  }

  const stages = computed(() => {
    const names = [current.value, next.value].flatMap((name) => name ?? []);
    for (const name of known.keys()) if (!names.includes(name)) known.delete(name);
    // In an order that the change of turns does not touch: an element that moves in the document may be drawn anew.
    return [...new Set(names)].sort().map(stageOf);
  });

  /** Whether a turn that waits could be shown as it is. */
  function isReady(name: string): boolean {
    if (next.peek() !== name) return false;
    if (name === OVERVIEW) return isOverviewThere();
    // What the connection does not bring will not be there later either.
    if (store.feed.peek() !== 'live') return true;
    const { store: own } = stageOf(name);
    return STREAM_NAMES.every((stream) => own.stream(stream).peek().state !== 'loading');
  }

  function settle(now: number): void {
    batch(() => {
      if (current.peek() !== rotation.current) {
        current.value = rotation.current;
        quietUntil = now + QUIET_MS;
      }
      // The turn that was shown goes at once, unless it comes next; the one after it is made a little later.
      if (next.peek() === rotation.next) return;
      if (now >= quietUntil) next.value = rotation.next;
      else if (next.peek() === rotation.current) next.value = null;
    });
  }

  effect(() => {
    rotation.setTurns(turns.value.turns);
    untracked(() => settle(0));
  });

  return {
    turns,
    current,
    stages,
    widths,
    look(now) {
      if (rotation.next !== null) rotation.look(now, isReady(rotation.next));
      settle(now);
    },
  };
}
