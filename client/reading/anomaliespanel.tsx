/** The symbol's anomalies at the side of the page, newest first and live; one that is chosen is shown in every chart. */
import { useSignal, useSignalEffect } from '@preact/signals';
import type { RefObject } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { wireNumber } from '../../shared/columns.ts';
import { dateTime, exact } from '../exact.ts';
import { clockWithZone, compact, fixed, timeParts, words, type Zone } from '../format.ts';
import { RANGE_MS } from '../model.ts';
import type { Store } from '../store.ts';
import { zoomOn } from '../zoom/moves.ts';
import { type Anomaly, heldAnomalies, keyOf, MOST_LISTED, stands, withHeld, withOlder } from './anomalylist.ts';
import type { StoredRow } from './details.ts';
import { Glyph } from './glyphs.tsx';
import { fetchRows } from './rows-api.ts';
import { mark, open } from './state.ts';

/** Height of an entry in CSS pixels; as the style sheet has it. */
const ENTRY = 58;
const SPARE = 6;
const A_PAGE = 200;
/** A jump shows this part of the range around the row, and no less than this. */
const SHARE = 1 / 24;
const LEAST_MS = 10 * 60_000;

function anomalyOf(row: StoredRow): Anomaly {
  const number = (name: string): number => {
    const value = wireNumber(row[name]);
    return value === null || !Number.isFinite(value) ? Number.NaN : value;
  };
  return {
    time: number('timestamp'),
    type: typeof row.data_type === 'string' ? row.data_type : null,
    value: number('value'),
    z: number('z_score'),
    threshold: number('threshold'),
  };
}

/** `28 Nov 07:34:00 UTC`: a list of the newest needs no year. */
function shortTime(time: number, zone: Zone): string {
  const { day, month } = timeParts(time, zone);
  return `${day} ${month} ${clockWithZone(time, zone)}`;
}

/** `−4.2σ`; a row without a number has a dash. */
const zText = (z: number): string => `${fixed(z, 1, 'plus')}σ`;

export function AnomaliesPanel({ store }: { store: Store }) {
  const { view } = store;
  const symbol = view.symbol.value;
  return <List key={symbol} store={store} symbol={symbol} />;
}

function List({ store, symbol }: { store: Store; symbol: string }) {
  const { view } = store;
  const list = useSignal<readonly Anomaly[]>([]);
  const isAll = useSignal(false);
  const older = useSignal<'idle' | 'loading' | 'end' | { readonly reason: string }>('idle');
  const scroll = useSignal(0);
  const height = useSignal(600);
  const root = useRef<HTMLElement>(null);
  useTop(root);
  const body = useRef<HTMLDivElement>(null);
  const end = useRef(new AbortController());

  useSignalEffect(() => {
    const held = heldAnomalies(store.stream('anomalies').value, symbol);
    list.value = withHeld(list.peek(), held);
  });
  useEffect(() => {
    const before = document.activeElement;
    root.current?.focus({ preventScroll: true });
    const element = body.current;
    const observer = new ResizeObserver(() => {
      height.value = element?.clientHeight ?? 600;
    });
    if (element !== null) observer.observe(element);
    return () => {
      observer.disconnect();
      end.current.abort();
      if (before instanceof HTMLElement) before.focus({ preventScroll: true });
    };
  }, []);

  const loadOlder = (): void => {
    older.value = 'loading';
    const last = list.peek().at(-1)?.time;
    const query = new URLSearchParams({ key: symbol, limit: String(A_PAGE) });
    // The last one's instant once more: rows of it may have been left out.
    if (last !== undefined) query.set('to', (last + 0.001).toFixed(3));
    fetchRows('anomalies', query.toString(), end.current.signal).then(
      ({ rows, cursor }) => {
        list.value = withOlder(list.peek(), rows.map(anomalyOf));
        older.value = cursor === null || list.peek().length >= MOST_LISTED ? 'end' : 'idle';
      },
      (error: unknown) => {
        if (end.current.signal.aborted) return;
        older.value = { reason: error instanceof Error ? error.message : 'Older rows could not be read.' };
      },
    );
  };
  const jump = (entry: Anomaly): void => {
    const rangeMs = RANGE_MS[view.range.peek()];
    const span = Math.min(view.zoom.peek()?.spanMs ?? rangeMs, Math.max(LEAST_MS, rangeMs * SHARE));
    const bounds = { now: store.viewNow.peek(), rangeMs };
    view.setZoom(zoomOn({ from: entry.time - span / 2, to: entry.time + span / 2 }, bounds));
    mark.value = { time: entry.time, text: `${words(entry.type ?? 'no name')} ${zText(entry.z)}`, key: keyOf(entry) };
  };

  const entries = isAll.value ? list.value : list.value.filter(stands);
  const first = Math.max(0, Math.floor(scroll.value / ENTRY) - SPARE);
  const shown = entries.slice(first, first + Math.ceil(height.value / ENTRY) + 2 * SPARE);
  const state = older.value;
  return (
    <aside
      class="side"
      ref={root}
      tabIndex={-1}
      aria-label={`Anomalies of ${symbol}`}
      data-testid="anomalies-panel"
      data-count={entries.length}
    >
      <header>
        <h2>
          Anomalies <small>{symbol}</small>
        </h2>
        <button
          type="button"
          class="tool"
          aria-label="Close the list of anomalies"
          title="Close (Esc)"
          onClick={() => {
            open.value = null;
          }}
        >
          <Glyph name="close" />
        </button>
      </header>
      <div class="side-choice choice">
        <button type="button" aria-pressed={!isAll.value} onClick={() => (isAll.value = false)}>
          Above threshold
        </button>
        <button
          type="button"
          aria-pressed={isAll.value}
          data-testid="anomalies-all"
          onClick={() => (isAll.value = true)}
        >
          All
        </button>
        <span class="side-count">{fixed(entries.length, 0)}</span>
      </div>
      <div
        class="side-list"
        ref={body}
        onScroll={(event) => {
          scroll.value = event.currentTarget.scrollTop;
        }}
      >
        <ol style={{ height: `${entries.length * ENTRY}px` }}>
          {shown.map((entry, place) => (
            <li key={first + place} style={{ top: `${(first + place) * ENTRY}px` }}>
              <Entry
                entry={entry}
                store={store}
                isMarked={mark.value?.key === keyOf(entry)}
                onChoose={() => jump(entry)}
                onStep={(by) => stepTo(body.current, first + place + by, entries.length)}
                place={first + place}
              />
            </li>
          ))}
        </ol>
        {entries.length === 0 && (
          <p class="pin-note">None in the last {view.range.value}. New ones appear here by themselves.</p>
        )}
        <div class="side-more">
          {typeof state === 'object' && <p role="alert">{state.reason}</p>}
          {state === 'end' ? (
            <p>
              {list.value.length >= MOST_LISTED
                ? `The list holds ${fixed(MOST_LISTED, 0)} rows at most.`
                : 'No older ones.'}
            </p>
          ) : (
            <button
              type="button"
              class="small"
              disabled={state === 'loading'}
              data-testid="anomalies-older"
              onClick={loadOlder}
            >
              {state === 'loading' ? 'Loading' : typeof state === 'object' ? 'Try again' : 'Older ones'}
            </button>
          )}
        </div>
      </div>
    </aside>
  );
}

