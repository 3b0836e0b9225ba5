/** What each stream's recipe makes of its rows. */
import { describe, expect, it } from 'vitest';
import { type Figure, rowFigures } from '../../client/exact.ts';
import type { ChannelView, LineView, StreamView } from '../../client/model.ts';
import type { PaneLine } from '../../client/painters/scene.ts';
import { namedLines, slotsOf } from '../../client/recipes/lines.ts';
import { knownPnl } from '../../client/recipes/predictions.ts';
import type { RecipeContext } from '../../client/recipes/recipe.ts';
import { byUnit } from '../../client/recipes/system.ts';
import { CHART_ORDER, RECIPES } from '../../client/recipes.ts';
import { STREAM_NAMES, STREAMS, type StreamName } from '../../shared/streams.ts';

const NOW = Date.UTC(2026, 10, 22, 14);
const MINUTE = 60_000;
const CONTEXT: RecipeContext = {
  symbol: 'BTC/USDT',
  zone: 'utc',
  range: '1h',
  rangeMs: 60 * MINUTE,
  from: NOW - 60 * MINUTE,
  bucketMs: 3000,
  now: NOW,
  variant: '',
};

/** A line whose last row is at `NOW`, one row a minute. */
function line(name: string | null, columns: Record<string, number[]>, more: Partial<LineView> = {}): LineView {
  const length = Math.max(...Object.values(columns).map((values) => values.length));
  return {
    name,
    times: Float64Array.from({ length }, (_, i) => NOW - (length - 1 - i) * MINUTE),
    columns: Object.fromEntries(Object.entries(columns).map(([key, values]) => [key, Float64Array.from(values)])),
    texts: {},
    arrivedAt: NOW,
    spacingMs: MINUTE,
    stale: false,
    ...more,
  };
}

function channel(stream: StreamName, lines: LineView[], more: Partial<ChannelView> = {}): ChannelView {
  return { stream, key: 'BTC/USDT', lines, rowsLastHour: 0, reduced: false, ...more };
}

function view(stream: StreamName, channels: ChannelView[], more: Partial<StreamView> = {}): StreamView {
  return {
    stream,
    state: 'live',
    off: null,
    channels,
    range: '1h',
    bucketMs: 3000,
    lostFrom: null,
    arrivedAt: NOW,
    version: 1,
    ...more,
  };
}

/** A drawn line's row as the tooltip tells it. */
function told(drawn: PaneLine | undefined, index: number): readonly Figure[] {
  return drawn === undefined ? [] : rowFigures(drawn.source, index, 'utc');
}

const empty = (stream: StreamName): StreamView => view(stream, [], { state: 'empty', arrivedAt: null });

describe('every stream', () => {
  it('has a recipe and a place on the page', () => {
    expect(Object.keys(RECIPES).sort()).toEqual([...STREAM_NAMES].sort());
    expect([...CHART_ORDER].sort()).toEqual([...STREAM_NAMES].sort());
    for (const name of STREAM_NAMES) expect(RECIPES[name].stream).toBe(name);
  });

  it.each(STREAM_NAMES)('%s draws without rows, in every variant, and has no card then', (name) => {
    const recipe = RECIPES[name];
    for (const variant of ['', ...recipe.variants.map(({ id }) => id)]) {
      const picture = recipe.picture(empty(name), { ...CONTEXT, variant });
      expect(picture.panes.flatMap(({ lines }) => lines)).toEqual([]);
      expect(picture.refusal).toBeNull();
    }
    expect(recipe.card(empty(name), CONTEXT)).toBeNull();
  });

  it.each(STREAM_NAMES)('%s draws rows of nothing but nulls', (name) => {
    const columns = Object.fromEntries(STREAMS[name].values.map((value) => [value.name, [Number.NaN, Number.NaN]]));
    const nulls = view(name, [channel(name, [line('a', columns)])]);
    for (const variant of ['', ...RECIPES[name].variants.map(({ id }) => id)]) {
      const { panes } = RECIPES[name].picture(nulls, { ...CONTEXT, variant });
      for (const drawn of panes.flatMap(({ lines }) => lines)) expect(drawn.endText).toBeNull();
    }
    expect(RECIPES[name].card(nulls, CONTEXT)?.value).toContain('–');
  });

  it.each(STREAM_NAMES)('%s tells every value of a row', (name) => {
    const numeric = STREAMS[name].values.filter(({ kind }) => kind !== 'text');
    const columns = Object.fromEntries(numeric.map((value) => [value.name, [0.25, 0.5]]));
    const { panes } = RECIPES[name].picture(view(name, [channel(name, [line('binance', columns)])]), CONTEXT);
    const labels = told(panes[0]?.lines[0], 1).map(({ label }) => label);
    for (const value of numeric) expect(labels).toContain(value.name.replaceAll('_', ' '));
  });
});

