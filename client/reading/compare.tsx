/** Comparing symbols: up to three others in the same charts, chosen from the same list as the page's own. */
import { useComputed, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { Store } from '../store.ts';
import { searchSymbols } from '../symbols.ts';
import { MOST_COMPARED } from '../view.ts';
import { Glyph } from './glyphs.tsx';
import { open } from './state.ts';

/** More than this nobody reads through; typing narrows the list. */
const MOST_SHOWN = 60;

/** The dialog. It is there while `open` says so. */
export function CompareDialog({ store }: { store: Store }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const query = useSignal('');
  const { view } = store;
  const found = useComputed(() =>
    searchSymbols(store.symbols.value, query.value).filter((name) => name !== view.symbol.value),
  );
  useEffect(() => {
    dialog.current?.showModal();
    // On a touch screen the keyboard would cover the list that one came to tap on.
    if (!matchMedia('(pointer: coarse)').matches) input.current?.focus();
  }, []);
  const close = (): void => {
    open.value = null;
  };
  const chosen = view.compare.value;
  const isFull = chosen.length >= MOST_COMPARED;
  const toggle = (symbol: string): void => {
    const now = view.compare.peek();
    view.setCompare(now.includes(symbol) ? now.filter((other) => other !== symbol) : [...now, symbol]);
  };
  const rest = found.value.length - MOST_SHOWN;
  return (
    <dialog
      class="compare"
      ref={dialog}
      aria-label="Compare symbols"
      data-testid="compare"
      onClose={close}
      onClick={(event) => {
        // A click on the backdrop has the dialog itself as its target.
        if (event.target === dialog.current) close();
      }}
      onKeyDown={(event) => event.stopPropagation()}
    >
      <div class="compare-head">
        <h2>Compare {view.symbol.value} with</h2>
        <span class="compare-count">
          {chosen.length} of {MOST_COMPARED}
        </span>
      </div>
      <CompareChips store={store} />
      <div class="picker-search">
        <input
          ref={input}
          type="text"
          aria-label="Search symbols to compare with"
          placeholder="Search symbols"
          autocomplete="off"
          spellcheck={false}
          value={query.value}
          onInput={(event) => {
            query.value = event.currentTarget.value;
          }}
          onKeyDown={(event) => {
            const [first] = found.value;
            if (event.key !== 'Enter' || first === undefined || query.value === '') return;
            event.preventDefault();
            if (!isFull || chosen.includes(first)) toggle(first);
            query.value = '';
          }}
        />
      </div>
      <div class="compare-list">
        {found.value.slice(0, MOST_SHOWN).map((symbol) => (
          <label key={symbol}>
            <input
              type="checkbox"
              checked={chosen.includes(symbol)}
              disabled={isFull && !chosen.includes(symbol)}
              data-symbol={symbol}
              onChange={() => toggle(symbol)}
            />
            {symbol}
          </label>
        ))}
        {rest > 0 && <p class="pin-note">{rest} more. Type to find one.</p>}
        {found.value.length === 0 && <p class="pin-note">No symbol matches. Clear the search to see all.</p>}
      </div>
      <div class="compare-foot">
        {isFull && <span class="compare-note">A chart can tell four symbols apart. Remove one to choose another.</span>}
        <button type="button" class="button" onClick={() => dialog.current?.close()}>
          Done
        </button>
      </div>
    </dialog>
  );
}

/** The symbols that are compared with; each can be removed. */
export function CompareChips({ store }: { store: Store }) {
  const { view } = store;
  const chosen = view.compare.value;
  if (chosen.length === 0) return null;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset belongs to a form.
    <span class="chips" role="group" aria-label="Compared with">
      {chosen.map((symbol) => (
        <button
          type="button"
          key={symbol}
          aria-label={`Stop comparing with ${symbol}`}
          title={`Stop comparing with ${symbol}`}
          data-chip={symbol}
          onClick={() => view.setCompare(view.compare.peek().filter((other) => other !== symbol))}
        >
          {symbol}
          <Glyph name="close" />
        </button>
      ))}
    </span>
  );
}