/** Has the list begin where the charts begin, where it stands beside them: what is above them keeps its width. */
function useTop(root: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    const charts = document.querySelector('.charts');
    const place = (): void => {
      const top = charts?.getBoundingClientRect().top ?? 0;
      root.current?.style.setProperty('--side-top', `${Math.max(0, Math.round(top))}px`);
    };
    place();
    const observer = new ResizeObserver(place);
    if (charts !== null) observer.observe(charts);
    addEventListener('scroll', place, { passive: true });
    return () => {
      observer.disconnect();
      removeEventListener('scroll', place);
    };
  }, [root]);
}

/** Moves the focus to another entry, which may have to be scrolled into sight, and made, first. */
function stepTo(list: HTMLElement | null, place: number, count: number): void {
  if (list === null || place < 0 || place >= count) return;
  const top = place * ENTRY;
  if (top < list.scrollTop) list.scrollTop = top;
  else if (top + ENTRY > list.scrollTop + list.clientHeight) list.scrollTop = top + ENTRY - list.clientHeight;
  list.querySelector<HTMLElement>(`[data-place="${place}"]`)?.focus({ preventScroll: true });
}

interface EntryProps {
  readonly entry: Anomaly;
  readonly store: Store;
  readonly isMarked: boolean;
  readonly place: number;
  onChoose(): void;
  onStep(by: number): void;
}

function Entry({ entry, store, isMarked, place, onChoose, onStep }: EntryProps) {
  const { time, type, value, z, threshold } = entry;
  const strength = Math.abs(z);
  const heat = strength >= 5 ? 4 : strength >= 4 ? 3 : strength >= 3 ? 2 : 1;
  return (
    <button
      type="button"
      class="entry"
      data-place={place}
      data-time={time}
      aria-pressed={isMarked}
      title={`${dateTime(time, store.view.zone.value)}: ${exact(value)}, ${exact(z)}σ. Show it in the charts`}
      onClick={onChoose}
      onKeyDown={(event) => {
        const by = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
        if (by === 0) return;
        onStep(by);
        event.preventDefault();
        event.stopPropagation();
      }}
    >
      <i data-heat={heat} {...(stands(entry) ? {} : { 'data-below': '' })} />
      <span class="entry-type">{words(type ?? 'no name')}</span>
      <b>{zText(z)}</b>
      <span class="entry-time">{shortTime(time, store.view.zone.value)}</span>
      <span class="entry-value">
        {compact(value)} · threshold {Number.isNaN(threshold) ? '–' : exact(threshold)}
      </span>
    </button>
  );
}
