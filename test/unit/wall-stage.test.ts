/** One symbol's part of a store that holds many: its states are those that a page of that symbol alone would have. */
import { signal } from '@preact/signals';
import { describe, expect, it } from 'vitest';
import type { ChannelView, LineView, StreamView } from '../../client/model.ts';
import type { Picture } from '../../client/recipes/recipe.ts';
import { fitPanes } from '../../client/wall/fit.ts';
import { stageStore } from '../../client/wall/stage.ts';
import { stageMark, stageView } from '../../client/wall/stageview.ts';
import { ChartWidths } from '../../client/wall/widths.ts';
import { Page } from '../support/client-page.ts';

const line = (arrivedAt: number | null, stale = false): LineView => ({
  name: 'binance',
  times: Float64Array.of(1, 2, 3),
  columns: {},
  texts: {},
  arrivedAt,
  spacingMs: 10_000,
  stale,
});
const channel = (key: string, ...lines: LineView[]): ChannelView => ({
  stream: 'funding_rates',
  key,
  lines,
  rowsLastHour: 1,
  reduced: false,
});
const base = (over: Partial<StreamView>): StreamView => ({
  stream: 'funding_rates',
  state: 'live',
  off: null,
  channels: [],
  range: '24h',
  bucketMs: 1000,
  lostFrom: null,
  arrivedAt: 900_000,
  version: 7,
  ...over,
});
const BOTH = [channel('BTC/USDT', line(900_000)), channel('ETH/USDT', line(100_000, true))];

describe("a symbol's view", () => {
  it('has that symbol alone, with its own age and state', () => {
    const view = base({ channels: BOTH });
    expect(stageView(view, 'BTC/USDT', 'live')).toMatchObject({ state: 'live', arrivedAt: 900_000 });
    const eth = stageView(view, 'ETH/USDT', 'live');
    expect([eth.state, eth.arrivedAt, eth.channels.map(({ key }) => key)]).toEqual(['stale', 100_000, ['ETH/USDT']]);
  });

  it('is empty without rows, but for as long as histories are still coming', () => {
    const view = base({ channels: BOTH });
    expect(stageView(view, 'SOL/USDT', 'live')).toMatchObject({ state: 'empty', arrivedAt: null, channels: [] });
    expect(stageView(view, 'SOL/USDT', 'syncing').state).toBe('loading');
  });

  it('is live where the others are stale, and stale only where all its lines are', () => {
    const channels = [channel('A', line(1, true)), channel('B', line(1, true), line(2))];
    const view = base({ state: 'stale', channels });
    expect(stageView(view, 'A', 'live').state).toBe('stale');
    expect(stageView(base({ state: 'live', channels }), 'B', 'live').state).toBe('live');
  });

  it('keeps what is true of the whole stream', () => {
    for (const state of ['off', 'loading'] as const)
      expect(stageView(base({ state, channels: BOTH }), 'BTC/USDT', 'live').state).toBe(state);
    const lost = base({ state: 'stale', lostFrom: 905_000, channels: BOTH });
    expect(stageView(lost, 'BTC/USDT', 'offline')).toMatchObject({ state: 'stale', lostFrom: 905_000 });
    // It was silent long before the connection was lost.
    expect(stageView(lost, 'ETH/USDT', 'offline')).toMatchObject({ state: 'stale', lostFrom: 100_000 });
    expect(stageView(lost, 'SOL/USDT', 'offline')).toMatchObject({ state: 'stale', lostFrom: 905_000 });
  });

  it('leaves metrics whole: they belong to no symbol', () => {
    const view = base({ stream: 'system_metrics', channels: [channel('cpu', line(1))] });
    expect(stageView(view, 'BTC/USDT', 'live')).toBe(view);
  });

  it('is marked by its own rows, and not by those of others', () => {
    const before = stageMark(stageView(base({ channels: BOTH }), 'BTC/USDT', 'live'));
    const other = base({
      channels: [channel('BTC/USDT', line(900_000)), channel('ETH/USDT', line(950_000))],
      version: 8,
    });
    expect(stageMark(stageView(other, 'BTC/USDT', 'live'))).toBe(before);
    const own = base({ channels: [channel('BTC/USDT', line(950_000))], version: 9 });
    expect(stageMark(stageView(own, 'BTC/USDT', 'live'))).not.toBe(before);
  });
});

it('the store of a turn speaks of its symbol, and draws a hidden turn once a second only', () => {
  const page = new Page('?symbol=BTC/USDT');
  const isShown = signal(false);
  const stage = stageStore(page.store, 'ETH/USDT', isShown, new ChartWidths(() => {}));
  expect([stage.view.symbol.value, stage.view.keys.value]).toEqual(['ETH/USDT', ['ETH/USDT']]);
  expect(stage.stream('funding_rates')).toBe(stage.stream('funding_rates'));
  expect(stage.frame.value).toBe(page.store.now.value);
  isShown.value = true;
  expect(stage.frame.value).toBe(page.store.frame.value);
  page.store.stop();
});

describe('the widths of the charts of all turns', () => {
  it('are asked for by the narrowest, and only when one changes', () => {
    const told: number[] = [];
    const widths = new ChartWidths((_, columns) => told.push(columns));
    widths.report('A', 'funding_rates', 900);
    widths.report('A', 'funding_rates', 900);
    widths.report('B', 'funding_rates', 880);
    widths.report('A', 'funding_rates', 900);
    expect(told).toEqual([900, 880]);
    widths.forget();
    widths.report('A', 'funding_rates', 1800);
    expect(told).toEqual([900, 880, 1800]);
  });
});

describe('panes that fit', () => {
  const picture = (count: number): Picture => ({
    subtitle: 'by unit',
    refusal: null,
    panes: Array.from({ length: count }, (_, index) => ({
      id: `${index}`,
      title: null,
      left: { style: 'plain', keep: [] },
      right: null,
      guides: [],
      lines: [],
      weight: 1,
    })),
  });

  it('are the first ones, and the title says how many there are', () => {
    expect(fitPanes(picture(3), 400, 20, 1)).toMatchObject({ subtitle: 'by unit', panes: { length: 3 } });
    const cut = fitPanes(picture(7), 200, 20, 2);
    expect([cut.subtitle, cut.panes.map(({ id }) => id)]).toEqual(['2 of 7 · by unit', ['0', '1']]);
    expect(fitPanes(picture(7), 5, 20, 1).panes).toHaveLength(1);
  });
});
