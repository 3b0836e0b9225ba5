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
    expect(parseQuery(formatQuery('', symbol, '6h'))).toEqual({ symbol, range: '6h' });
  });

  test('an unknown range is as good as none', () => {
    expect(parseQuery('?symbol=%20&range=5h')).toEqual({ symbol: null, range: null });
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
