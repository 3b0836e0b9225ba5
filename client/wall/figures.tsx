/** The key figures: of each stream the latest value, large enough to be read from across a room, and how old it is. */
import { useComputed, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { StreamName } from '../../shared/streams.ts';
import { type Drawable, drawNever, drawSoon } from '../draw.ts';
import { age, NOTHING } from '../format.ts';
import type { CardContent } from '../recipes/recipe.ts';
import { CHART_ORDER, RECIPES } from '../recipes.ts';
import type { Store } from '../store.ts';
import { contextOf, framed } from '../ui/controller.ts';
import { Sparkline } from '../ui/spark.tsx';
import type { Stage } from './show.ts';

/** Figures follow bursts at this pace at most: from afar nobody reads faster. */
const PAUSE_MS = 500;
/** A figure of so many characters still stands beside its line, and of so many in full size. */
const LONG = 8;
const VERY_LONG = 10;

interface Figure {
  readonly content: CardContent | null;
  readonly from: number;
  readonly to: number;
}

function figureOf(store: Store, stream: StreamName): Figure {
  const { view, span } = framed(store, store.stream(stream).peek());
  return {
    content: RECIPES[stream].card(view, contextOf(store, view, '', span)),
    from: span.from,
    to: span.to,
  };
}

function useFigure(store: Store, stream: StreamName) {
  const figure = useSignal(figureOf(store, stream));
  useEffect(() => {
    let drawnAt = Number.NEGATIVE_INFINITY;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const drawable: Drawable = {
      draw() {
        figure.value = figureOf(store, stream);
        // What shows nothing is not to be read: the first figure does not wait for it.
        if (figure.value.content !== null) drawnAt = performance.now();
      },
    };
    const source = store.stream(stream);
    const draw = (): void => {
      clearTimeout(timer);
      const wait = drawnAt + PAUSE_MS - performance.now();
      if (wait <= 0) drawSoon(drawable);
      else timer = setTimeout(() => drawSoon(drawable), wait);
    };
    let shown = '';
    const stop = [
      store.frame.subscribe(draw),
      source.subscribe(({ state, version, range }) => {
        const mark = `${state} ${range} ${version}`;
        if (mark !== shown) draw();
        shown = mark;
      }),
    ];
    return () => {
      for (const one of stop) one();
      clearTimeout(timer);
      drawNever(drawable);
    };
  }, [store, stream]);
  return figure;
}

export function Figures({ stage }: { stage: Stage }) {
  return (
    <section class="figures" aria-label="Latest values">
      {CHART_ORDER.map((stream) => (
        <FigureCard key={stream} stage={stage} stream={stream} />
      ))}
    </section>
  );
}

function FigureCard({ stage, stream }: { stage: Stage; stream: StreamName }) {
  const { store } = stage;
  const { content, from, to } = useFigure(store, stream).value;
  const state = useComputed(() => store.stream(stream).value.state).value;
  const value = content?.value ?? NOTHING;
  const [note] = [content?.change?.text, ...(content?.notes ?? [])].flatMap((text) => text ?? []);
  return (
    <article
      class="figure"
      {...(stage.isShown.value ? { 'data-card': stream } : {})}
      data-card-state={state}
      {...(value.length > VERY_LONG ? { 'data-long': 'very' } : value.length > LONG ? { 'data-long': '' } : {})}
    >
      <h2 class="figure-label">
        {content?.label ?? RECIPES[stream].title}
        <span>{content?.source ?? ''}</span>
      </h2>
      <div class="figure-value" data-tone={content?.tone ?? 'plain'} data-testid="card-value">
        {value}
      </div>
      {content?.spark ? <Sparkline spark={content.spark} from={from} to={to} /> : null}
      <p class="figure-foot">
        <span>{state === 'off' ? 'off' : (note ?? '')}</span>
        <FigureAge store={store} stream={stream} />
      </p>
    </article>
  );
}

function FigureAge({ store, stream }: { store: Store; stream: StreamName }) {
  const arrivedAt = useComputed(() => store.stream(stream).value.arrivedAt).value;
  if (arrivedAt === null) return null;
  const ms = Math.max(0, store.now.value - arrivedAt);
  return (
    <span class="card-age" data-age={ms}>
      {age(ms)}
    </span>
  );
}
