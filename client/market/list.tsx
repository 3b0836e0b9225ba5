/** The overview as a list: a row a symbol with its figures in columns; on a phone, and for who reads rather than looks. */
import { type ReadonlySignal, useSignal, useSignalEffect } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { Store } from '../store.ts';
import type { Item, Section } from './arrange.ts';
import { useBeat } from './beat.ts';
import type { MarketLink } from './connection.ts';
import { type Look, lookOf } from './look.ts';
import type { Theme } from './scale.ts';
import { rateOn, rateText, spreadOf, spreadText } from './values.ts';

/** Height of a row in CSS pixels: what a finger meets. */
const ROW = 48;
const HEADING_ROW = 40;
const SPARE_ROWS = 4;

interface ListProps {
  readonly store: Store;
  readonly link: MarketLink;
  readonly sections: ReadonlySignal<readonly Section[]>;
  readonly size: ReadonlySignal<{ readonly width: number; readonly height: number }>;
  readonly limit: number;
  readonly theme: Theme;
  readonly isStill: boolean;
  /** Exchanges with a column of their own, where there is room. */
  readonly exchanges: readonly string[];
  readonly isSpread: boolean;
  onUse(): void;
  onPick(symbol: string): void;
}

interface Line {
  readonly top: number;
  readonly title: string | null;
  readonly item: Item | null;
}

function linesOf(sections: readonly Section[]): { readonly lines: readonly Line[]; readonly height: number } {
  const lines: Line[] = [];
  let top = 0;
  for (const { title, items } of sections) {
    if (title !== null) {
      lines.push({ top, title: `${title}, ${items.length}`, item: null });
      top += HEADING_ROW;
    }
    for (const item of items) {
      lines.push({ top, title: null, item });
      top += ROW;
    }
  }
  return { lines, height: top };
}

export function List(props: ListProps) {
  const { store, link, sections, size, onUse } = props;
  const root = useRef<HTMLDivElement>(null);
  const top = useSignal(0);
  /** The line that the Tab key comes to, and whether it is to have the focus now. */
  const active = useSignal<{ readonly symbol: string; readonly exchange: string | null } | null>(null);
  const wantsFocus = useSignal(false);
  const beat = useBeat(link);
  [beat.value, store.now.value];
  const now = link.serverNow();
  const { lines, height } = linesOf(sections.value);
  const isWide = size.value.width >= 720;
  const columns = isWide ? props.exchanges.slice(0, 6) : [];

  const isActive = ({ item }: Line): boolean =>
    item !== null && item.row.symbol === active.value?.symbol && item.exchange === active.value.exchange;
  const activeLine = lines.find(isActive) ?? lines.find(({ item }) => item !== null);

  useSignalEffect(() => {
    if (!wantsFocus.value) return;
    top.value;
    const button = root.current?.querySelector<HTMLElement>('button[tabindex="0"]');
    if (button == null) return;
    button.focus();
    wantsFocus.value = false;
  });

  const onKeyDown = (event: KeyboardEvent): void => {
    const page = Math.max(1, Math.floor(size.peek().height / ROW) - 1);
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -lines.length,
      End: lines.length,
    };
    const move = moves[event.key];
    if (move === undefined || activeLine === undefined) return;
    const items = lines.filter(({ item }) => item !== null);
    const next = items[Math.min(items.length - 1, Math.max(0, items.indexOf(activeLine) + move))];
    if (next?.item == null) return;
    onUse();
    active.value = { symbol: next.item.row.symbol, exchange: next.item.exchange };
    const element = root.current;
    if (element !== null) {
      if (next.top < element.scrollTop) element.scrollTop = next.top;
      else if (next.top + ROW > element.scrollTop + element.clientHeight)
        element.scrollTop = next.top + ROW - element.clientHeight;
      top.value = element.scrollTop;
    }
    wantsFocus.value = true;
    event.preventDefault();
    event.stopPropagation();
  };

  const first = Math.max(0, lines.findIndex((line) => line.top + ROW > top.value) - SPARE_ROWS);
  const shown = lines.slice(first, first + Math.ceil(size.value.height / ROW) + 2 * SPARE_ROWS);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the keys belong to the buttons within, which bubble here.
    <div
      class="market-list"
      ref={root}
      data-testid="market-list"
      onKeyDown={onKeyDown}
      onPointerMove={onUse}
      onScroll={(event) => {
        top.value = event.currentTarget.scrollTop;
        onUse();
      }}
    >
      <ul aria-label="All symbols" style={{ height: `${height}px` }}>
        {shown.map((line, index) =>
          line.item === null ? (
            <li class="market-line-title" key={line.title} style={{ top: `${line.top}px` }}>
              {line.title}
            </li>
          ) : (
            <li
              key={`${line.item.row.symbol} ${line.item.exchange}`}
              aria-setsize={lines.length}
              aria-posinset={first + index + 1}
              style={{ top: `${line.top}px` }}
            >
              <ListRow {...props} item={line.item} now={now} columns={columns} isActive={line === activeLine} />
            </li>
          ),
        )}
      </ul>
    </div>
  );
}

interface ListRowProps extends ListProps {
  readonly item: Item;
  readonly now: number;
  readonly columns: readonly string[];
  readonly isActive: boolean;
}

function ListRow({ item, now, columns, isActive, limit, theme, isStill, isSpread, onPick }: ListRowProps) {
  const look = lookOf(item, { now, limit, theme, isStill });
  const spread = spreadOf(item.row, now);
  return (
    <button
      type="button"
      tabIndex={isActive ? 0 : -1}
      class="market-line"
      data-symbol={item.row.symbol}
      onClick={() => onPick(item.row.symbol)}
      {...(look.flash > 0 ? { 'data-flash': '' } : {})}
      {...(look.stale === null ? {} : { 'data-stale': '' })}
    >
      <span class="market-line-name">
        {look.base}
        <small>{look.rest}</small>
      </span>
      <Mark look={look} />
      {columns.map((name) => {
        const { value, stale } = rateOn(item.row, name, now);
        return (
          <span class="market-line-rate" key={name} {...(stale ? { 'data-stale': '' } : {})}>
            <small>{name}</small>
            {rateText(value)}
          </span>
        );
      })}
      {!isSpread && columns.length > 0 && (
        <span class="market-line-rate" {...(spread.stale ? { 'data-stale': '' } : {})}>
          <small>spread</small>
          {spreadText(spread.value)}
        </span>
      )}
      <span
        class="market-line-value"
        style={look.shade === null ? {} : { background: look.shade.fill, color: look.shade.text }}
      >
        {look.value}
        {look.stale !== null && <small>stale {look.stale}</small>}
      </span>
    </button>
  );
}

/** The hour's anomalies of a row. */
function Mark({ look }: { look: Pick<Look, 'count' | 'strongest' | 'heat'> }) {
  return (
    <span class="market-line-mark" data-testid="market-mark">
      {look.count !== '' && (
        <>
          <i class="market-dot" data-heat={look.heat} />
          <b>{look.count}</b>
          <span>{look.strongest}</span>
        </>
      )}
    </span>
  );
}
