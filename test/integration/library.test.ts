/** The library for other programs against a real server: it writes, reads back page by page, and tells each failure apart. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Dashboard, type DashboardError, type ErrorCode, type NewAnomaly } from '../../library/client.ts';
import { packageRoot } from '../../server/root.ts';
import { type Dashboard as Running, startDashboard } from '../support/dashboard.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { runProgram } from '../support/program.ts';

const run = promisify(execFile);

let database: TestDatabase;
let running: Running;
let dashboard: Dashboard;

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  running = await startDashboard(database.url, {
    DASHBOARD_VIEW_TOKENS: 'desk:view-1',
    DASHBOARD_WRITE_TOKENS: 'bot:write-1',
  });
  dashboard = new Dashboard({ url: running.url, token: 'write-1' });
});
afterAll(async () => {
  await running?.stop();
  await database?.drop();
});

const ANOMALY: NewAnomaly = { symbol: 'BTC/USDT', data_type: 'volume', value: 1.5, z_score: 3.5 };

describe('writing and reading', () => {
  it('one row comes back with what was written and what the table gives', async () => {
    const at = new Date(Date.UTC(2026, 0, 15, 12));
    const id = await dashboard.saveAnomaly({
      ...ANOMALY,
      symbol: 'ONE/USDT',
      timestamp: at,
      metadata: { a: ['ü', null] },
    });
    expect(await dashboard.getAnomalies({ symbol: 'ONE/USDT' })).toEqual([
      {
        ...ANOMALY,
        id,
        symbol: 'ONE/USDT',
        timestamp: at.getTime(),
        threshold: 3,
        metadata: { a: ['ü', null] },
        created_at: expect.any(Number),
      },
    ]);
  });

  it('many rows come back by metric and time, numbers that JSON lacks among them, newest first', async () => {
    const values = [1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    const start = Date.UTC(2026, 0, 15);
    const ids = await dashboard.saveSystemMetric(
      values.map((metric_value, index) => ({ metric_name: 'odd', metric_value, timestamp: start + index * 1000 })),
    );
    const rows = await dashboard.getSystemMetrics({ metricName: 'odd' });
    expect(rows.map(({ id }) => id)).toEqual(ids.toReversed());
    expect(rows.map(({ metric_value }) => metric_value)).toEqual(values.toReversed());
    const later = await dashboard.getSystemMetrics({ metricName: 'odd', startTime: new Date(start + 2000), limit: 1 });
    expect(later.map(({ id }) => id)).toEqual([ids[3]]);
    expect(await dashboard.saveSystemMetric([])).toEqual([]);
  });

  it('more rows than a page has are read page by page, up to the limit', async () => {
    const rows = Array.from({ length: 1000 }, (_, index) => ({ ...ANOMALY, symbol: 'MANY/USDT', timestamp: index }));
    const ids = [...(await dashboard.saveAnomaly(rows)), ...(await dashboard.saveAnomaly(rows))];
    const byPlace = (await dashboard.getAnomalies({ symbol: 'MANY/USDT', limit: 5000 })).map(({ id }) => id);
    expect(byPlace.toSorted((a, b) => a - b)).toEqual(ids);
    expect(new Set(byPlace).size).toBe(2000);
    expect(await dashboard.getAnomalies({ symbol: 'MANY/USDT', limit: 1500 })).toHaveLength(1500);
    expect(await dashboard.getAnomalies({ symbol: 'MANY/USDT' })).toHaveLength(1000);
  });

  it('anomalies of a least |z|, of either sign', async () => {
    const scores = [1, -6, 4.9, 5, Number.NaN];
    await dashboard.saveAnomaly(scores.map((z_score) => ({ ...ANOMALY, symbol: 'Z/USDT', z_score })));
    const strong = await dashboard.getAnomalies({ symbol: 'Z/USDT', leastZ: 5 });
    expect(strong.map(({ z_score }) => z_score).toSorted()).toEqual([-6, 5]);
  });
});

/** Listens on a free port; answers as told. */
async function foreign(answer: RequestListener): Promise<{ readonly url: string; readonly server: Server }> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return { url: `http://127.0.0.1:${address.port}`, server };
}

