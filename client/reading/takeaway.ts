/** Taking a chart along: as CSV, as a picture, as a link. Reads what stands on the page at the moment. */
import type { StreamName } from '../../shared/streams.ts';
import { STREAMS } from '../../shared/streams.ts';
import { RECIPES } from '../recipes.ts';
import type { Store } from '../store.ts';
import { palette } from '../theme.ts';
import { controllers } from '../ui/controller.ts';
import { formatQuery } from '../view.ts';
import { copy, save } from './clipboard.ts';
import { csvOf, fileName } from './csv.ts';
import { paintPicture } from './png.ts';
import { formatReading, type ReadingQuery } from './query.ts';
import { rowCount, type ShownLine, shownLines, type Window } from './rows.ts';
import { rowsAddress } from './rows-api.ts';
import { chartWindow, choices, full, hiddenNow, keyOf, panelOf, peekPicture, say } from './state.ts';

/** The lines of a chart and the stretch that it shows; null where it shows nothing. */
export function shownNow(stream: StreamName): { readonly lines: readonly ShownLine[]; readonly window: Window } | null {
  const picture = peekPicture(stream);
  const window = chartWindow(stream);
  return picture === null || window === null ? null : { lines: shownLines(picture.shown, window), window };
}

/** Saves what a chart shows as CSV. */
export function saveCsv(store: Store, stream: StreamName): void {
  const shown = shownNow(stream);
  if (shown === null || rowCount(shown.lines) === 0) {
    say('There are no rows to save: the chart shows none.');
    return;
  }
  const text = csvOf(stream, shown.lines, (line) => keyOf(store, line) ?? line.name);
  const name = fileName(stream, store.view.keys.peek(), shown.window, 'csv');
  save(new Blob([text], { type: 'text/csv;charset=utf-8' }), name);
  say(`Saved ${name}`);
}

/** Whether the page holds only what can be seen of a chart's rows. */
export function isReduced(store: Store, stream: StreamName): boolean {
  return store.stream(stream).value.channels.some(({ reduced }) => reduced);
}

/** The address of the server's own CSV: every row of a symbol in the stretch that is shown, with its documents. */
export function wholeCsvAddress(store: Store, stream: StreamName): string | null {
  const window = chartWindow(stream);
  if (window === null) return null;
  const query = new URLSearchParams({ from: window.from.toFixed(3), to: window.to.toFixed(3), format: 'csv' });
  if (STREAMS[stream].key.name === 'symbol') query.set('key', store.view.symbol.peek());
  return rowsAddress(stream, query.toString());
}

/** Saves a chart as a picture that says by itself what it shows. */
export async function savePng(store: Store, stream: StreamName): Promise<void> {
  const panel = panelOf(stream);
  const colours = palette.peek();
  const window = chartWindow(stream);
  const picture = peekPicture(stream);
  if (panel === null || colours === null || window === null || picture === null) {
    say('There is no picture to save: the chart shows none.');
    return;
  }
  const { keys, zone } = store.view;
  const blob = await paintPicture({
    panel,
    palette: colours,
    window,
    zone: zone.peek(),
    title: RECIPES[stream].title,
    symbols: STREAMS[stream].key.name === 'symbol' ? keys.peek() : [],
    picture: picture.shown,
    isDemo: store.demo.peek(),
    hidden: hiddenNow(stream),
  });
  if (blob === null) {
    say('The browser did not make a picture. A smaller window may help.');
    return;
  }
  const name = fileName(stream, keys.peek(), window, 'png');
  save(blob, name);
  say(`Saved ${name}`);
}

/** What of the reader's view goes into the address. */
export function readingNow(): ReadingQuery {
  const variants = new Map<StreamName, string>();
  for (const [stream, { variant }] of controllers)
    if (variant.value !== (RECIPES[stream].variants[0]?.id ?? '')) variants.set(stream, variant.value);
  return { lines: choices.value, variants, full: full.value };
}

/** The address that reproduces the view, whatever the visitor's own address leaves to chance. */
export function linkNow(store: Store): string {
  const { symbol, range, zoom, compare, theme, zone } = store.view;
  const own = new URLSearchParams(location.search);
  own.set('theme', theme.peek());
  own.set('zone', zone.peek());
  const query = formatQuery(own.toString(), symbol.peek(), range.peek(), zoom.peek(), compare.peek());
  return `${location.origin}${location.pathname}?${formatReading(query, readingNow())}`;
}

/** Copies it and says so. */
export function copyLink(store: Store): Promise<boolean> {
  return copy(linkNow(store), 'a link to this view');
}
