/** The wall: the shown turn and the next one behind it, under one head. */
import { type ReadonlySignal, useComputed, useSignal, useSignalEffect } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { StreamName } from '../../shared/streams.ts';
import { CHART_ORDER, RECIPES } from '../recipes.ts';
import { lostSince } from '../status.ts';
import type { Store } from '../store.ts';
import type { WatchedEdge } from './edge.ts';
import { Figures } from './figures.tsx';
import { fitPanes } from './fit.ts';
import { WallBanner, WallHead } from './head.tsx';
import { OverviewTurn } from './overviewturn.tsx';
import { WallPanel } from './panel.tsx';
import { OVERVIEW } from './parameters.ts';
import type { Screen } from './screen.ts';
import type { Show, Stage } from './show.ts';

/** What the browser cannot do is said so long, and then the wall is left in peace. */
const SAID_MS = 120_000;

interface WallProps {
  readonly store: Store;
  readonly show: Show;
  readonly screen: Screen;
  readonly edge: WatchedEdge;
  readonly complaints: readonly string[];
  readonly wake: ReadonlySignal<string | null>;
}

export function Wall({ store, show, screen, edge, complaints, wake }: WallProps) {
  const lost = lostSince(store);
  const current = show.current.value;
  useEffect(() => {
    document.title = `${lost === null ? '' : 'DISCONNECTED · '}${current ?? 'Wall'} · AlphaPulse`;
  }, [lost === null, current]);
  return (
    <div class="app wall" data-feed={store.feed.value} {...(lost === null ? {} : { 'data-lost': '' })}>
      <div
        class="wall-body"
        style={{ transform: screen.shift.value }}
        {...(screen.isSmall.value ? { 'data-small': '' } : {})}
      >
        {lost !== null && <WallBanner store={store} since={lost} refusal={edge.refusal} />}
        <WallHead store={store} show={show} />
        <div class="stages">
          {show.stages.value.map((stage) => (
            <StageView key={stage.name} stage={stage} screen={screen} />
          ))}
          {show.stages.value.length === 0 && <p class="stage-none">Waiting for the list of symbols</p>}
        </div>
        <Notes show={show} complaints={complaints} wake={wake} />
      </div>
    </div>
  );
}

function StageView({ stage, screen }: { stage: Stage; screen: Screen }) {
  const isShown = stage.isShown.value;
  return (
    <div class="stage" data-stage={stage.name} {...(isShown ? { 'data-shown': '' } : { 'aria-hidden': 'true' })}>
      {stage.name === OVERVIEW ? <OverviewTurn store={stage.store} /> : <SymbolStage stage={stage} screen={screen} />}
    </div>
  );
}

function SymbolStage({ stage, screen }: { stage: Stage; screen: Screen }) {
  const heights = useSignal<ReadonlyMap<StreamName, number>>(new Map());
  useSignalEffect(() => {
    const known = heights.value;
    const unit = screen.unit.value;
    stage.store.adapt.value = (picture, stream) => {
      const height = known.get(stream);
      return height === undefined ? picture : fitPanes(picture, height, unit, RECIPES[stream].columns);
    };
  });
  const onHeight = (stream: StreamName, height: number): void => {
    if (heights.peek().get(stream) !== height) heights.value = new Map(heights.peek()).set(stream, height);
  };
  return (
    <>
      <Figures stage={stage} />
      <main class="charts">
        {CHART_ORDER.map((stream) => (
          <WallPanel key={stream} stage={stage} stream={stream} onHeight={onHeight} />
        ))}
      </main>
    </>
  );
}

/** One quiet line: what of the address does not hold, and what the browser does not do. */
function Notes({ show, complaints, wake }: Pick<WallProps, 'show' | 'complaints' | 'wake'>) {
  const isSaid = useSignal(false);
  useEffect(() => {
    const timer = setTimeout(() => {
      isSaid.value = true;
    }, SAID_MS);
    return () => clearTimeout(timer);
  }, []);
  const text = useComputed(() => {
    const { unknown } = show.turns.value;
    const clauses = [
      ...complaints,
      ...(unknown.length === 0
        ? []
        : [`no rows of ${unknown.slice(0, 4).join(', ')}${unknown.length > 4 ? ' and others' : ''} yet`]),
      ...(isSaid.value || wake.value === null ? [] : [wake.value]),
    ].join('; ');
    return clauses === '' ? null : `${clauses.charAt(0).toUpperCase()}${clauses.slice(1)}.`;
  }).value;
  return text === null ? null : (
    <p class="wall-notes" data-testid="notes">
      {text}
    </p>
  );
}
