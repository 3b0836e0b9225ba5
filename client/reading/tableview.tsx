/** A chart's rows as a table, newest first, a page at a time: for those who read figures, and for those who do not see. */
import { useComputed, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { STREAMS, type StreamName } from '../../shared/streams.ts';
import { dateTime, rowFigures } from '../exact.ts';
import { fixed, words, zoneLabel } from '../format.ts';
import type { Store } from '../store.ts';
import { pageOfRows, rowCount, type ShownRow } from './rows.ts';
import { pictureVersion, tables } from './state.ts';
import { isReduced, shownNow } from './takeaway.ts';

const ROWS_A_PAGE = 100;
/** A table that changed with every row could not be read. */
const PACE_MS = 1000;

interface TableViewProps {
  readonly store: Store;
  readonly stream: StreamName;
  readonly title: string;
  readonly panel: HTMLElement;
}

export function TableView({ store, stream, title, panel }: TableViewProps) {
  const page = useSignal(0);
  const beat = useSignal(0);
  const root = useRef<HTMLElement>(null);
  // The first rows come with the picture, later ones at a pace that can be followed.
  const hasPicture = useComputed(() => pictureVersion.value > 0);
  const zone = store.view.zone.value;
  useEffect(() => {
    const timer = setInterval(() => {
      beat.value += 1;
    }, PACE_MS);
    root.current?.focus({ preventScroll: true });
    return () => clearInterval(timer);
  }, []);
  [beat.value, hasPicture.value, store.view.zoom.value, store.view.range.value];
  const shown = shownNow(stream);
  const lines = shown?.lines ?? [];
  const total = rowCount(lines);
  const pages = Math.max(1, Math.ceil(total / ROWS_A_PAGE));
  const at = Math.min(page.value, pages - 1);
  const rows = pageOfRows(lines, at * ROWS_A_PAGE, ROWS_A_PAGE);
  const figures = rows.map((row) => figuresOf(row, zone));
  const labels = [...new Set(figures.flatMap((entries) => [...entries.keys()]))];
  const { series, key } = STREAMS[stream];
  const close = (): void => {
    tables.value = new Set([...tables.peek()].filter((name) => name !== stream));
    panel.focus({ preventScroll: true });
  };
  return (
    <section
      class="table-view"
      ref={root}
      tabIndex={-1}
      aria-label={`${title}, table`}
      data-testid="table"
      style={{ top: `${headHeight(panel)}px` }}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        close();
        event.preventDefault();
        event.stopPropagation();
      }}
    >
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by key. */}
      <section class="table-scroll" tabIndex={0} aria-label={`${title}, rows`}>
        <table>
          <thead>
            <tr>
              <th scope="col">time</th>
              <th scope="col">{words(series?.name ?? key.name)}</th>
              {labels.map((label) => (
                <th scope="col" key={label}>
                  {label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ of, index, time }, place) => (
              <tr key={`${of.name} ${index} ${time}`}>
                <td>{dateTime(time, zone).replace(` ${zoneLabel(time, zone)}`, '')}</td>
                <th scope="row">{of.name}</th>
                {labels.map((label) => (
                  <td key={label}>{figures[place]?.get(label) ?? ''}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
        {rows.length === 0 && <p class="pin-note">No rows in the time that is shown.</p>}
      </section>
      <footer>
        <span class="table-note">
          {total === 0 ? '' : `${fixed(at * ROWS_A_PAGE + 1, 0)} to ${fixed(at * ROWS_A_PAGE + rows.length, 0)} of `}
          {fixed(total, 0)} rows, {zoneLabel(store.now.peek(), zone)}
          {isReduced(store, stream) && ', as many as the picture shows'}
        </span>
        <button type="button" class="small" disabled={at === 0} onClick={() => (page.value = at - 1)}>
          Newer
        </button>
        <button type="button" class="small" disabled={at >= pages - 1} onClick={() => (page.value = at + 1)}>
          Older
        </button>
        <button type="button" class="small" data-testid="table-close" onClick={close}>
          Chart
        </button>
      </footer>
    </section>
  );
}

/** The figures of a row that differ from row to row, by their label. */
function figuresOf({ of, index }: ShownRow, zone: Parameters<typeof dateTime>[1]): ReadonlyMap<string, string> {
  return new Map(rowFigures(of, index, zone).map(({ label, text }) => [label, text]));
}

function headHeight(panel: HTMLElement): number {
  return panel.querySelector<HTMLElement>('.panel-head')?.offsetHeight ?? 40;
}
