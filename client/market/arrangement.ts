/** Keeps the overview's cells in order while rates change: at a calm pace, and never under the visitor's hand. */
import { type ReadonlySignal, useSignal, useSignalEffect } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import type { Store } from '../store.ts';
import { searchSymbols } from '../symbols.ts';
import { arrange, cellValue, exchangesOf, type Section } from './arrange.ts';
import type { OverviewChoice } from './choice.ts';
import type { MarketLink } from './connection.ts';
import { blankRow, type MarketRow } from './model.ts';
import { limitFor } from './scale.ts';

/** Cells keep their places for so long after the pointer moved over them, or a key among them. */
const HOLD_MS = 3000;
/** Otherwise the order follows the data at this pace, and while symbols come in at that one. */
const REORDER_MS = 2000;
const GATHER_MS = 200;

/** The overview's cells as they stand. */
export interface Arrangement {
  readonly sections: readonly Section[];
  /** Where the colour scale ends, a fraction. */
  readonly limit: number;
  /** Whose rates are shown; null where there are none. */
  readonly exchange: string | null;
  /** All exchanges, the one with the most symbols first. */
  readonly exchanges: readonly string[];
  /** Cells, and all symbols that there are. */
  readonly cells: number;
  readonly total: number;
  readonly hasStale: boolean;
  readonly hasMarks: boolean;
}

/** What an arrangement is made of. */
interface Known {
  readonly link: Pick<MarketLink, 'market' | 'serverNow'>;
  readonly symbols: readonly string[];
  readonly choice: OverviewChoice;
  /** The limit so far; 0 where there was none. */
  readonly limit: number;
  readonly blanks: Map<string, MarketRow>;
}

/** Puts the cells in order. */
function arranged({ link, symbols, choice, limit: before, blanks }: Known): Arrangement {
  const { market } = link;
  const now = link.serverNow();
  const names = new Set(symbols);
  for (const { symbol } of market.rows()) names.add(symbol);
  const rows = searchSymbols([...names], choice.find).map((symbol) => market.row(symbol) ?? blankOf(symbol, blanks));
  const exchanges = exchangesOf(market.rows());
  const asked = choice.exchange;
  // An exchange that is not there (any more) is shown as asked for, without rates, and not taken for another.
  const exchange = asked ?? exchanges[0] ?? null;
  const sections = arrange(rows, choice, exchange, now);
  const values = sections.flatMap(({ items }) => items.map((item) => cellValue(item, now)));
  return {
    sections,
    limit: limitFor(
      values.map(({ value }) => value),
      before,
    ),
    exchange,
    exchanges: exchange === null || exchanges.includes(exchange) ? exchanges : [...exchanges, exchange],
    cells: values.length,
    total: names.size,
    hasStale: values.some(({ stale }) => stale),
    hasMarks: rows.some((row) => row.anomalies(now).count > 0),
  };
}

function blankOf(symbol: string, blanks: Map<string, MarketRow>): MarketRow {
  const known = blanks.get(symbol);
  if (known !== undefined) return known;
  const made = blankRow(symbol);
  blanks.set(symbol, made);
  return made;
}

/** The arrangement as a signal, and what holds it still for a while. */
export function useArrangement(
  store: Store,
  link: MarketLink,
  choice: ReadonlySignal<OverviewChoice>,
): { readonly shown: ReadonlySignal<Arrangement>; hold(): void } {
  const blanks = useMemo(() => new Map<string, MarketRow>(), []);
  const limits = useRef(new Map<string, number>());
  const heldUntil = useRef(0);
  const drawnAt = useRef(0);
  const drawn = useRef({ version: -1, members: -1 });

  const make = (): Arrangement => {
    const known = choice.peek();
    // A spread has another scale than a rate, and each keeps its own.
    const scale = `${known.by} ${known.exchange}`;
    const made = arranged({
      link,
      symbols: store.symbols.peek(),
      choice: known,
      limit: limits.current.get(scale) ?? 0,
      blanks,
    });
    limits.current.set(scale, made.limit);
    drawn.current = { version: link.market.version, members: link.market.members };
    drawnAt.current = performance.now();
    return made;
  };
  const shown = useSignal<Arrangement>(useMemo(make, []));

  useSignalEffect(() => {
    // What the visitor chooses shows at once.
    [choice.value, store.symbols.value];
    shown.value = make();
  });
  useSignalEffect(() => {
    store.now.value;
    const at = performance.now();
    if (at < heldUntil.current || at - drawnAt.current < REORDER_MS) return;
    if (link.market.version !== drawn.current.version) shown.value = make();
  });
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = link.onChange(() => {
      if (timer !== undefined || link.market.members === drawn.current.members) return;
      timer = setTimeout(() => {
        timer = undefined;
        shown.value = make();
      }, GATHER_MS);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [link]);

  return {
    shown,
    hold() {
      heldUntil.current = performance.now() + HOLD_MS;
    },
  };
}
