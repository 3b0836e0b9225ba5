/** The pinned row: every stored value, to copy; what is stored beside them, on demand; and steps to its neighbours. */
import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { STREAMS } from '../../shared/streams.ts';
import { dateTime, exact, rowFigures, rowNames } from '../exact.ts';
import { fixed } from '../format.ts';
import { slotColor } from '../painters/scene.ts';
import type { Store } from '../store.ts';
import { palette } from '../theme.ts';
import { controllers } from '../ui/controller.ts';
import { asTyped, copy } from './clipboard.ts';
import { isoTime } from './csv.ts';
import {
  documentsOf,
  documentText,
  MOST_LETTERS,
  matching,
  rowsQuery,
  type Sought,
  type StoredRow,
} from './details.ts';
import { Glyph } from './glyphs.tsx';
import { otherLine, step } from './pinning.ts';
import { placeBeside } from './placing.ts';
import { fetchRows, rowsAddress, TooLarge } from './rows-api.ts';
import { keyOf, type Pinned, pinned, plotsOf } from './state.ts';

interface PinCardProps {
  readonly store: Store;
  readonly pin: Pinned;
  readonly panel: HTMLElement;
}

/** What the server is asked for, of a pinned row. */
function soughtOf(store: Store, { stream, line, index }: Pinned): Sought {
  const { source, name } = line;
  const numbers = Object.entries(source.line.columns).map(([column, values]) => [column, values[index] ?? Number.NaN]);
  return {
    stream,
    key: keyOf(store, { stream, symbol: source.symbol, name }),
    series: source.line.name,
    time: line.times[index] ?? Number.NaN,
    numbers: Object.fromEntries(numbers),
  };
}

/** The row as JSON, with the names and values that are stored. */
function rowText(sought: Sought, unit: Readonly<Record<string, string | null>>): string {
  const { key, series } = STREAMS[sought.stream];
  const numbers = Object.entries(sought.numbers).map(([name, value]) => [name, Number.isNaN(value) ? null : value]);
  return JSON.stringify({
    timestamp: isoTime(sought.time),
    [key.name]: sought.key,
    ...(series === null ? {} : { [series.name]: sought.series }),
    ...Object.fromEntries(numbers),
    ...unit,
  });
}

