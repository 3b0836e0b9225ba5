/** The visitor's choices in the URL and in the storage. */
import { describe, expect, test } from 'vitest';
import { createView, formatQuery, parseQuery } from '../../client/view.ts';
import { FakeBrowser } from '../support/client-page.ts';

describe('the choices of the visitor', () => {
  test('symbol and range stand readable in the URL, beside what else is there', () => {
    const browser = new FakeBrowser('?debug=1');
    const view = createView(browser);
    expect([view.symbol.value, view.range.value]).toEqual(['BTC/USDT', '24h']);
    view.setSymbol('BTC/USDT:USDT');
    view.setRange('7d');
    expect(browser.search).toBe('?debug=1&symbol=BTC/USDT:USDT&range=7d');
    browser.go('?symbol=ETH/USDT&range=1h');
    expect([view.symbol.value, view.range.value]).toEqual(['ETH/USDT', '1h']);
  });

  test.each(['BTC/USDT', 'BTC/USDT:USDT', 'A&B=C', 'Ä %2F+?#'])('a symbol of %s comes back from the URL', (symbol) => {
    expect(parseQuery(formatQuery('', symbol, '6h'))).toEqual({ symbol, compare: [], range: '6h', zoom: null });
  });

  test('an unknown range is as good as none', () => {
    expect(parseQuery('?symbol=%20&range=5h')).toEqual({ symbol: null, compare: [], range: null, zoom: null });
  });

  test('up to three others are compared with the symbol, each once, and stand in the URL', () => {
    const browser = new FakeBrowser('?symbol=BTC/USDT&compare=ETH/USDT,%20BTC/USDT,,ETH/USDT,SOL/USDT');
    const view = createView(browser);
    expect(view.keys.value).toEqual(['BTC/USDT', 'ETH/USDT', 'SOL/USDT']);
    view.setCompare(['A/B', 'C/D', 'BTC/USDT', 'E/F', 'G/H']);
    expect(view.compare.value).toEqual(['A/B', 'C/D', 'E/F']);
    expect(browser.search).toBe('?symbol=BTC/USDT&compare=A/B,C/D,E/F&range=24h');
    view.setSymbol('C/D');
    expect(view.keys.value).toEqual(['C/D', 'A/B', 'E/F']);
    view.setCompare([]);
    expect(browser.search).toBe('?symbol=C/D&range=24h');
    browser.go('?symbol=X/Y&compare=BTC/USDT');
    expect(view.keys.value).toEqual(['X/Y', 'BTC/USDT']);
  });

  test('a zoom stands in the URL, of the past and of the present, and goes with the choice of a range', () => {
    const browser = new FakeBrowser('?symbol=BTC/USDT&range=24h');
    const view = createView(browser);
    const to = Date.UTC(2026, 10, 22, 18, 30, 0, 125);
    view.setZoom({ spanMs: 900_125, to });
    const past = '&from=2026-11-22T18:15:00.000Z&to=2026-11-22T18:30:00.125Z';
    expect(browser.search).toBe(`?symbol=BTC/USDT&range=24h${past}`);
    view.setZoom({ spanMs: 5000, to }, true);
    expect(browser.search).toContain(past);
    view.setZoom({ spanMs: 900_000, to: null });
    expect(browser.search).toBe('?symbol=BTC/USDT&range=24h&from=now-900s');
    expect(createView(new FakeBrowser(browser.search)).zoom.value).toEqual({ spanMs: 900_000, to: null });
    expect(createView(new FakeBrowser(`?x=1${past}`)).zoom.value).toEqual({ spanMs: 900_125, to });
    view.setSymbol('ETH/USDT');
    expect(view.zoom.value).not.toBeNull();
    view.setRange('24h');
    expect(view.zoom.value).toBeNull();
    expect(browser.search).toBe('?symbol=ETH/USDT&range=24h');
    browser.go(`?x=1${past}`);
    expect(view.zoom.value?.to).toBe(to);
  });

  test.each([
    'from=2026-11-22T18:30:00Z&to=2026-11-22T18:15:00Z',
    'from=2026-11-22T18:30:00Z',
    'to=2026-11-22T18:30:00Z',
    'from=now-0s',
    'from=now-99999999s',
    'from=x&to=y',
  ])('%s is no zoom', (query) => {
    expect(parseQuery(query).zoom).toBeNull();
  });

  test('refresh, theme and zone are remembered, a pause is not', () => {
    const browser = new FakeBrowser();
    const view = createView(browser);
    view.setTheme('light');
    view.setZone('local');
    view.setRefresh('30s');
    view.setRefresh('paused');
    const next = createView(browser);
    expect([next.theme.value, next.zone.value, next.refresh.value]).toEqual(['light', 'local', '30s']);
  });

  test('a link may ask for a theme and a zone, without these being remembered, until the visitor chooses', () => {
    const browser = new FakeBrowser('symbol=BTC/USDT&theme=light&zone=local');
    browser.stored.set('theme', 'dark');
    const view = createView(browser);
    expect([view.theme.value, view.zone.value]).toEqual(['light', 'local']);
    expect(browser.stored.get('theme')).toBe('dark');
    view.setTheme('system');
    const parameters = new URLSearchParams(browser.query());
    expect([parameters.get('theme'), parameters.get('zone'), parameters.get('symbol')]).toEqual([
      null,
      'local',
      'BTC/USDT',
    ]);
    expect(browser.stored.get('theme')).toBe('system');
    expect(createView(new FakeBrowser('theme=pink')).theme.value).toBe('system');
  });

  test('a browser that forbids storage, or holds something else, has the defaults', () => {
    const browser = new FakeBrowser();
    browser.stored.set('theme', 'pink');
    expect(createView(browser).theme.value).toBe('system');
    browser.recall = () => {
      throw new Error('forbidden');
    };
    browser.remember = browser.recall;
    const view = createView(browser);
    view.setTheme('dark');
    expect([view.theme.value, view.zone.value]).toEqual(['dark', 'utc']);
  });

  test.each([
    ['', ['ADA/USDT', 'BTC/USDT'], 'BTC/USDT'],
    ['', ['ADA/USDT', 'ETH/USDT'], 'ADA/USDT'],
    ['?symbol=X', ['ADA/USDT'], 'X'],
    ['', [], 'BTC/USDT'],
  ])('with %j and the symbols %j it is %s', (search, symbols, symbol) => {
    const view = createView(new FakeBrowser(search));
    view.offerSymbols(symbols);
    expect(view.symbol.value).toBe(symbol);
  });
});
