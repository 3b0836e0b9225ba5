/** Alerts in the page, in a real Chromium against a real server: what makes them come, what is done about them, what is kept. */
import { readFile } from 'node:fs/promises';
import type pg from 'pg';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { launchBrowser, openPage } from '../support/browser.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { seedPage } from '../support/page-rows.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

const PATIENT = { timeout: 30_000, interval: 100 };

let database: TestDatabase;
let writer: pg.Client;
let browser: Browser;
let dashboard: Dashboard;
let proxy: TcpProxy;

beforeAll(async () => {
  [database, browser] = await Promise.all([freshDatabase({ migrated: true }), launchBrowser()]);
  writer = await database.connect();
  await seedPage(writer, 3);
  dashboard = await startDashboard(database.url);
  proxy = await TcpProxy.start({ host: '127.0.0.1', port: Number(new URL(dashboard.url).port) });
});

beforeEach(() => proxy.pass());

afterAll(async () => {
  await proxy?.stop();
  await dashboard?.stop();
  await browser?.close();
  await database?.drop();
});

const common = { enabled: true, cooldown_s: 0, muted: null, acknowledged_at: null };
const anomaly = { ...common, id: 'z', kind: 'anomaly', key: null, series: null, at_least: 8 };
const rate = { ...common, id: 'r', kind: 'funding', key: null, series: null, side: 'above', percent: 5 };

const anomalyRow = (z: number) =>
  writer.query(
    `insert into anomalies ("timestamp", symbol, data_type, value, z_score) values (now(), 'BTC/USDT', 'volume', 1, $1)`,
    [z],
  );
const rateRow = (value: number) =>
  writer.query(
    `insert into funding_rates ("timestamp", symbol, exchange, funding_rate) values (now(), 'BTC/USDT', 'okx', $1)`,
    [value],
  );

const stored = (rules: readonly unknown[], rest = { sound: false, notify: false }): string =>
  JSON.stringify({ version: 1, rules, ...rest });

async function live(page: Page): Promise<void> {
  await page.waitForSelector('html[data-feed="live"]', { state: 'attached' });
  await page.waitForSelector('[data-testid="alerts-button"]');
}

/** Has a text stored before the page's own script runs for the first time; what the page stores later stays. */
async function store(page: Page, text: string | null): Promise<void> {
  await page.addInitScript((value) => {
    if (sessionStorage.getItem('stored') !== null) return;
    sessionStorage.setItem('stored', 'yes');
    if (value !== null) localStorage.setItem('alphapulse.alerts', value);
  }, text);
}

/** A page that has these rules stored, live. */
async function visit(
  text: string | null,
  steps: (page: Page, context: BrowserContext) => Promise<void>,
  options: { readonly viewport?: { width: number; height: number } } = {},
): Promise<void> {
  const { page, problems, close } = await openPage(browser, options);
  try {
    const warnings: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'warning') warnings.push(message.text());
    });
    await store(page, text);
    await page.goto(`${dashboard.url}/?symbol=BTC/USDT&range=1h`);
    await live(page);
    await steps(page, page.context());
    expect([...problems, ...warnings]).toEqual([]);
  } finally {
    await close();
  }
}

const banner = (page: Page) => page.locator('[data-testid="alert-banner"]');
const bannerText = (page: Page): Promise<string> => banner(page).first().innerText();
const rulesOf = (page: Page): Promise<string | null> => page.evaluate(() => localStorage.getItem('alphapulse.alerts'));
const boxes = (page: Page) =>
  page
    .locator('.panel.chart')
    .evaluateAll((panels) => panels.map((panel) => JSON.stringify(panel.getBoundingClientRect())));

