/** The overview's cells: a canvas that scrolls, the pointer and the keys on it, and one real element for the cell that has the focus. */
import { type ReadonlySignal, useComputed, useSignal, useSignalEffect } from '@preact/signals';
import { useEffect, useId, useRef } from 'preact/hooks';
import type { Store } from '../store.ts';
import { palette } from '../theme.ts';
import type { Item } from './arrange.ts';
import type { MarketLink } from './connection.ts';
import { Detail } from './detail.tsx';
import { isMoveKey, type Rect } from './layout.ts';
import { GridPainter, type GridScene } from './painter.ts';
import type { Theme } from './scale.ts';
import { spokenOf, summaryOf } from './summary.ts';

interface GridProps {
  readonly store: Store;
  readonly link: MarketLink;
  readonly scene: ReadonlySignal<GridScene>;
  readonly size: ReadonlySignal<{ readonly width: number; readonly height: number }>;
  readonly theme: ReadonlySignal<Theme>;
  readonly isStill: ReadonlySignal<boolean>;
  readonly isWall: boolean;
  /** The visitor points at cells or moves through them: they must not change places now. */
  onUse(): void;
  onPick(symbol: string): void;
}

/** A cell whatever its place. */
type Identity = Pick<Item, 'exchange'> & { readonly symbol: string };

const identityOf = ({ row, exchange }: Item): Identity => ({ symbol: row.symbol, exchange });

function indexOf(scene: GridScene, wanted: Identity | null): number {
  if (wanted === null) return -1;
  return scene.items.findIndex(({ row, exchange }) => row.symbol === wanted.symbol && exchange === wanted.exchange);
}