describe('what fails is told apart', () => {
  const failure = (asked: Promise<unknown>): Promise<DashboardError> =>
    asked.then(
      () => Promise.reject(new Error('nothing failed')),
      (error: DashboardError) => error,
    );

  it('rows that are not accepted, each with its place', async () => {
    const rows = [ANOMALY, { ...ANOMALY, symbol: '' }, { ...ANOMALY, data_type: 'x'.repeat(51) }];
    const error = await failure(dashboard.saveAnomaly(rows));
    expect(error).toMatchObject({ name: 'DashboardError', code: 'invalid', status: 400, mend: null });
    expect(error.faults.map(({ path }) => path)).toEqual(['1.symbol', '2.data_type']);
    expect(error.faults[0]?.message).toContain('1 to 20 characters');
  });

  it.each<[string, string | undefined, ErrorCode, number]>([
    ['no token', undefined, 'unauthorized', 401],
    ['a wrong token', 'wrong-1', 'unauthorized', 401],
    ['a token for reading', 'view-1', 'forbidden', 403],
  ])('%s', async (_, token, code, status) => {
    const other = new Dashboard({ url: running.url, ...(token === undefined ? {} : { token }) });
    const error = await failure(other.saveAnomaly(ANOMALY));
    expect(error).toMatchObject({ code, status });
    expect(error.message).not.toMatch(/wrong-1|view-1/);
  });

  it('a stream that is off, with its mend', async () => {
    const broken = await freshDatabase({ migrated: true });
    const owner = await broken.connect();
    await owner.query('alter table anomalies drop column threshold');
    const off = await startDashboard(broken.url);
    try {
      const error = await failure(new Dashboard({ url: off.url }).getAnomalies());
      expect(error).toMatchObject({ code: 'unavailable', status: 503, mend: expect.stringContaining('threshold') });
    } finally {
      await off.stop();
      await broken.drop();
    }
  });

  it('nobody there, nobody who answers, and somebody else', async () => {
    const silent = await foreign(() => undefined);
    const page = await foreign((_, response) => response.end('<html>hello</html>'));
    const strange = await foreign((_, response) => response.end('{"rows":[{"id":1}],"next_cursor":null,"ids":["a"]}'));
    const proxy = await foreign((_, response) => response.writeHead(502).end('<html>bad gateway</html>'));
    try {
      const ask = (url: string): Promise<DashboardError> =>
        failure(new Dashboard({ url, timeoutMs: 300 }).getAnomalies());
      expect(await ask('http://127.0.0.1:1')).toMatchObject({ code: 'unreachable', status: null });
      expect(await ask(silent.url)).toMatchObject({ code: 'timeout', message: expect.stringContaining('300 ms') });
      expect(await ask(page.url)).toMatchObject({
        code: 'failed',
        message: expect.stringContaining('check the address'),
      });
      expect(await ask(strange.url)).toMatchObject({ code: 'failed' });
      expect(await failure(new Dashboard({ url: strange.url }).saveAnomaly(ANOMALY))).toMatchObject({ code: 'failed' });
      expect(await ask(proxy.url)).toMatchObject({ code: 'failed', status: 502 });
    } finally {
      for (const { server } of [silent, page, strange, proxy]) {
        server.closeAllConnections();
        server.close();
      }
    }
  });

  it('an address that is none', () => {
    expect(() => new Dashboard({ url: 'ftp://127.0.0.1' })).toThrow(TypeError);
    expect(() => new Dashboard({ url: 'nowhere' })).toThrow(TypeError);
  });
});

it('as a package it has its types, under the strictest reading of them, and runs as it stands', async () => {
  // Any command builds what is stale.
  expect(await runProgram(['--version'])).toMatchObject({ code: 0 });
  const folder = await mkdtemp(join(tmpdir(), 'alphapulse-library-'));
  try {
    await mkdir(join(folder, 'node_modules'));
    await symlink(packageRoot(), join(folder, 'node_modules', 'alphapulse-dashboard'));
    await writeFile(
      join(folder, 'writer.mts'),
      `import { Dashboard, DashboardError, type Anomaly } from 'alphapulse-dashboard/client';
const dashboard = new Dashboard({ url: '${running.url}', token: 'write-1' });
const id: number = await dashboard.saveAnomaly({ symbol: 'PACK/USDT', data_type: 'x', value: 1, z_score: 2 });
const [row]: readonly Anomaly[] = await dashboard.getAnomalies({ symbol: 'PACK/USDT' });
// @ts-expect-error a row without its values is none
const failed: unknown = await dashboard.saveAnomaly({ symbol: 'PACK/USDT' }).catch((error: unknown) => error);
console.log(row?.id === id, failed instanceof DashboardError);
`,
    );
    // The example of the page compiles as it stands.
    const [, example = ''] =
      /```ts\n([\s\S]*?)```/.exec(readFileSync(join(packageRoot(), 'docs', 'rest.md'), 'utf8')) ?? [];
    expect(example).toContain("from 'alphapulse-dashboard/client'");
    const surroundings = 'declare const process: { readonly env: Readonly<Record<string, string | undefined>> };\n';
    await writeFile(join(folder, 'page.mts'), surroundings + example);
    const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
    const strictest = [
      '--strict',
      '--exactOptionalPropertyTypes',
      '--module',
      'nodenext',
      '--target',
      'es2022',
      '--skipLibCheck',
      'false',
      '--types',
      '',
    ];
    await run(process.execPath, [compiler, ...strictest, 'writer.mts', 'page.mts'], { cwd: folder });
    const { stdout } = await run(process.execPath, ['writer.mjs'], { cwd: folder });
    expect(stdout).toBe('true true\n');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