describe('alerts in the page', () => {
  it('are off until a rule is added, by keys alone, and then come in one banner without moving a chart', () =>
    visit(null, async (page) => {
      await page.keyboard.press('l');
      const dialog = page.locator('[data-testid="alerts"]');
      await dialog.locator('.alerts-panel').waitFor();
      expect(await rulesOf(page)).toBeNull();
      await page.getByRole('button', { name: 'Add a rule' }).focus();
      await page.keyboard.press('Enter');
      // The form has the focus: anomalies, and then the threshold.
      await page.locator('[data-testid="rule-form"] select:focus').waitFor();
      await page.keyboard.press('Tab');
      await page.keyboard.press('ControlOrMeta+a');
      await page.keyboard.type('8');
      await page.keyboard.press('Enter');
      const rule = dialog.locator('[data-testid="rule"]');
      await expect.poll(() => rule.count(), PATIENT).toBe(1);
      expect(await rule.innerText()).toContain('|z| at least 8σ');
      await page.keyboard.press('Escape');
      const before = await boxes(page);
      await anomalyRow(7.9);
      await anomalyRow(-8.5);
      await expect.poll(() => bannerText(page), PATIENT).toContain('−8.5σ');
      await anomalyRow(9.5);
      await expect.poll(() => bannerText(page), PATIENT).toMatch(/2 times[\s\S]*\+9\.5σ/);
      expect(await banner(page).count()).toBe(1);
      expect(await boxes(page)).toEqual(before);
      expect(await page.locator('[data-testid="alert-spoken"]').getAttribute('role')).toBe('alert');
      const button = page.locator('[data-testid="alerts-button"]');
      expect(await button.getAttribute('aria-label')).toBe('Alerts: 1 to be seen');
      expect(await button.innerText()).toBe('1');
      await banner(page).getByRole('button', { name: 'Seen' }).click();
      await expect.poll(() => banner(page).count(), PATIENT).toBe(0);
      expect(await button.getAttribute('aria-label')).toBe('Alerts');
    }));

  it('come while the picture is paused, and lead to their moment', () =>
    visit(stored([anomaly]), async (page) => {
      await page.keyboard.press(' ');
      await anomalyRow(11.5);
      await expect.poll(() => bannerText(page), PATIENT).toContain('+11.5σ');
      await page.keyboard.press(' ');
      await banner(page).getByTitle('Show this moment in the charts').click();
      await expect.poll(() => new URL(page.url()).searchParams.get('from'), PATIENT).not.toBeNull();
      await page.waitForSelector('[data-testid="zoom"]');
    }));

  it('fire on what stands when the page is opened, and not again when it was seen before', () =>
    visit(stored([rate]), async (page) => {
      await rateRow(0.07);
      await expect.poll(() => bannerText(page), PATIENT).toContain('+7.0000%');
      await banner(page).getByRole('button', { name: 'Seen' }).click();
      await expect.poll(() => banner(page).count(), PATIENT).toBe(0);
      await page.reload();
      await live(page);
      await page.keyboard.press('l');
      const status = page.locator('[data-testid="rule-status"]');
      await expect.poll(() => status.innerText(), PATIENT).toContain('seen');
      expect(await banner(page).count()).toBe(0);
      await page.keyboard.press('Escape');
      await rateRow(0.01);
      await rateRow(0.08);
      await expect.poll(() => bannerText(page), PATIENT).toContain('+8.0000%');
      await rateRow(0.01);
      await expect.poll(() => bannerText(page), PATIENT).toContain('over');
    }));

  it('come for rows that were missed while the connection was cut', async () => {
    const { page, problems, close } = await openPage(browser);
    try {
      await store(page, stored([anomaly]));
      await page.goto(`${proxy.url(dashboard.url)}?symbol=BTC/USDT&range=1h`);
      await live(page);
      proxy.blackHole();
      proxy.cut();
      await page.waitForSelector('html:is([data-feed="offline"], [data-feed="connecting"])', { state: 'attached' });
      await anomalyRow(15.5);
      proxy.pass();
      proxy.cut();
      await expect.poll(() => bannerText(page), PATIENT).toContain('+15.5σ');
      expect(problems.filter((problem) => problem.startsWith('exception'))).toEqual([]);
    } finally {
      await close();
    }
  });

  it('are the same in two tabs, which do not undo each other’s edits', () =>
    visit(stored([anomaly]), async (one, context) => {
      const two = await context.newPage();
      await two.goto(`${dashboard.url}/?symbol=BTC/USDT&range=1h`);
      await live(two);
      await anomalyRow(12.5);
      for (const page of [one, two]) await expect.poll(() => bannerText(page), PATIENT).toContain('+12.5σ');
      await one.bringToFront();
      await banner(one).getByRole('button', { name: 'Seen' }).click();
      for (const page of [one, two]) await expect.poll(() => banner(page).count(), PATIENT).toBe(0);
      await one.keyboard.press('l');
      await one.getByRole('button', { name: 'Mute: |z| at least 8σ' }).click();
      await two.bringToFront();
      await two.keyboard.press('l');
      await two.getByRole('checkbox', { name: 'Sound' }).check();
      await expect.poll(() => rulesOf(one), PATIENT).toMatch(/"muted":\{"at":\d+,"until":null\}.*"sound":true/);
      await two.getByRole('button', { name: 'Delete: |z| at least 8σ' }).click();
      await expect.poll(() => one.locator('[data-testid="rule"]').count(), PATIENT).toBe(0);
      await two.close();
    }));

  it('are taken along as a file, and a wrong file is refused with what is wrong in it', () =>
    visit(stored([anomaly, rate]), async (page) => {
      await page.keyboard.press('l');
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name: 'Export' }).click(),
      ]);
      const text = await readFile(await download.path(), 'utf8');
      expect(JSON.parse(text)).toEqual({ version: 1, rules: [anomaly, rate] });
      await page.getByRole('button', { name: 'Delete all' }).click();
      await page.getByRole('button', { name: 'Yes, delete all 2' }).click();
      await expect.poll(() => page.locator('[data-testid="rule"]').count(), PATIENT).toBe(0);
      const choose = (content: string) =>
        page
          .locator('input[type="file"]')
          .setInputFiles({ name: 'rules.json', mimeType: 'application/json', buffer: Buffer.from(content) });
      const told = page.locator('[data-testid="alerts-told"]');
      await choose('{"version":1,"rules":[{"kind":"anomaly"}]}');
      await expect.poll(() => told.innerText(), PATIENT).toMatch(/Nothing was taken over\.[\s\S]*Rule 1, /);
      expect(await told.getAttribute('role')).toBe('alert');
      await choose('nonsense');
      await expect.poll(() => told.innerText(), PATIENT).toContain('not JSON');
      await choose(text);
      await expect.poll(() => told.innerText(), PATIENT).toBe('2 rules taken over.');
      expect(await page.locator('[data-testid="rule"]').count()).toBe(2);
    }));

  it('leave what cannot be read alone, say so, and begin anew when asked to', () =>
    visit('{"version":99}', async (page) => {
      await page.keyboard.press('l');
      await expect.poll(() => page.locator('.alerts-trouble').innerText(), PATIENT).toContain('newer version');
      expect(await rulesOf(page)).toBe('{"version":99}');
      await page.getByRole('button', { name: 'Delete all' }).click();
      await page.getByRole('button', { name: /Yes, delete all/ }).click();
      await expect.poll(() => page.locator('.alerts-trouble').count(), PATIENT).toBe(0);
      await page.getByRole('button', { name: 'Add: |z| at least 5σ' }).click();
      await expect.poll(() => page.locator('[data-testid="rule"]').count(), PATIENT).toBe(1);
    }));

  it('say that sound is blocked before a click, and let it out with one', () =>
    visit(stored([anomaly], { sound: true, notify: false }), async (page) => {
      // What drives the browser counts as a visitor's gesture; here nobody has made one.
      await page.addInitScript(() => {
        Object.defineProperty(navigator, 'userActivation', { value: { hasBeenActive: false, isActive: false } });
      });
      await page.reload();
      await live(page);
      await anomalyRow(13.5);
      const blocked = page.locator('[data-testid="sound-blocked"]');
      await blocked.waitFor();
      await blocked.click();
      await expect.poll(() => blocked.count(), PATIENT).toBe(0);
    }));

  it('ask for notifications on a click alone, and say how that stands', () =>
    visit(stored([anomaly]), async (page, context) => {
      await page.keyboard.press('l');
      const state = page.locator('[data-testid="notify-state"]');
      await state.waitFor();
      expect(await state.getAttribute('data-state')).not.toBe('granted');
      await context.grantPermissions(['notifications']);
      await page.getByRole('checkbox', { name: 'Notifications of the browser' }).check();
      await page.keyboard.press('Escape');
      await state.waitFor({ state: 'detached' });
      await page.keyboard.press('l');
      await expect.poll(() => state.getAttribute('data-state'), PATIENT).toBe('granted');
    }));

  it('name what is wrong in a form, and edit, turn off and delete a rule', () =>
    visit(stored([anomaly]), async (page) => {
      await page.keyboard.press('l');
      await page.getByRole('button', { name: 'Edit: |z| at least 8σ' }).click();
      const form = page.locator('[data-testid="rule-form"]');
      await form.getByLabel('|z| at least, σ').fill('many');
      await form.getByRole('button', { name: 'Save' }).click();
      expect(await form.getByRole('alert').innerText()).toBe('Give a number, such as 5 or 0.05.');
      await form.getByLabel('|z| at least, σ').fill('9,5');
      await form.getByRole('button', { name: 'Save' }).click();
      await page.getByRole('checkbox', { name: 'On: |z| at least 9.5σ' }).uncheck();
      await expect.poll(() => page.locator('[data-testid="rule-status"]').innerText(), PATIENT).toBe('off');
      await page.getByRole('button', { name: 'Delete: |z| at least 9.5σ' }).click();
      await expect.poll(() => page.locator('[data-testid="rule"]').count(), PATIENT).toBe(0);
    }));

  it('fit a phone: nothing scrolls sideways', () =>
    visit(
      stored([anomaly, rate]),
      async (page) => {
        await anomalyRow(14.5);
        await banner(page).first().waitFor();
        await page.locator('[data-testid="alerts-button"]').click();
        await page.locator('.alerts-panel').waitFor();
        await page.getByRole('button', { name: 'Add a rule' }).click();
        const wide = await page.evaluate(() => [
          document.documentElement.scrollWidth - innerWidth,
          ...[...document.querySelectorAll('.alerts-dialog')].map((dialog) => dialog.scrollWidth - dialog.clientWidth),
        ]);
        expect(Math.max(...wide)).toBeLessThanOrEqual(0);
        const low = await page
          .locator('.alerts-panel .button')
          .evaluateAll((all) => all.filter((one) => one.getBoundingClientRect().height < 44).length);
        expect(low).toBe(0);
      },
      { viewport: { width: 360, height: 740 } },
    ));
});