describe('lines', () => {
  it('stand in the order of their names, as people count', () => {
    const names = ['node_10', 'Node_2', 'cpu', 'node_9', 'BTC'];
    const lines = names.map((name) => line(name, { z_score: [1] }));
    expect(namedLines(view('anomalies', [channel('anomalies', lines)])).map(({ name }) => name)).toEqual([
      'BTC',
      'cpu',
      'Node 2',
      'node 9',
      'node 10',
    ]);
  });

  it('keep their colour from symbol to symbol where they can', () => {
    const memory = new Map<string, number>();
    expect([...slotsOf(['binance', 'bybit', 'okx'], memory)]).toEqual([
      ['binance', 0],
      ['bybit', 1],
      ['okx', 2],
    ]);
    expect(slotsOf(['dydx', 'okx'], memory).get('okx')).toBe(2);
    const slots = slotsOf(['binance', 'bybit', 'dydx', 'okx'], memory);
    expect(slots.get('binance')).toBe(0);
    expect(new Set(slots.values()).size).toBe(4);
  });

  it('without a name have one, and are called by their key where the stream has no series', () => {
    const unnamed = view('anomalies', [channel('anomalies', [line(null, { value: [1], z_score: [3] })])]);
    expect(namedLines(unnamed).map(({ name }) => name)).toEqual(['no name']);
    const system = channel('system_metrics', [line(null, { metric_value: [1] })], { key: 'cpu_load' });
    expect(namedLines(view('system_metrics', [system])).map(({ name }) => name)).toEqual(['cpu load']);
  });

  it('are marked stale one by one, and not where the whole stream is', () => {
    const lines = [
      line('binance', { funding_rate: [0.0001] }),
      line('okx', { funding_rate: [0.0002] }, { stale: true, arrivedAt: NOW - 43 * MINUTE }),
    ];
    const mark = (state: StreamView['state']) =>
      RECIPES.funding_rates
        .picture(view('funding_rates', [channel('funding_rates', lines)], { state }), CONTEXT)
        .panes[0]?.lines.map(({ staleFor }) => staleFor);
    expect(mark('live')).toEqual([null, '43\u00a0m']);
    expect(mark('stale')).toEqual([null, null]);
  });
});

describe('funding rates', () => {
  const known = line('dydx', { funding_rate: [0.00001, 0.00002] });
  const unknown = line('nobody', { funding_rate: [0.0001, 0.0003] });

  it('are annualised only where the interval is known', () => {
    const rows = view('funding_rates', [channel('funding_rates', [known, unknown])]);
    const annual = RECIPES.funding_rates.picture(rows, { ...CONTEXT, variant: 'annual' });
    expect(annual.panes[0]?.lines.map(({ name }) => name)).toEqual(['dydx']);
    expect(annual.panes[0]?.lines[0]?.endText).toBe('+17.52%');
    expect(annual.subtitle).toContain('1 without a known interval left out');
    const alone = view('funding_rates', [channel('funding_rates', [unknown])]);
    expect(RECIPES.funding_rates.picture(alone, { ...CONTEXT, variant: 'annual' }).refusal).toMatch(/Switch back/);
    expect(RECIPES.funding_rates.card(alone, CONTEXT)?.notes).toEqual([]);
    expect(
      RECIPES.funding_rates.card(view('funding_rates', [channel('funding_rates', [known])]), CONTEXT),
    ).toMatchObject({ value: '+0.0020%', source: 'dydx, per 1 h', notes: ['+17.52% a year'] });
  });

  it('are steps with the zero line in sight', () => {
    const { panes } = RECIPES.funding_rates.picture(
      view('funding_rates', [channel('funding_rates', [known])]),
      CONTEXT,
    );
    expect(panes[0]?.lines[0]?.shape.kind).toBe('steps');
    expect(panes[0]?.left.keep).toEqual([0]);
    expect(panes[0]?.guides).toContainEqual({ side: 'left', value: 0, label: null, tone: 'zero' });
  });
});

describe('anomalies', () => {
  const rows = { value: [1000, 2000], z_score: [-4, 2.5], threshold: [Number.NaN, 2] };

  it('share the signed z where there are several data types, and have their value where there is one', () => {
    const two = view('anomalies', [channel('anomalies', [line('volume', rows), line('funding_rate', rows)])]);
    const several = RECIPES.anomalies.picture(two, CONTEXT).panes[0]?.lines[0];
    expect([...(several?.values ?? [])]).toEqual([-4, 2.5]);
    expect(told(several, 0)).toContainEqual({ label: 'value', text: '1,000' });
    const one = view('anomalies', [channel('anomalies', [line('volume', rows)])]);
    expect([...(RECIPES.anomalies.picture(one, CONTEXT).panes[0]?.lines[0]?.values ?? [])]).toEqual([1000, 2000]);
  });

  it('count what is above its own threshold, 3 where it names none', () => {
    const one = view('anomalies', [channel('anomalies', [line('volume', { ...rows, threshold: [Number.NaN, 3] })])]);
    expect(RECIPES.anomalies.card(one, CONTEXT)?.notes[0]).toBe('1 above threshold');
    const own = view('anomalies', [channel('anomalies', [line('volume', rows)])]);
    expect(RECIPES.anomalies.card(own, CONTEXT)?.notes[0]).toBe('2 above threshold');
  });
});

