/** Turns one stream's view into its chart's scene, and draws it when the page's frame or a choice changes. */
import { computed, effect, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import type { StreamName } from '../../shared/streams.ts';
import { drawSoon } from '../draw.ts';
import { RANGE_MS, type StreamView } from '../model.ts';
import type { Hatch } from '../painters/scene.ts';
import { type PanePointer, Panes, type Scene } from '../panes.ts';
import type { Picture, RecipeContext } from '../recipes/recipe.ts';
import { RECIPES } from '../recipes.ts';
import type { Store } from '../store.ts';
import { palette } from '../theme.ts';
import { lead, until } from '../window.ts';
import { extras } from './later.tsx';
import { type ChartLayout, layoutOf, sameLayout } from './layout.ts';

/** Ages in a picture are written anew at this pace, without any new row. */
const AGES_MS = 15_000;

/** One chart's state beside the store's. */
export interface ChartController {
  readonly panes: Panes;
  /** Id of the chosen variant. */
  readonly variant: Signal<string>;
  readonly layout: ReadonlySignal<ChartLayout>;
  readonly pointer: ReadonlySignal<PanePointer | null>;
  /** Whether the labels at the lines' ends carry names. */
  readonly named: ReadonlySignal<boolean>;
  destroy(): void;
}

/** What a recipe may know at the moment. */
export function contextOf(store: Store, range: StreamView['range'], variant: string): RecipeContext {
  return {
    symbol: store.view.symbol.peek(),
    zone: store.view.zone.peek(),
    range,
    rangeMs: RANGE_MS[range],
    now: store.now.peek(),
    variant,
  };
}

/** Where a stream's window ends and which of its rows are in it, at the page's present frame. */
export function framed(store: Store, view: StreamView): { view: StreamView; from: number; to: number } {
  const to = store.viewNow.peek() + lead(view, store.now.peek());
  return { view: until(view, to), from: to - RANGE_MS[view.range], to };
}

/** Makes a chart's controller; it draws until it is destroyed. */
export function createController(store: Store, name: StreamName): ChartController {
  const recipe = RECIPES[name];
  const source = store.stream(name);
  const variant = signal(recipe.variants[0]?.id ?? '');
  const pointer = signal<PanePointer | null>(null);
  const named = signal(true);
  const context = (range: StreamView['range']): RecipeContext => contextOf(store, range, variant.peek());
  const layout = signal<ChartLayout>(layoutOf(recipe.picture(source.peek(), context(source.peek().range))));
  let width = 0;
  let drawn = { version: -1, to: 0 };
  let cached: { readonly key: string; readonly picture: Picture } | null = null;

  function picture(shown: StreamView, to: number): Picture {
    const known = context(shown.range);
    const age = Math.floor(known.now / AGES_MS);
    // While rows beyond the window's end are cut off, the cut moves with the window.
    const cut = shown === source.peek() ? '' : to;
    const key = [shown.version, shown.state, known.variant, known.zone, known.symbol, shown.range, age, cut].join('|');
    if (cached?.key !== key) cached = { key, picture: recipe.picture(shown, known) };
    return cached.picture;
  }

  function hatches(view: StreamView, to: number): Hatch[] {
    const from = view.lostFrom ?? (view.state === 'stale' ? view.arrivedAt : null);
    // Rows that are dated ahead are missing that much further ahead.
    return from === null ? [] : [{ from: from + to - store.viewNow.peek(), to }];
  }

  function scene(): Scene | null {
    const colours = palette.peek();
    if (colours === null) return null;
    const { view, from, to } = framed(store, source.peek());
    drawn = { version: view.version, to: store.viewNow.peek() };
    const shown = picture(view, to);
    const next = layoutOf(shown);
    if (!sameLayout(next, layout.peek())) layout.value = next;
    if (view.state === 'off' || shown.refusal !== null) return null;
    return {
      panes: shown.panes,
      frame: { from, to, zone: store.view.zone.peek(), hatches: hatches(view, to) },
      palette: colours,
      columns: recipe.columns,
    };
  }

  const panes = new Panes({
    scene,
    hitTest: () => extras()?.hitTest ?? null,
    onPointer: (next) => {
      pointer.value = next;
    },
    onNames: (shown) => {
      named.value = shown;
    },
    onWidth: (pixels) => {
      width = pixels;
      store.setChartWidth(name, pixels);
    },
  });

  const state = computed(() => source.value.state);
  const lostFrom = computed(() => source.value.lostFrom);
  const stop = effect(() => {
    // Whatever changes the picture without a new row.
    [state.value, lostFrom.value, store.feed.value, store.view.zone.value, store.view.symbol.value];
    [variant.value, palette.value, store.view.range.value];
    drawSoon(panes);
  });

  const stopFollowing = effect(() => {
    store.frame.value;
    // The page's frame is every stream's; a chart is drawn for its own rows, or when its window has moved by a pixel.
    const { version, range } = source.peek();
    const moved = Math.abs(store.viewNow.peek() - drawn.to);
    if (version !== drawn.version || moved >= RANGE_MS[range] / Math.max(1, width) / 2) drawSoon(panes);
  });

  return {
    panes,
    variant,
    layout,
    pointer,
    named,
    destroy() {
      stop();
      stopFollowing();
      panes.destroy();
    },
  };
}
