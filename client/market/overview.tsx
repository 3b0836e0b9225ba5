/** The market overview: every symbol at once, coloured by its funding rate, with the anomalies of the last hour. */
import { useComputed } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { lostSince } from '../status.ts';
import type { Store } from '../store.ts';
import { palette } from '../theme.ts';
import { THEMES } from '../view.ts';
import { type Arrangement, useArrangement } from './arrangement.ts';
import { GROUPS, type OverviewChoice, SORTS, USUAL_CHOICE } from './choice.ts';
import { Lost, lostFrom, Nothing, OffStreams, StatePill } from './condition.tsx';
import { Controls, Search } from './controls.tsx';
import { Grid } from './grid.tsx';
import { countsWithin, fittingTier, GridLayout, TIERS, wallTier } from './layout.ts';
import { Legend } from './legend.tsx';
import { List } from './list.tsx';
import { marketOf } from './page.ts';
import type { GridScene } from './painter.ts';
import type { Theme } from './scale.ts';
import { choose, choice as chosen, isOpen } from './state.ts';
import { type Size, useSize, useStillness } from './surroundings.ts';

interface OverviewProps {
  readonly store: Store;
  /** What a chosen symbol is for; absent: the desk page shows it, and the overview closes. */
  onPick?(symbol: string): void;
  /** On the wall: no controls, large type, and as many cells as fit. */
  readonly wall?: boolean;
  /** What differs from the usual choice; for who shows the overview without controls. */
  readonly choice?: Partial<OverviewChoice>;
}

/** Below this width cells give way to a list. */
const LIST_BELOW = 640;

/** The cells in the size that is chosen or fits. */
function sceneOf({ sections, limit }: Arrangement, choice: OverviewChoice, size: Size, isWall: boolean): GridScene {
  const hasTitles = sections.some(({ title }) => title !== null);
  const counts = sections.map(({ items }) => items.length);
  const { layout } = choice;
  const fixed = isWall
    ? wallTier(counts, hasTitles, size.width, size.height)
    : layout === 'large'
      ? TIERS.large
      : layout === 'small'
        ? TIERS.small
        : null;
  const tier = fixed ?? fittingTier(counts, hasTitles, size.width, size.height);
  const within = isWall ? countsWithin(counts, hasTitles, size, tier) : counts;
  const shown = sections.flatMap(({ title, items }, index) => {
    const some = items.slice(0, within[index]);
    return some.length === 0 ? [] : [{ title, items: some }];
  });
  const placed = shown.map(({ items }) => items.length);
  return {
    items: shown.flatMap(({ items }) => items),
    titles: shown.map(({ title }) => title),
    layout: new GridLayout(placed, hasTitles, size.width, tier),
    limit,
  };
}

const labelOf = (all: readonly { readonly id: string; readonly label: string }[], id: string): string =>
  all.find((one) => one.id === id)?.label.toLowerCase() ?? '';