describe('performance', () => {
  const rows = line('momentum', { pnl: [10, -4, 6], win_rate: [1, 0, 1], drawdown: [0, 4, 0] });
  const draw = (variant: string, reduced = false) =>
    RECIPES.performance_metrics.picture(
      view('performance_metrics', [channel('performance_metrics', [rows], { reduced })]),
      { ...CONTEXT, variant },
    );

  it('is shown as stored, and summed on demand; the titles say which', () => {
    const stored = draw('stored');
    expect(stored.panes.map(({ title }) => title)).toEqual(['PnL, USDT', 'Win rate, %', 'Drawdown, USDT']);
    expect([...(stored.panes[0]?.lines[0]?.values ?? [])]).toEqual([10, -4, 6]);
    expect(stored.subtitle).toMatch(/as stored/);
    const running = draw('running');
    expect(running.panes[0]?.title).toBe('Cumulative PnL, USDT');
    expect(running.panes[1]?.title).toBe('Win rate, trailing 200 rows, %');
    expect([...(running.panes[0]?.lines[0]?.values ?? [])]).toEqual([10, 6, 12]);
    expect([...(running.panes[1]?.lines[0]?.values ?? [])]).toEqual([1, 1 / 2, 2 / 3]);
    expect(told(running.panes[0]?.lines[0], 2).slice(0, 2)).toEqual([
      { label: 'Cumulative PnL, USDT', text: '12\u00a0USDT' },
      { label: 'pnl', text: '6\u00a0USDT' },
    ]);
  });

  it('draws the outcomes of single trades as dots, and a rate as a line', () => {
    expect(draw('stored').panes[1]?.lines[0]?.shape.kind).toBe('dots');
    expect(draw('running').panes[1]?.lines[0]?.shape.kind).toBe('line');
  });

  it('refuses to sum rows that are not all there', () => {
    expect(draw('running', true).refusal).toMatch(/cannot be summed/);
    expect(draw('stored', true).refusal).toBeNull();
  });
});

describe('predictions', () => {
  it('draw no predicted PnL that is null or a placeholder', () => {
    expect([...knownPnl(Float64Array.of(0, Number.NaN, -3))]).toEqual([Number.NaN, Number.NaN, -3]);
    const draw = (predicted: number[]) =>
      RECIPES.signal_predictions.picture(
        view('signal_predictions', [
          channel('signal_predictions', [line('long', { confidence: [0.5, 0.8], predicted_pnl: predicted })]),
        ]),
        CONTEXT,
      ).panes[0];
    expect(draw([0, Number.NaN])?.right).toBeNull();
    expect(draw([0, Number.NaN])?.lines).toHaveLength(1);
    expect(draw([0, 7])?.right).not.toBeNull();
    expect(draw([0, 7])?.lines.map(({ side }) => side)).toEqual(['left', 'right']);
    expect(draw([0, 7])?.guides).toContainEqual({
      side: 'left',
      value: 0.7,
      label: 'high confidence',
      tone: 'guide',
    });
  });
});

describe('system metrics', () => {
  it('have one pane a unit, and metrics without one stand apart', () => {
    const metric = (key: string, unit: string | null) =>
      channel('system_metrics', [line(null, { metric_value: [1, 2] }, { texts: { metric_unit: unit } })], { key });
    const rows = view('system_metrics', [
      metric('a_latency', 'ms'),
      metric('b_latency', 'ms'),
      metric('cpu', '%'),
      metric('odd', null),
      metric('odder', ' '),
    ]);
    expect(byUnit(namedLines(rows)).map(({ unit, lines }) => [unit, lines.map(({ name }) => name)])).toEqual([
      ['ms', ['a latency', 'b latency']],
      ['%', ['cpu']],
      [null, ['odd']],
      [null, ['odder']],
    ]);
    const { panes } = RECIPES.system_metrics.picture(rows, CONTEXT);
    expect(panes.map(({ title }) => title)).toEqual(['ms', 'cpu, %', 'odd', 'odder']);
    expect(new Set(panes.map(({ id }) => id)).size).toBe(4);
    expect(panes[0]?.lines[0]?.endText).toBe('2\u00a0ms');
  });
});