export function Grid({ store, link, scene, size, theme, isStill, isWall, onUse, onPick }: GridProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const root = useRef<HTMLDivElement>(null);
  const active = useSignal<Identity | null>(null);
  const hovered = useSignal<Identity | null>(null);
  /** Whether the focus came by keys, which is when it is to be seen. */
  const isFocused = useSignal(false);
  /** Whether a key moved it, which is when its cell's figures are asked for: a page that has just opened covers no cells with them. */
  const isKeyed = useSignal(false);
  const top = useSignal(0);
  const id = useId();
  const painter = useRef<GridPainter | null>(null);

  useEffect(() => {
    const element = canvas.current;
    if (element === null) return;
    const made = new GridPainter({
      canvas: element,
      viewport: () => ({ top: root.current?.scrollTop ?? 0, ...size.peek() }),
      context: () => ({ now: link.serverNow(), theme: theme.peek(), isStill: isStill.peek() }),
    });
    painter.current = made;
    if (palette.peek() !== null) showScene();
    const stop = link.onChange(() => made.follow());
    return () => {
      stop();
      made.destroy();
    };
  }, [link]);

  const showScene = (): void => {
    const colours = palette.value;
    if (colours !== null) painter.current?.show(scene.value, colours);
  };
  useSignalEffect(showScene);
  useSignalEffect(() => {
    // Ages go on without any frame of the feed.
    [store.now.value, size.value, isStill.value];
    painter.current?.touch();
  });

  const activeIndex = useComputed(() => Math.max(0, indexOf(scene.value, active.value)));

  const shown = useComputed(() => {
    const wanted = hovered.value ?? (isFocused.value && isKeyed.value ? identityAt(activeIndex.value) : null);
    const index = indexOf(scene.value, wanted);
    return index < 0 ? null : index;
  });
  const identityAt = (index: number): Identity | null => {
    const item = scene.peek().items[index];
    return item === undefined ? null : identityOf(item);
  };

  const reveal = (index: number): void => {
    const element = root.current;
    if (element === null || index >= scene.peek().layout.count) return;
    const rect = scene.peek().layout.rectOf(index);
    const height = size.peek().height;
    if (rect.y < element.scrollTop) element.scrollTop = Math.max(0, rect.y - 8);
    else if (rect.y + rect.height > element.scrollTop + height) element.scrollTop = rect.y + rect.height - height + 8;
    top.value = element.scrollTop;
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { layout, items } = scene.peek();
    if (isMoveKey(event.key)) {
      onUse();
      const page = Math.floor(size.peek().height / layout.tier.height);
      // The first key shows where the focus is before it moves it.
      const next = isFocused.peek() ? layout.move(activeIndex.peek(), event.key, page) : activeIndex.peek();
      hovered.value = null;
      isFocused.value = true;
      isKeyed.value = true;
      active.value = identityAt(next);
      reveal(next);
    } else if (event.key === 'Enter' || event.key === ' ') {
      const item = items[activeIndex.peek()];
      if (item !== undefined) onPick(item.row.symbol);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };

  const itemUnder = (event: MouseEvent): Item | undefined => {
    const box = root.current?.getBoundingClientRect();
    if (box === undefined) return undefined;
    const { layout, items } = scene.peek();
    const index = layout.indexAt(event.clientX - box.left, event.clientY - box.top + (root.current?.scrollTop ?? 0));
    return index === null ? undefined : items[index];
  };

  const { layout, items } = scene.value;
  const { width, height } = size.value;
  const current = items[activeIndex.value];
  return (
    // biome-ignore lint/a11y/useSemanticElements: a table has neither a canvas nor one stop for the Tab key.
    <div
      class="market-grid"
      ref={root}
      role="grid"
      aria-label="All symbols"
      aria-rowcount={layout.rows}
      aria-colcount={layout.columns}
      aria-readonly="true"
      aria-activedescendant={current === undefined ? undefined : `${id}cell`}
      tabIndex={isWall ? -1 : 0}
      data-testid="market-grid"
      data-columns={layout.columns}
      data-cells={layout.count}
      data-tier={layout.tier.name}
      onKeyDown={onKeyDown}
      onFocus={() => {
        if (root.current?.matches(':focus-visible')) isFocused.value = true;
      }}
      onBlur={() => {
        isFocused.value = false;
        isKeyed.value = false;
      }}
      onScroll={(event) => {
        top.value = event.currentTarget.scrollTop;
        painter.current?.touch();
      }}
      onPointerMove={(event) => {
        onUse();
        if (event.pointerType === 'touch' || isWall) return;
        const item = itemUnder(event);
        hovered.value = item === undefined ? null : identityOf(item);
      }}
      onPointerLeave={() => {
        hovered.value = null;
      }}
      onClick={(event) => {
        const item = itemUnder(event);
        if (item !== undefined) onPick(item.row.symbol);
      }}
      {...(hovered.value === null ? {} : { 'data-over': '' })}
    >
      <canvas ref={canvas} />
      <div style={{ height: `${Math.max(0, layout.height - height)}px` }} />
      {current !== undefined && (
        // biome-ignore lint/a11y/useSemanticElements: as above.
        <div role="row" tabIndex={-1} aria-rowindex={layout.placeOf(activeIndex.value).row + 1}>
          <ActiveCell
            id={`${id}cell`}
            store={store}
            link={link}
            item={current}
            column={layout.placeOf(activeIndex.value).column + 1}
            rect={layout.rectOf(activeIndex.value)}
            isSeen={isFocused.value}
          />
        </div>
      )}
      {shown.value !== null && width > 0 && (
        <ShownDetail
          store={store}
          link={link}
          scene={scene.value}
          index={shown.value}
          top={top.value}
          root={root.current}
        />
      )}
    </div>
  );
}

interface ActiveCellProps {
  readonly id: string;
  readonly store: Store;
  readonly link: MarketLink;
  readonly item: Item;
  readonly column: number;
  readonly rect: Rect;
  readonly isSeen: boolean;
}

/** The cell that the keys are at, for screen readers and for the ring around it. */
function ActiveCell({ id, store, link, item, column, rect, isSeen }: ActiveCellProps) {
  // Once a second: what is read out must not change while it is being read.
  store.now.value;
  const text = spokenOf(summaryOf(item.row, link.serverNow(), store.view.zone.value));
  return (
    // biome-ignore lint/a11y/useSemanticElements: as above.
    <div
      id={id}
      role="gridcell"
      class="market-active"
      tabIndex={-1}
      aria-colindex={column}
      aria-label={text}
      data-testid="market-active"
      data-symbol={item.row.symbol}
      {...(isSeen ? { 'data-seen': '' } : {})}
      style={{ left: `${rect.x}px`, top: `${rect.y}px`, width: `${rect.width}px`, height: `${rect.height}px` }}
    />
  );
}

interface ShownDetailProps {
  readonly store: Store;
  readonly link: MarketLink;
  readonly scene: GridScene;
  readonly index: number;
  readonly top: number;
  readonly root: HTMLElement | null;
}

function ShownDetail({ store, link, scene, index, top, root }: ShownDetailProps) {
  store.now.value;
  const item = scene.items[index];
  if (item === undefined || root === null) return null;
  const box = root.getBoundingClientRect();
  const rect = scene.layout.rectOf(index);
  const onPage = { ...rect, x: box.left + rect.x, y: box.top + rect.y - top };
  return (
    <Detail id="market-detail" summary={summaryOf(item.row, link.serverNow(), store.view.zone.value)} rect={onPage} />
  );
}
