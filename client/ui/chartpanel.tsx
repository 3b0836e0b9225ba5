/** A stream's chart: its head, its panes, and how it looks while it is loading, empty, off or stale. */
import { useComputed } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import type { StreamName } from '../../shared/streams.ts';
import { age } from '../format.ts';
import type { ChartState } from '../model.ts';
import { RECIPES } from '../recipes.ts';
import type { Store } from '../store.ts';
import { palette } from '../theme.ts';
import { firstColumns } from './columns.ts';
import { type ChartController, createController } from './controller.ts';
import { extras, fetchExtras } from './later.tsx';
import type { PaneLayout } from './layout.ts';
import { HeatLegend, Legend } from './legend.tsx';

interface ChartPanelProps {
  readonly store: Store;
  readonly stream: StreamName;
}

export function ChartPanel({ store, stream }: ChartPanelProps) {
  const recipe = RECIPES[stream];
  const controller = useMemo(() => createController(store, stream, firstColumns(stream)), [store, stream]);
  const root = useRef<HTMLElement>(null);
  const state = useComputed(() => store.stream(stream).value.state);
  useEffect(() => {
    // A tap anywhere else puts the hovered row away, and so does a second finger: two zoom, and do not point.
    const onDown = ({ target, isPrimary }: PointerEvent): void => {
      if (!isPrimary || (target instanceof Node && !root.current?.contains(target))) controller.panes.leave();
    };
    document.addEventListener('pointerdown', onDown);
    return () => {
      document.removeEventListener('pointerdown', onDown);
      controller.destroy();
    };
  }, [controller]);
  const { subtitle, refusal, panes } = controller.layout.value;
  const pointer = controller.pointer.value;
  const parts = extras();
  if (pointer !== null) fetchExtras();
  return (
    <section
      class={`panel chart chart-${stream}`}
      ref={root}
      aria-label={recipe.title}
      data-stream={stream}
      data-state={state.value}
      {...(refusal === null ? {} : { 'data-refused': '' })}
    >
      <div class="panel-head">
        <h2>{recipe.title}</h2>
        <span class="panel-sub" title={subtitle}>
          {subtitle}
        </span>
        {recipe.heatLegend && <HeatLegend />}
        {recipe.variants.length > 1 && <Variants controller={controller} stream={stream} />}
        {state.value === 'stale' && <StaleBadge store={store} stream={stream} />}
        <span class="chart-tools">
          {parts !== null && <parts.ChartTools store={store} stream={stream} controller={controller} root={root} />}
        </span>
      </div>
      <div class="panes" data-columns={panes.length > 1 ? recipe.columns : 1}>
        {panes.map((pane) => (
          <PaneElement key={pane.id} controller={controller} pane={pane} />
        ))}
        <Message store={store} stream={stream} state={state.value} refusal={refusal} />
      </div>
      {pointer !== null && parts !== null && palette.value !== null && root.current !== null && (
        <parts.Tooltip pointer={pointer} zone={store.view.zone.value} palette={palette.value} within={root.current} />
      )}
    </section>
  );
}

function Variants({ controller, stream }: { controller: ChartController; stream: StreamName }) {
  return (
    <div class="choice">
      {RECIPES[stream].variants.map(({ id, label }) => (
        <button
          type="button"
          key={id}
          aria-pressed={controller.variant.value === id}
          data-variant={id}
          onClick={() => {
            controller.variant.value = id;
          }}
        >
          {label}
        </button>
      ))}
    </div>
  );
}

function StaleBadge({ store, stream }: ChartPanelProps) {
  const { arrivedAt } = store.stream(stream).value;
  // Where the whole page has lost its data, its banner says so.
  if (store.feed.value !== 'live' && store.feed.value !== 'syncing') return null;
  return (
    <span class="badge" role="status">
      STALE{arrivedAt !== null && <span> {age(store.now.value - arrivedAt)}</span>}
    </span>
  );
}

function PaneElement({ controller, pane }: { controller: ChartController; pane: PaneLayout }) {
  // The same function for the pane's life: another one would detach the plot and attach it again.
  const attach = useMemo(() => {
    return (host: HTMLElement | null) => controller.panes.attach(pane.id, host);
  }, [controller, pane.id]);
  const isLegend = !controller.named.value && pane.legend.length > 1;
  const colours = palette.value;
  return (
    <div class="pane" style={{ flexGrow: pane.weight }} data-pane={pane.id}>
      <div class="pane-head">
        {pane.title !== null && <h3>{pane.title}</h3>}
        {isLegend && colours !== null && <Legend entries={pane.legend} palette={colours} />}
      </div>
      <div class="plot" ref={attach} />
    </div>
  );
}

interface MessageProps extends ChartPanelProps {
  readonly state: ChartState;
  readonly refusal: string | null;
}

/** What stands in place of a picture. */
function Message({ store, stream, state, refusal }: MessageProps) {
  const { view } = store;
  const subject = stream === 'system_metrics' ? 'the system' : view.symbol.value;
  if (state === 'off')
    return (
      <div class="message" data-testid="message">
        <strong>This stream is off</strong>
        <p>{store.stream(stream).value.off?.reason ?? 'The server does not say why; its log does.'}</p>
      </div>
    );
  const { channels } = store.stream(stream).value;
  const hasNoRows = state === 'stale' && !channels.some(({ lines }) => lines.some(({ times }) => times.length > 0));
  // A stretch of the past may have rows where the range has none.
  if (view.zoom.value === null && (state === 'empty' || hasNoRows))
    return (
      <div class="message" data-testid="message">
        <strong>
          No rows for {subject} in the last {view.range.value}
        </strong>
        <p>New rows appear here by themselves.</p>
        {view.range.value !== '7d' && (
          <button type="button" class="button" onClick={() => view.setRange('7d')}>
            Look back 7 d
          </button>
        )}
      </div>
    );
  if (state === 'loading' && channels.length === 0)
    return (
      <div class="message" data-testid="message">
        <p>
          Loading {view.range.value} of {subject}
        </p>
      </div>
    );
  if (refusal === null) return null;
  return (
    <div class="message" data-testid="message">
      <p>{refusal}</p>
    </div>
  );
}