export function Overview({ store, onPick, wall = false, choice: given }: OverviewProps) {
  const link = marketOf(store);
  useEffect(() => link.watch(), [link]);
  const choice = useComputed(() => (wall || given !== undefined ? { ...USUAL_CHOICE, ...given } : chosen.value));
  const { shown, hold } = useArrangement(store, link, choice);
  const sections = useComputed(() => shown.value.sections);
  const root = useRef<HTMLDivElement>(null);
  const body = useRef<HTMLDivElement>(null);
  const size = useSize(body);
  const isStill = useStillness();
  const theme = useComputed<Theme>(() => {
    // The palette is read after the root element has got its theme.
    palette.value;
    return document.documentElement.dataset.theme === 'light' ? 'light' : 'dark';
  });
  const scene = useComputed(() => sceneOf(shown.value, choice.value, size.value, wall));
  const { layout, by, find, group, sort } = choice.value;
  const isSized = size.value.width > 0;
  const isList = !wall && (layout === 'list' || (layout === 'auto' && size.value.width < LIST_BELOW));

  const pick = (symbol: string): void => {
    if (onPick !== undefined) {
      onPick(symbol);
      return;
    }
    store.view.setSymbol(symbol);
    isOpen.value = false;
  };
  const focusCells = (): void => {
    body.current?.querySelector<HTMLElement>('[role="grid"], button[tabindex="0"]')?.focus({ preventScroll: true });
  };
  useLayoutEffect(() => {
    // The focus is with the cells from the start, and comes back to them where what had it is gone; it is taken from nothing.
    if (wall || !isSized || root.current?.contains(document.activeElement)) return;
    focusCells();
  }, [isSized, isList]);
  const onKeyDown = (event: KeyboardEvent): void => {
    if (wall || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target instanceof HTMLElement && event.target.closest('input, select') !== null) return;
    if (event.key === 'o') isOpen.value = false;
    else if (event.key === '/') root.current?.querySelector<HTMLElement>('input')?.focus();
    else if (event.key === 't') {
      const next = THEMES.indexOf(store.view.theme.peek()) + 1;
      store.view.setTheme(THEMES[next % THEMES.length] ?? 'system');
    } else return;
    event.preventDefault();
  };

  const { limit, exchange, exchanges, cells, total, hasStale, hasMarks } = shown.value;
  const lost = lostFrom(store, link);
  const isSpread = by === 'spread';
  const inSight = wall ? scene.value.items.length : cells;
  const order = `, ${labelOf(SORTS, sort)} first${group === 'none' ? '' : `, ${labelOf(GROUPS, group)}`}`;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the keys belong to what is within, which bubbles here.
    <div
      class="market"
      ref={root}
      data-testid="market"
      data-feed={link.feed.value}
      onKeyDown={onKeyDown}
      {...(wall ? { 'data-wall': '' } : {})}
      {...(lost === null ? {} : { 'data-lost': '' })}
    >
      {lost !== null && !(wall && lostSince(store) !== null) && <Lost store={store} link={link} since={lost} />}
      <header class="market-head">
        <h2>Market</h2>
        <span class="market-sub" data-testid="market-sub">
          {isSpread ? 'spread between exchanges' : `funding rate${exchange === null ? '' : `, ${exchange}`}`}
          {wall && sort !== 'name' ? order : ''}
        </span>
        <span class="market-count" data-testid="market-count">
          {inSight === total ? '' : `${inSight.toLocaleString('en-US')} of `}
          {total.toLocaleString('en-US')} {total === 1 ? 'symbol' : 'symbols'}
        </span>
        <span class="spacer" />
        <Legend theme={theme.value} limit={limit} isSpread={isSpread} hasStale={hasStale} hasMarks={hasMarks} />
        {!wall && <StatePill store={store} link={link} />}
        {!wall && <CloseButton />}
      </header>
      {!wall && (
        <div class="market-tools">
          <Search find={find} onChoose={choose} onLeave={focusCells} />
          <Controls choice={choice.value} exchanges={exchanges} exchange={exchange} onChoose={choose} />
        </div>
      )}
      <OffStreams link={link} />
      <div class="market-body" ref={body} data-loaded={link.loaded.value}>
        {!isSized ? null : isList ? (
          <List
            store={store}
            link={link}
            sections={sections}
            size={size}
            limit={limit}
            theme={theme.value}
            isStill={isStill.value}
            exchanges={exchanges}
            isSpread={isSpread}
            onUse={hold}
            onPick={pick}
          />
        ) : (
          <Grid
            store={store}
            link={link}
            scene={scene}
            size={size}
            theme={theme}
            isStill={isStill}
            isWall={wall}
            onUse={hold}
            onPick={pick}
          />
        )}
        {cells === 0 && <Nothing link={link} find={find} total={total} />}
      </div>
    </div>
  );
}

function CloseButton() {
  return (
    <button
      type="button"
      class="button"
      data-testid="market-close"
      aria-label="Close the overview"
      title="Close (Esc)"
      onClick={() => {
        isOpen.value = false;
      }}
    >
      <svg class="icon" viewBox="0 0 18 18" aria-hidden="true">
        <path d="m4 4 10 10M14 4 4 14" />
      </svg>
    </button>
  );
}
