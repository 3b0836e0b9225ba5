/**
 * The symbol picker: searches a thousand symbols as one types, by keyboard or touch, the starred and the last used ones first,
 * each with its latest funding rate and the anomalies of the last hour; and draws only what is in sight.
 */
import { type Signal, useComputed, useSignal, useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { exchangesOf } from '../market/arrange.ts';
import { useBeat } from '../market/beat.ts';
import { heatOf } from '../market/look.ts';
import type { MarketRow } from '../market/model.ts';
import { marketOf } from '../market/page.ts';
import { favourites, recent, toggleFavourite } from '../market/remembered.ts';
import { leadingRate, rateText } from '../market/values.ts';
import type { Store } from '../store.ts';
import { preferredFirst, searchSymbols } from '../symbols.ts';
import { Icon } from './icons.tsx';

const ROW = 44;
const SPARE_ROWS = 4;

/** What is searched for. */
export interface Search {
  readonly query: Signal<string>;
  /** Whether Enter was pressed before there was anything to choose from: the first that is found is meant. */
  readonly isEntered: Signal<boolean>;
}

interface PickerProps {
  readonly store: Store;
  readonly isOpen: Signal<boolean>;
  readonly search: Search;
}

/** The body of the picker's dialog; it lives as long as that is open. */
export function PickerBody({ store, isOpen, search: { query, isEntered } }: PickerProps) {
  const active = useSignal(0);
  const scroll = useSignal(0);
  const height = useSignal(440);
  const list = useRef<HTMLDivElement>(null);
  const input = useRef<HTMLInputElement>(null);
  // Starring must not move the row under the hand that stars: the order is that of the opening.
  const order = useRef({
    starred: favourites.peek(),
    used: [store.view.symbol.peek(), ...recent.peek()],
  });
  const found = useComputed(() => {
    const { starred, used } = order.current;
    return searchSymbols(preferredFirst(store.symbols.value, starred, used), query.value);
  });
  const current = store.view.symbol.value;
  const link = marketOf(store);
  useEffect(() => link.watch(), [link]);
  const beat = useBeat(link);
  [beat.value, store.now.value];
  const now = link.serverNow();
  const exchanges = exchangesOf(link.market.rows());

  useEffect(() => {
    // On a touch screen the keyboard would cover the list that one came to tap on.
    if (matchMedia('(pointer: coarse)').matches) list.current?.focus();
    else input.current?.focus();
    height.value = list.current?.clientHeight ?? 440;
    if (query.peek() !== '') show(0, 'nearest');
    else show(Math.max(0, found.peek().indexOf(current)), 'middle');
  }, []);

  const show = (index: number, where: 'nearest' | 'middle'): void => {
    active.value = index;
    const element = list.current;
    if (element === null) return;
    const top = index * ROW;
    if (where === 'middle') element.scrollTop = top - element.clientHeight / 2;
    else if (top < element.scrollTop) element.scrollTop = top;
    else if (top + ROW > element.scrollTop + element.clientHeight) element.scrollTop = top + ROW - element.clientHeight;
    scroll.value = element.scrollTop;
  };

  const choose = (symbol: string | undefined): void => {
    if (symbol === undefined) return;
    store.view.setSymbol(symbol);
    isOpen.value = false;
  };

  useSignalEffect(() => {
    if (isEntered.value && store.symbols.value.length > 0) choose(found.value[0]);
  });

  const onKeyDown = (event: KeyboardEvent): void => {
    const page = Math.max(1, Math.floor(height.value / ROW) - 1);
    const moves: Readonly<Record<string, number>> = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page };
    const move = moves[event.key];
    if (move !== undefined) {
      event.preventDefault();
      show(Math.min(found.value.length - 1, Math.max(0, active.value + move)), 'nearest');
    } else if (event.key === '*') {
      // No symbol has an asterisk in it, so that the search can do without.
      event.preventDefault();
      const symbol = found.value[active.value];
      if (symbol !== undefined) toggleFavourite(symbol);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      if (store.symbols.value.length === 0) isEntered.value = true;
      else choose(found.value[active.value]);
    }
  };

  const first = Math.max(0, Math.floor(scroll.value / ROW) - SPARE_ROWS);
  const shown = found.value.slice(first, first + Math.ceil(height.value / ROW) + 2 * SPARE_ROWS);
  return (
    <>
      <div class="picker-search">
        <Icon name="search" />
        <input
          ref={input}
          type="text"
          role="combobox"
          aria-label="Search symbols"
          aria-expanded="true"
          aria-controls="symbols"
          aria-activedescendant={`symbol-${active.value}`}
          placeholder="Search symbols"
          autocomplete="off"
          spellcheck={false}
          value={query.value}
          onInput={(event) => {
            query.value = event.currentTarget.value;
            isEntered.value = false;
            show(0, 'nearest');
          }}
          onKeyDown={onKeyDown}
        />
        <span class="picker-count">
          {found.value.length} of {store.symbols.value.length}
        </span>
      </div>
      <div
        class="picker-list"
        ref={list}
        id="symbols"
        role="listbox"
        aria-label="Symbols"
        tabIndex={-1}
        onScroll={(event) => {
          scroll.value = event.currentTarget.scrollTop;
        }}
      >
        <div style={{ height: `${found.value.length * ROW}px` }} />
        {shown.map((symbol, index) => (
          <Option
            key={symbol}
            symbol={symbol}
            index={first + index}
            isActive={first + index === active.value}
            isCurrent={symbol === current}
            isStarred={favourites.value.includes(symbol)}
            isRecent={order.current.used.includes(symbol)}
            row={link.market.row(symbol)}
            exchanges={exchanges}
            now={now}
            onChoose={() => choose(symbol)}
          />
        ))}
        {found.value.length === 0 && (
          <p class="picker-none">
            {store.symbols.value.length === 0
              ? 'The list of symbols has not arrived yet.'
              : `No symbol matches “${query.value}”. Clear the search to see all ${store.symbols.value.length}.`}
          </p>
        )}
      </div>
      <p class="picker-foot">
        <span>{exchanges[0] === undefined ? 'Funding rate' : `Funding rate, ${exchanges[0]} where there is one`}</span>
        <span class="picker-keys">
          <kbd>*</kbd> stars
        </span>
      </p>
    </>
  );
}

