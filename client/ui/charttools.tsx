/** The tools of one chart, at the right of its head: the whole screen, and a menu with everything else. */
import type { RefObject } from 'preact';
import { useEffect } from 'preact/hooks';
import { STREAMS, type StreamName } from '../../shared/streams.ts';
import { toggleFull } from '../reading/full.ts';
import { Glyph } from '../reading/glyphs.tsx';
import { hiddenIn, LinesList, useLines } from '../reading/lineslist.tsx';
import { PinCard } from '../reading/pincard.tsx';
import { Popover } from '../reading/popover.tsx';
import { full, open, pinned, tables } from '../reading/state.ts';
import { Summary } from '../reading/summaryof.tsx';
import { TableView } from '../reading/tableview.tsx';
import { copyLink, isReduced, saveCsv, savePng, wholeCsvAddress } from '../reading/takeaway.ts';
import { RECIPES } from '../recipes.ts';
import type { Store } from '../store.ts';
import sheet from '../style/reading-sheet.css?url';
import { ChartAge } from '../trust/index.tsx';
import { sheetOf } from '../trust/sheet.ts';
import type { ChartController } from './controller.ts';

export interface ChartToolsProps {
  readonly store: Store;
  readonly stream: StreamName;
  readonly controller: ChartController;
  /** The chart's panel. */
  readonly root: RefObject<HTMLElement | null>;
}

export function ChartTools({ store, stream, root }: ChartToolsProps) {
  const { title } = RECIPES[stream];
  const lines = useLines(stream);
  const hidden = hiddenIn(stream, lines);
  const isFull = full.value === stream;
  const pin = pinned.value?.stream === stream ? pinned.value : null;
  const panel = root.current;
  useEffect(() => {
    // So that keys can mean a chart.
    root.current?.setAttribute('tabindex', '0');
  }, [root]);
  // Dynamic imports load script alone.
  if (!sheetOf(sheet).value) return null;
  return (
    <>
      <ChartAge store={store} stream={stream} />
      {hidden > 0 && (
        <Popover
          label={`${title}: ${hidden} hidden lines`}
          testId={`hidden-${stream}`}
          button={`${hidden} hidden`}
          class="told"
        >
          {() => <LinesList stream={stream} />}
        </Popover>
      )}
      {stream === 'anomalies' && (
        <button
          type="button"
          class="tool"
          aria-label="List of anomalies"
          title="List of anomalies (a)"
          aria-expanded={open.value === 'anomalies'}
          data-testid="anomalies-list"
          onClick={() => {
            open.value = open.peek() === 'anomalies' ? null : 'anomalies';
          }}
        >
          <Glyph name="list" />
        </button>
      )}
      <button
        type="button"
        class="tool"
        aria-label={isFull ? `Leave the whole screen` : `${title} on the whole screen`}
        title={isFull ? 'Leave the whole screen (Esc)' : 'Whole screen (f)'}
        aria-pressed={isFull}
        data-testid={`full-${stream}`}
        onClick={() => toggleFull(stream)}
      >
        <Glyph name={isFull ? 'small' : 'full'} />
      </button>
      <Popover label={`${title}: more`} testId={`tools-${stream}`} button={<Glyph name="more" />}>
        {(close) => <Menu store={store} stream={stream} close={close} />}
      </Popover>
      {panel !== null && <Summary store={store} stream={stream} panel={panel} />}
      {panel !== null && tables.value.has(stream) && (
        <TableView store={store} stream={stream} title={title} panel={panel} />
      )}
      {panel !== null && pin !== null && <PinCard store={store} pin={pin} panel={panel} />}
    </>
  );
}

interface MenuProps extends Pick<ChartToolsProps, 'store' | 'stream'> {
  close(): void;
}

function Menu({ store, stream, close }: MenuProps) {
  const isTable = tables.value.has(stream);
  const hasSymbols = STREAMS[stream].key.name === 'symbol';
  const address = wholeCsvAddress(store, stream);
  return (
    <>
      <LinesList stream={stream} />
      <section>
        <Item
          label={isTable ? 'Show as a chart' : 'Show as a table'}
          testId="table-toggle"
          act={() => {
            close();
            const others = [...tables.peek()].filter((name) => name !== stream);
            tables.value = new Set(isTable ? others : [...others, stream]);
          }}
        />
        {hasSymbols && (
          <Item
            label="Compare symbols"
            hint="c"
            testId="compare-open"
            act={() => {
              close();
              open.value = 'compare';
            }}
          />
        )}
      </section>
      <section>
        <Item label="Save as picture, PNG" testId="save-png" act={() => void savePng(store, stream).then(close)} />
        <Item
          label="Save what is shown, CSV"
          testId="save-csv"
          act={() => {
            saveCsv(store, stream);
            close();
          }}
        />
        {isReduced(store, stream) && address !== null && (
          <a class="item" href={address} download data-testid="whole-csv" onClick={close}>
            Save every row, CSV
          </a>
        )}
        <Item label="Copy a link to this view" testId="copy-link" act={() => void copyLink(store).then(close)} />
      </section>
    </>
  );
}

function Item({ label, hint, testId, act }: { label: string; hint?: string; testId: string; act(): void }) {
  return (
    <button type="button" class="item" data-testid={testId} onClick={act}>
      {label}
      {hint !== undefined && <kbd>{hint}</kbd>}
    </button>
  );
}
