/** The cards: each stream's latest values, how they changed, how many rows came in the last hour, and how old they are. */
import { effect, useComputed, useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import type { StreamName } from '../../shared/streams.ts';
import { drawNever, drawSoon } from '../draw.ts';
import { age, fixed, NOTHING } from '../format.ts';
import type { StreamView } from '../model.ts';
import type { CardContent } from '../recipes/recipe.ts';
import { CHART_ORDER, RECIPES } from '../recipes.ts';
import type { Store } from '../store.ts';
import { ofSymbol } from '../window.ts';
import { contextOf, framed } from './controller.ts';
import { Sparkline } from './spark.tsx';

/** What a card shows at one moment. */
interface CardPicture {
  readonly content: CardContent | null;
  readonly rowsLastHour: number;
  readonly from: number;
  readonly to: number;
}

/** A card follows bursts at this pace at most; eyes do not read faster. */
const LEAST_PAUSE_MS = 200;
/** So much longer a card waits for the page to draw something else too: a frame for a card alone costs as much as one for all. */
const COMPANY_MS = 100;

function pictureOf(store: Store, view: StreamView): CardPicture {
  const shown = framed(store, ofSymbol(view, store.view.symbol.peek()));
  const { from, to } = shown.span;
  const rowsLastHour = shown.view.channels.reduce((sum, channel) => sum + channel.rowsLastHour, 0);
  const content = RECIPES[view.stream].card(shown.view, contextOf(store, shown.view, '', shown.span));
  return { content, rowsLastHour, from, to };
}

/** The card's picture, brought up to date with the page's frame. */
function useCardPicture(store: Store, stream: StreamName) {
  const first = useMemo(() => pictureOf(store, store.stream(stream).peek()), [store, stream]);
  const picture = useSignal<CardPicture>(first);
  useEffect(() => {
    let drawnAt = Number.NEGATIVE_INFINITY;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const card = {
      draw(): void {
        picture.value = pictureOf(store, store.stream(stream).peek());
        // What shows nothing is not to be read: the first value does not wait for it.
        if (picture.value.content !== null) drawnAt = performance.now();
      },
    };
    const state = store.stream(stream);
    const stop = effect(() => {
      [store.frame.value, store.view.symbol.value, store.view.range.value, state.value.state];
      clearTimeout(timer);
      const wait = drawnAt + LEAST_PAUSE_MS - performance.now();
      if (wait <= 0) drawSoon(card);
      else timer = setTimeout(() => drawSoon(card), wait + COMPANY_MS);
    });
    return () => {
      stop();
      clearTimeout(timer);
      drawNever(card);
    };
  }, [store, stream]);
  return picture;
}

export function Cards({ store }: { store: Store }) {
  return (
    <section class="cards" aria-label="Latest values">
      {CHART_ORDER.map((stream) => (
        <Card key={stream} store={store} stream={stream} />
      ))}
    </section>
  );
}

function Card({ store, stream }: { store: Store; stream: StreamName }) {
  const picture = useCardPicture(store, stream);
  const state = useComputed(() => store.stream(stream).value.state);
  const { content, rowsLastHour, from, to } = picture.value;
  return (
    <article class="card" data-card={stream} data-card-state={state.value}>
      <h2 class="card-label">
        {content?.label ?? RECIPES[stream].title}
        <span>{content?.source ?? ''}</span>
      </h2>
      <div class="card-value" data-tone={content?.tone ?? 'plain'} data-testid="card-value">
        {content?.value ?? NOTHING}
      </div>
      {content?.spark ? <Sparkline spark={content.spark} from={from} to={to} /> : null}
      <p class="card-notes">
        {content?.change && (
          <span class="card-change" data-tone={content.change.tone}>
            {content.change.text}
          </span>
        )}
        {content?.notes.map((note) => (
          <span key={note}>{note}</span>
        ))}
      </p>
      <p class="card-foot">
        <CardAge store={store} stream={stream} />
        <span data-testid="rows-last-hour" data-rows={rowsLastHour}>
          {state.value === 'off' ? 'off' : `${fixed(rowsLastHour, 0)} ${rowsLastHour === 1 ? 'row' : 'rows'}`}
          {state.value !== 'off' && <span class="when"> in the last hour</span>}
        </span>
      </p>
    </article>
  );
}

function CardAge({ store, stream }: { store: Store; stream: StreamName }) {
  const arrivedAt = useComputed(() => store.stream(stream).value.arrivedAt);
  if (arrivedAt.value === null) return null;
  const ms = Math.max(0, store.now.value - arrivedAt.value);
  return (
    <span class="card-age" data-age={ms}>
      {age(ms)} ago
    </span>
  );
}