export function PinCard({ store, pin, panel }: PinCardProps) {
  const { stream, line, index } = pin;
  const own = useRef<HTMLDivElement>(null);
  const isAsked = useSignal(false);
  const zone = store.view.zone.value;
  const colours = palette.value;
  const time = line.times[index] ?? Number.NaN;
  useLayoutEffect(() => {
    const place = (): void => {
      const plot = plotsOf(stream).find(({ pane }) => pane === pin.pane)?.over;
      if (own.current === null || plot === undefined) return;
      const outer = panel.getBoundingClientRect();
      placeBeside(own.current, { x: pin.x, y: pin.y, outer, plot: plot.getBoundingClientRect() });
    };
    place();
    // It grows with the documents that come.
    const observer = new ResizeObserver(place);
    if (own.current !== null) observer.observe(own.current);
    return () => observer.disconnect();
  }, [pin]);
  // Another row has other documents.
  const row = `${line.name} ${time} ${index}`;
  useEffect(() => {
    isAsked.value = false;
  }, [row]);
  useEffect(() => {
    // Whoever pinned by a key goes on by key; a mouse stays where it is.
    if (document.activeElement === panel) own.current?.focus({ preventScroll: true });
  }, []);
  const close = (): void => {
    pinned.value = null;
    controllers.get(stream)?.panes.leave();
    panel.focus({ preventScroll: true });
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const { key } = event;
    if (key === 'ArrowLeft' || key === 'ArrowRight') step(key === 'ArrowLeft' ? -1 : 1);
    else if (key === 'ArrowUp' || key === 'ArrowDown') {
      // Within the documents they scroll.
      if (event.target instanceof HTMLElement && event.target.closest('pre') !== null) return;
      otherLine(key === 'ArrowUp' ? -1 : 1);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  // Under a finger a list of targets would be as tall as the screen: there one button copies what is drawn.
  const isTouch = matchMedia('(pointer: coarse)').matches;
  const { source, shape, slot, name } = line;
  const sought = soughtOf(store, pin);
  return (
    <div
      class="tooltip pin"
      ref={own}
      role="dialog"
      aria-label={`${name}, ${dateTime(time, zone)}`}
      tabIndex={-1}
      data-testid="pin"
      onKeyDown={onKeyDown}
    >
      <div class="pin-head">
        <div>
          <div class="tooltip-time">{dateTime(time, zone)}</div>
          <div class="tooltip-name">
            {shape.kind !== 'scatter' && colours !== null && <i style={{ background: slotColor(colours, slot) }} />}
            {name}
          </div>
        </div>
        <button type="button" class="tool" aria-label="Put the row away" title="Put away (Esc)" onClick={close}>
          <Glyph name="close" />
        </button>
      </div>
      <dl>
        {[...rowNames(source), ...rowFigures(source, index, zone)].map(({ label, text }) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>
              {isTouch ? (
                text
              ) : (
                <button
                  type="button"
                  title={`Copy ${label}`}
                  data-copy={label}
                  onClick={() => void copy(asTyped(text), text)}
                >
                  {text}
                </button>
              )}
            </dd>
          </div>
        ))}
      </dl>
      <div class="pin-actions">
        <button type="button" class="small" aria-label="Earlier row" title="Earlier row (←)" onClick={() => step(-1)}>
          <Glyph name="back" />
        </button>
        <button type="button" class="small" aria-label="Later row" title="Later row (→)" onClick={() => step(1)}>
          <Glyph name="on" />
        </button>
        {isTouch && (
          <button
            type="button"
            class="small"
            data-testid="copy-value"
            onClick={() => void copy(asTyped(exact(line.values[index] ?? Number.NaN)), 'the value')}
          >
            Copy value
          </button>
        )}
        <button
          type="button"
          class="small"
          data-testid="copy-row"
          onClick={() => void copy(rowText(sought, source.line.texts), 'the row')}
        >
          Copy row
        </button>
        <button
          type="button"
          class="small"
          aria-expanded={isAsked.value}
          data-testid="metadata"
          onClick={() => {
            isAsked.value = !isAsked.value;
          }}
        >
          Metadata
        </button>
      </div>
      {isAsked.value && <Details key={row} sought={sought} />}
    </div>
  );
}

type Found =
  | { readonly name: 'loading' }
  | { readonly name: 'failed'; readonly reason: string; readonly isLarge: boolean }
  | { readonly name: 'found'; readonly rows: readonly StoredRow[] };

/** The documents of a row, asked for once it is opened. */
function Details({ sought }: { sought: Sought }) {
  const found = useSignal<Found>({ name: 'loading' });
  const attempt = useSignal(0);
  const query = rowsQuery(sought);
  useEffect(() => {
    const end = new AbortController();
    found.value = { name: 'loading' };
    fetchRows(sought.stream, query, end.signal).then(
      ({ rows }) => {
        if (!end.signal.aborted) found.value = { name: 'found', rows: matching(rows, sought) };
      },
      (error: unknown) => {
        if (end.signal.aborted) return;
        const reason = error instanceof Error ? error.message : 'The row could not be read.';
        found.value = { name: 'failed', reason, isLarge: error instanceof TooLarge };
      },
    );
    return () => end.abort();
  }, [query, attempt.value]);
  const whole = (
    <a href={rowsAddress(sought.stream, query)} target="_blank" rel="noreferrer">
      Open the whole row
    </a>
  );
  const state = found.value;
  if (state.name === 'loading') return <p class="pin-note">Loading</p>;
  if (state.name === 'failed')
    return (
      <p class="pin-note" role="alert" data-testid="metadata-failed">
        {state.reason}{' '}
        {state.isLarge ? (
          whole
        ) : (
          <button
            type="button"
            class="small"
            onClick={() => {
              attempt.value += 1;
            }}
          >
            Try again
          </button>
        )}
      </p>
    );
  const [row] = state.rows;
  if (row === undefined)
    return (
      <p class="pin-note" role="alert" data-testid="metadata-failed">
        The server has no such row: it was deleted or changed since. Load the page again to see what there is.
      </p>
    );
  return (
    <div class="pin-documents" data-testid="documents">
      {state.rows.length > 1 && (
        <p class="pin-note">{state.rows.length} rows are equal in all that is shown. This is the one written last.</p>
      )}
      <p class="pin-note">
        id {String(row.id)}
        {typeof row.created_at === 'number' && ` · written ${isoTime(row.created_at)}`}
      </p>
      {documentsOf(sought.stream, row).map(({ name, value }) => (
        <Document key={name} name={name} value={value} whole={whole} />
      ))}
    </div>
  );
}

function Document({ name, value, whole }: { name: string; value: unknown; whole: preact.JSX.Element }) {
  if (value === null) return <p class="pin-note">{name}: none</p>;
  const { text, letters } = documentText(value);
  return (
    <section aria-label={name}>
      <header>
        <span>{name}</span>
        <button type="button" class="small" onClick={() => void copy(JSON.stringify(value), name)}>
          Copy
        </button>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by key. */}
      <pre tabIndex={0}>{text}</pre>
      {letters > MOST_LETTERS && (
        <p class="pin-note">
          The first {fixed(MOST_LETTERS, 0)} of {fixed(letters, 0)} letters. {whole}
        </p>
      )}
    </section>
  );
}