interface OptionProps {
  readonly symbol: string;
  readonly index: number;
  readonly isActive: boolean;
  readonly isCurrent: boolean;
  readonly isStarred: boolean;
  readonly isRecent: boolean;
  readonly row: MarketRow | undefined;
  readonly exchanges: readonly string[];
  /** Server clock, epoch ms. */
  readonly now: number;
  onChoose(): void;
}

function Option({
  symbol,
  index,
  isActive,
  isCurrent,
  isStarred,
  isRecent,
  row,
  exchanges,
  now,
  onChoose,
}: OptionProps) {
  const rate = row === undefined ? null : leadingRate(row, exchanges, now);
  const marks = row?.anomalies(now);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the combobox above has the focus and the keys.
    <div
      id={`symbol-${index}`}
      class="picker-option"
      role="option"
      tabIndex={-1}
      aria-selected={isActive}
      data-symbol={symbol}
      style={{ top: `${index * ROW}px` }}
      onMouseDown={(event) => {
        // The search keeps the focus, so that who stars by mouse can go on typing.
        event.preventDefault();
      }}
      onClick={onChoose}
      {...(isCurrent ? { 'data-current': '' } : {})}
    >
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: its key is the combobox's as well. */}
      {/* biome-ignore lint/a11y/noStaticElementInteractions: an option holds no controls; its key tells screen readers of it. */}
      <span
        class="picker-star"
        data-testid="picker-star"
        title={isStarred ? 'Take the star away (*)' : 'Star it (*)'}
        onClick={(event) => {
          event.stopPropagation();
          toggleFavourite(symbol);
        }}
        {...(isStarred ? { 'data-on': '' } : {})}
      >
        <svg viewBox="0 0 18 18" aria-hidden="true">
          <path d="m9 2.2 2.1 4.3 4.7.7-3.4 3.3.8 4.7L9 13l-4.2 2.2.8-4.7-3.4-3.3 4.7-.7Z" />
        </svg>
        {isStarred && <span class="unseen">starred</span>}
      </span>
      <span class="picker-name">
        {symbol}
        {isCurrent ? <small>shown now</small> : isRecent && !isStarred && <small>recent</small>}
      </span>
      {marks !== undefined && marks.count > 0 && (
        <span class="picker-mark" data-testid="picker-mark" title={`${marks.count} anomalies in the last hour`}>
          <i class="market-dot" data-heat={heatOf(marks.strongest)} />
          {marks.count}
          <span class="unseen">anomalies in the last hour</span>
        </span>
      )}
      <span
        class="picker-rate"
        data-testid="picker-rate"
        {...(rate?.stale ? { 'data-stale': '', title: 'Stale' } : {})}
      >
        {rate === null || Number.isNaN(rate.value) ? '' : rateText(rate.value)}
        {rate?.stale && <span class="unseen">stale</span>}
      </span>
    </div>
  );
}
