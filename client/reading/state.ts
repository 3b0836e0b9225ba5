/** What a reader has done to the charts, as signals: hidden lines, the chart that fills the screen, the row that is pinned. */
import { type ReadonlySignal, signal } from '@preact/signals';
import { STREAMS, type StreamName } from '../../shared/streams.ts';
import { words } from '../format.ts';
import type { PaneLine } from '../painters/scene.ts';
import type { Picture } from '../recipes/recipe.ts';
import type { Store } from '../store.ts';
import { controllers, plotTimes } from '../ui/controller.ts';
import { ALL_LINES, hiddenCount, type LineChoice, linesOf, withoutHidden } from './lineset.ts';
import type { ShownLine, Window } from './rows.ts';

/** A row that stays on show. It is kept as it was when it was pinned, however the chart goes on. */
export interface Pinned {
  readonly stream: StreamName;
  /** The pane that its line was pointed at in. */
  readonly pane: string;
  readonly line: PaneLine;
  readonly index: number;
  /** Where it was pointed at, in CSS pixels of the chart's panel. */
  readonly x: number;
  readonly y: number;
}

/** A time that all charts mark, epoch ms, and what it is of. */
export interface Mark {
  readonly time: number;
  readonly text: string;
  /** Tells it from others of the same instant. */
  readonly key: string;
}

/** What stands at the side of the page, or before it. */
export type Open = 'anomalies' | 'compare' | null;

export const choices = signal<ReadonlyMap<StreamName, LineChoice>>(new Map());
export const full = signal<StreamName | null>(null);
export const pinned = signal<Pinned | null>(null);
export const mark = signal<Mark | null>(null);
export const open = signal<Open>(null);
/** Charts that show their rows as a table. */
export const tables = signal<ReadonlySet<StreamName>>(new Set());

const told = signal<{ readonly text: string; readonly id: number } | null>(null);
/** What was last done, in a sentence; null after a while. */
export const said: ReadonlySignal<{ readonly text: string; readonly id: number } | null> = told;
const SAID_MS = 4000;
let silence: ReturnType<typeof setTimeout> | undefined;
let saidCount = 0;

/** Says what was done, for as long as it takes to read. */
export function say(text: string): void {
  clearTimeout(silence);
  saidCount += 1;
  told.value = { text, id: saidCount };
  silence = setTimeout(() => {
    told.value = null;
  }, SAID_MS);
}

/** Which of a chart's lines are shown. */
export function choiceOf(stream: StreamName): LineChoice {
  return choices.value.get(stream) ?? ALL_LINES;
}

export function choose(stream: StreamName, choice: LineChoice): void {
  const next = new Map(choices.peek());
  if (choice.kind === 'hide' && choice.names.length === 0) next.delete(stream);
  else next.set(stream, choice);
  choices.value = next;
}

/** What a chart drew last: all lines that there are, and those that are shown. */
export interface DrawnPicture {
  readonly all: Picture;
  readonly shown: Picture;
}

const drawn = new Map<StreamName, DrawnPicture>();
const version = signal(0);

/** What a chart drew last; null before it drew, and where it has nothing to draw from. Reading it follows every change. */
export function drawnPicture(stream: StreamName): DrawnPicture | null {
  version.value;
  return drawn.get(stream) ?? null;
}

/** The same without following. */
export function peekPicture(stream: StreamName): DrawnPicture | null {
  return drawn.get(stream) ?? null;
}

/** Grows whenever a chart has drawn something else. */
export const pictureVersion: ReadonlySignal<number> = version;

/** What the store's `adapt` is to be: leaves hidden lines out, and remembers what is drawn. */
export function adapter(): (picture: Picture, stream: StreamName) => Picture {
  const made = new Map<StreamName, DrawnPicture & { readonly choice: LineChoice }>();
  return (all, stream) => {
    const choice = choices.peek().get(stream) ?? ALL_LINES;
    const before = made.get(stream);
    if (before?.all === all && before.choice === choice) return before.shown;
    const now = { all, choice, shown: withoutHidden(all, choice) };
    made.set(stream, now);
    drawn.set(stream, now);
    // Charts draw in a frame of their own; whoever follows does so after it.
    queueMicrotask(() => {
      version.value = version.peek() + 1;
    });
    return now.shown;
  };
}

/** How many of a chart's lines are hidden at the moment. */
export function hiddenNow(stream: StreamName): number {
  const names = linesOf(peekPicture(stream)?.all ?? { panes: [] }).map(({ name }) => name);
  return hiddenCount(choices.peek().get(stream) ?? ALL_LINES, names);
}

/** The element of a chart's panel; null where it is not on the page. */
export function panelOf(stream: StreamName): HTMLElement | null {
  return document.querySelector<HTMLElement>(`[data-stream="${stream}"]`);
}

/** The elements over a chart's plots, by the id of their pane. */
export function plotsOf(stream: StreamName): readonly { readonly pane: string; readonly over: HTMLElement }[] {
  const panel = panelOf(stream);
  if (panel === null || !controllers.has(stream)) return [];
  return [...panel.querySelectorAll<HTMLElement>('[data-pane]')].flatMap((host) => {
    const over = host.querySelector<HTMLElement>('.u-over');
    const pane = host.dataset.pane;
    return over === null || pane === undefined || !plotTimes.has(over) ? [] : [{ pane, over }];
  });
}

/** The stretch of time that a plot shows, epoch ms; null where it has no width. */
export function windowOf(over: HTMLElement): Window | null {
  const timeAt = plotTimes.get(over);
  const { clientWidth } = over;
  if (timeAt === undefined || clientWidth === 0) return null;
  return { from: timeAt(0), to: timeAt(clientWidth) };
}

/** The stretch of time that a chart shows, epoch ms; null while it has no plot. */
export function chartWindow(stream: StreamName): Window | null {
  for (const { over } of plotsOf(stream)) {
    const found = windowOf(over);
    if (found !== null) return found;
  }
  return null;
}

/**
 * The key of a line's rows in the database: its symbol or the name of its metric. Null where two metrics are called the
 * same in words, so that the name does not say which it is.
 */
export function keyOf(
  store: Store,
  { stream, symbol, name }: Pick<ShownLine, 'stream' | 'symbol' | 'name'>,
): string | null {
  if (STREAMS[stream].key.name === 'symbol') return symbol;
  const keys = store
    .stream(stream)
    .peek()
    .channels.flatMap(({ key }) => (words(key) === name ? [key] : []));
  return keys.length === 1 ? (keys[0] ?? null) : null;
}
