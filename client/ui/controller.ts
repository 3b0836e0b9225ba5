/** Turns one stream's view into its chart's scene, and draws it when the page's frame or a choice changes. */
import { computed, effect, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import { bucketFor } from '../../shared/m4.ts';
import type { StreamName } from '../../shared/streams.ts';
import { drawSoon } from '../draw.ts';
import { RANGE_MS, type StreamView } from '../model.ts';
import type { Hatch } from '../painters/scene.ts';
import { edgeAfter, type Span, spanOf } from '../painters/span.ts';
import { type PanePointer, Panes, type Scene } from '../panes.ts';
import type { Picture, RecipeContext } from '../recipes/recipe.ts';
import { RECIPES } from '../recipes.ts';
import type { Store } from '../store.ts';
import { palette } from '../theme.ts';
import type { Zoom } from '../view.ts';
import { lead, until } from '../window.ts';
import { recallColumns, rememberColumns } from './columns.ts';
import { extras } from './later.tsx';
import { type ChartLayout, layoutOf, sameLayout } from './layout.ts';

/** Ages in a picture are written anew at this pace, without any new row. */
const AGES_MS = 15_000;

/** The plots on the page, by the element over them that takes the pointer: the time at so many CSS pixels from its left edge. */
export const plotTimes = new Map<EventTarget, (x: number) => number>();

/** The charts on the page, for what belongs to all of them. */
export const controllers = new Map<StreamName, ChartController>();

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

/** What a recipe may know at the moment. `span`: what the chart shows; `zoom`: why it is not the whole range. */
export function contextOf(
  store: Store,
  view: StreamView,
  variant: string,
  span: Span,
  zoom: Zoom | null = null,
): RecipeContext {
  return {
    symbol: store.view.symbol.peek(),
    zone: store.view.zone.peek(),
    range: view.range,
    rangeMs: zoom?.spanMs ?? RANGE_MS[view.range],
    from: span.from,
    ...(zoom?.to == null ? {} : { to: span.to }),
    bucketMs: span.bucketMs,
    now: store.now.peek(),
    variant,
  };
}

/** What a stream's window shows at the page's present frame. */
interface Framed {
  readonly view: StreamView;
  readonly span: Span;
  /** How far it runs ahead of the page's clock, in ms. */
  readonly ahead: number;
}

/**
 * The window of a stream on a chart of so many pixel columns, and the rows in it. It is wider than the range by less than
 * a tenth, so that a pixel column is a whole bucket of what is held. Without columns it is the range itself.
 */
export function framed(store: Store, view: StreamView, columns?: number): Framed {
  const zoom = store.view.zoom.peek();
  if (zoom !== null && columns !== undefined) return zoomed(store, view, zoom, columns);
  const { bucketMs } = view;
  const ahead = lead(view, store.now.peek());
  const to = edgeAfter(store.viewNow.peek() + ahead, bucketMs);
  // Until rows come that were asked for by this width, so many columns may be less than the range: what is not in it would
  // be no reason for a pane, and without panes a chart never learns its width.
  const span = spanOf(to, bucketMs, Math.max(columns ?? 0, Math.ceil(RANGE_MS[view.range] / bucketMs)));
  return { view: until(view, span.to, columns === undefined ? undefined : span.from), span, ahead };
}

/** What is held is shown at once, however coarse it is for the zoom; the lens has the finer rows, once they have come. */
function zoomed(store: Store, view: StreamView, { spanMs, to }: Zoom, columns: number): Framed {
  const bucketMs = bucketFor(spanMs, columns);
  const now = store.viewNow.peek();
  const ahead = to === null ? lead(view, store.now.peek()) : 0;
  // An end that is given lies at a pixel's edge where the zoom was made on one.
  const span = spanOf(edgeAfter(to === null ? now + ahead : to - 0.001, bucketMs), bucketMs, columns);
  const finest = store.lens.peek()?.refine(view, span) ?? view;
  // Lines run on to what comes after a stretch of the past; a copy, as the picture depends on the stretch too.
  return { view: to === null ? until(finest, span.to) : { ...finest }, span, ahead };
}

/**
 * Makes a chart's controller; it draws until it is destroyed.
 *
 * @param known pixel columns that the chart's history was asked for; 0 where that waits for its first layout.
 */
export function createController(store: Store, name: StreamName, known: number): ChartController {
  const recipe = RECIPES[name];
  const source = store.stream(name);
  const variant = signal(recipe.variants[0]?.id ?? '');
  const pointer = signal<PanePointer | null>(null);
  const named = signal(true);
  const first = framed(store, source.peek());
  const layout = signal<ChartLayout>(
    layoutOf(recipe.picture(first.view, contextOf(store, first.view, variant.peek(), first.span))),
  );
  let remembered = recallColumns(name);
  /** Pixel columns that history is asked for; 0 where that is not known before the first layout. */
  let asked = known;
  if (asked > 0) store.setChartWidth(name, asked);
  let drawn = { version: -1, from: 0, until: 0 };
  let cached: { readonly key: string; readonly picture: Picture } | null = null;

  function picture({ view, span }: Framed): Picture {
    const known = contextOf(store, view, variant.peek(), span, store.view.zoom.peek());
    const age = Math.floor(known.now / AGES_MS);
    // While rows beyond the window's end are cut off, the cut moves with the window; and what a variant computes may
    // begin where the window does.
    const cut = view === source.peek() ? '' : span.to;
    const start = known.variant === (recipe.variants[0]?.id ?? '') ? '' : span.from;
    const { version, state, range } = view;
    const key = [version, state, known.variant, known.zone, known.symbol, range, age, cut, start, span.bucketMs].join();
    if (cached?.key !== key) cached = { key, picture: recipe.picture(view, known) };
    return store.adapt.peek()?.(cached.picture, name) ?? cached.picture;
  }

  function hatches(view: StreamView, to: number, ahead: number): Hatch[] {
    const from = view.lostFrom ?? (view.state === 'stale' ? view.arrivedAt : null);
    // Rows that are dated ahead are missing that much further ahead.
    return from === null ? [] : [{ from: from + ahead, to }];
  }

  function scene(columnsNow: () => number): Scene | null {
    const colours = palette.peek();
    const { state: stateNow, channels } = source.peek();
    // While nothing has come there is nothing to be seen, and nothing to be laid out for it.
    if (colours === null || (stateNow === 'loading' && channels.length === 0)) return null;
    const columns = columnsNow();
    // Which panes there are to be, the rows of the whole range tell.
    const now = framed(store, source.peek(), columns === 0 ? undefined : columns);
    const { view, span, ahead } = now;
    // The next column begins at the window's end.
    drawn = { version: source.peek().version, from: span.to - span.bucketMs - ahead, until: span.to - ahead };
    // What is past does not move.
    if (store.view.zoom.peek()?.to != null) drawn = { ...drawn, from: 0, until: Number.POSITIVE_INFINITY };
    const shown = picture(now);
    const next = layoutOf(shown);
    if (!sameLayout(next, layout.peek())) layout.value = next;
    if (view.state === 'off' || shown.refusal !== null) return null;
    const { bucketMs, to } = span;
    return {
      panes: shown.panes,
      frame: {
        bucketMs,
        to,
        zone: store.view.zone.peek(),
        hatches: hatches(view, to, ahead),
        marks: store.marks.peek().filter(({ stream }) => stream === name),
      },
      palette: colours,
      columns: recipe.columns,
    };
  }

  const panes = new Panes({
    scene,
    onPlot: (over, timeAt) => {
      plotTimes.set(over, timeAt);
      return () => plotTimes.delete(over);
    },
    hitTest: () => extras()?.hitTest ?? null,
    onPointer: (next) => {
      pointer.value = next;
    },
    onNames: (shown) => {
      named.value = shown;
    },
    onColumns: (columnsNow) => {
      const isSettled = source.peek().channels.length > 0;
      // Without rows there are no labels, and the plot is wider than it will be.
      if (asked > 0 && !isSettled) return;
      const columns = columnsNow();
      if (columns === 0) return;
      if (columns !== asked) store.setChartWidth(name, columns);
      asked = columns;
      if (!isSettled || columns === remembered) return;
      remembered = columns;
      rememberColumns(name, columns);
    },
  });

  const state = computed(() => source.value.state);
  const lostFrom = computed(() => source.value.lostFrom);
  const stop = effect(() => {
    // Whatever changes the picture without a new row.
    [state.value, lostFrom.value, store.feed.value, store.view.zone.value, store.view.symbol.value];
    [variant.value, palette.value, store.view.range.value, store.view.zoom.value, store.lens.value?.version.value];
    [store.adapt.value, store.marks.value];
    drawSoon(panes);
  });

  const stopFollowing = effect(() => {
    store.frame.value;
    // The page's frame is every stream's; a chart is drawn for its own rows, or when its window has moved by a column.
    const now = store.viewNow.peek();
    if (source.peek().version !== drawn.version || now < drawn.from || now >= drawn.until) drawSoon(panes);
  });

  const controller: ChartController = {
    panes,
    variant,
    layout,
    pointer,
    named,
    destroy() {
      stop();
      stopFollowing();
      panes.destroy();
      if (controllers.get(name) === controller) controllers.delete(name);
    },
  };
  controllers.set(name, controller);
  return controller;
}
