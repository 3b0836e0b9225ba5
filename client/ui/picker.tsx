/** The symbol picker: searches a thousand symbols as one types, by keyboard or touch, and draws only what is in sight. */
import { type Signal, useComputed, useSignal, useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { Store } from '../store.ts';
import { searchSymbols } from '../symbols.ts';
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
  const found = useComputed(() => searchSymbols(store.symbols.value, query.value));
  const current = store.view.symbol.value;

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
          // biome-ignore lint/a11y/useKeyWithClickEvents: the combobox above has the focus and the keys.
          <div
            key={symbol}
            id={`symbol-${first + index}`}
            class="picker-option"
            role="option"
            tabIndex={-1}
            aria-selected={first + index === active.value}
            style={{ top: `${(first + index) * ROW}px` }}
            onClick={() => choose(symbol)}
            {...(symbol === current ? { 'data-current': '' } : {})}
          >
            {symbol}
            {symbol === current && <small>shown now</small>}
          </div>
        ))}
        {found.value.length === 0 && (
          <p class="picker-none">
            {store.symbols.value.length === 0
              ? 'The list of symbols has not arrived yet.'
              : `No symbol matches “${query.value}”. Clear the search to see all ${store.symbols.value.length}.`}
          </p>
        )}
      </div>
    </>
  );
}
