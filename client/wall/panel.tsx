/** A stream's chart on the wall: nothing of it can be touched, and what has no room to be read from afar is left out. */
import { useComputed } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import type { StreamName } from '../../shared/streams.ts';
import { age } from '../format.ts';
import { RECIPES } from '../recipes.ts';
import { palette } from '../theme.ts';
import { recallColumns } from '../ui/columns.ts';
import { type ChartController, createController } from '../ui/controller.ts';
import type { PaneLayout } from '../ui/layout.ts';
import { HeatLegend, Legend } from '../ui/legend.tsx';
import type { Stage } from './show.ts';

interface PanelProps {
  readonly stage: Stage;
  readonly stream: StreamName;
  /** Told the height of all panes in CSS pixels, whenever it changes. */
  onHeight(stream: StreamName, height: number): void;
}

export function WallPanel({ stage, stream, onHeight }: PanelProps) {
  const { store } = stage;
  const recipe = RECIPES[stream];
  const controller = useMemo(() => createController(store, stream, recallColumns(stream)), [store, stream]);
  const panesElement = useRef<HTMLDivElement>(null);
  const state = useComputed(() => store.stream(stream).value.state);
  useEffect(() => () => controller.destroy(), [controller]);
  useEffect(() => {
    const { current } = panesElement;
    if (current === null) return;
    const observer = new ResizeObserver(() => onHeight(stream, current.clientHeight));
    observer.observe(current);
    return () => observer.disconnect();
  }, [stream]);
  const { subtitle, refusal, panes } = controller.layout.value;
  return (
    <section
      class={`panel chart chart-${stream}`}
      aria-label={recipe.title}
      // Machines read the turn that is shown, and no other.
      {...(stage.isShown.value ? { 'data-stream': stream } : {})}
      data-state={state.value}
      {...(refusal === null ? {} : { 'data-refused': '' })}
    >
      <div class="panel-head">
        <h2>{recipe.title}</h2>
        <span class="panel-sub">{subtitle}</span>
        {recipe.heatLegend && state.value !== 'stale' && <HeatLegend />}
        {state.value === 'stale' && <Stale stage={stage} stream={stream} />}
      </div>
      <div class="panes" ref={panesElement} data-columns={panes.length > 1 ? recipe.columns : 1}>
        {panes.map((pane) => (
          <WallPane key={pane.id} controller={controller} pane={pane} />
        ))}
        <Message stage={stage} stream={stream} refusal={refusal} />
      </div>
    </section>
  );
}

function WallPane({ controller, pane }: { controller: ChartController; pane: PaneLayout }) {
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

/** That one stream is stale, and since when. Where everything is, the banner says so. */
function Stale({ stage, stream }: Pick<PanelProps, 'stage' | 'stream'>) {
  const { store } = stage;
  const { arrivedAt } = store.stream(stream).value;
  if (store.feed.value !== 'live' && store.feed.value !== 'syncing') return null;
  return (
    <span class="badge" role="status" data-testid="stale">
      STALE{arrivedAt === null ? '' : ` ${age(store.now.value - arrivedAt)}`}
    </span>
  );
}

/** What stands in place of a picture. */
function Message({ stage, stream, refusal }: Pick<PanelProps, 'stage' | 'stream'> & { refusal: string | null }) {
  const { view, stream: streamOf } = stage.store;
  const { state, off, channels } = streamOf(stream).value;
  const subject = stream === 'system_metrics' ? 'the system' : view.symbol.value;
  const isEmpty = !channels.some(({ lines }) => lines.some(({ times }) => times.length > 0));
  const text =
    state === 'off'
      ? `This stream is off. ${off?.reason ?? 'The server does not say why; its log does.'}`
      : state === 'loading' && isEmpty
        ? `Loading ${view.range.value} of ${subject}`
        : state === 'empty' || (state === 'stale' && isEmpty)
          ? `No rows for ${subject} in the last ${view.range.value}`
          : refusal;
  if (text === null) return null;
  return (
    <div class="message" data-testid="message">
      <p>{text}</p>
    </div>
  );
}
