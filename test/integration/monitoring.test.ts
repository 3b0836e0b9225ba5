/** Everything that is said of the metrics is true of what a server exports: the table of the manual, the dashboard, the alerts. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { packageRoot } from '../../server/root.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { type Exposed, parseExposition, readBy } from '../support/exposition.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';

const read = (path: string): string => readFileSync(join(packageRoot(), path), 'utf8');
const PREFIX = 'alphapulse_';
/** Labels that Prometheus itself puts on every sample. */
const SCRAPED = ['instance', 'job'];

let database: TestDatabase;
let dashboard: Dashboard;
let metrics: ReadonlyMap<string, Exposed>;

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  const client = await database.connect();
  dashboard = await startDashboard(database.url);
  // What is told by stream is there once the streams have begun, and have had rows.
  await vi.waitFor(
    async () => {
      await client.query(
        `insert into anomalies ("timestamp", symbol, data_type, value, z_score) values (now(), 'A/B', 'x', 1, 1)`,
      );
      metrics = parseExposition(await (await fetch(`${dashboard.url}/metrics`)).text());
      expect(metrics.get('alphapulse_log_age_seconds')?.samples.size).toBeGreaterThan(0);
    },
    { timeout: 20_000, interval: 100 },
  );
  await client.end();
});
afterAll(async () => {
  await dashboard?.stop();
  await database?.drop();
});

/** Labels of a metric, those that belong to its kind left out. */
const labelsOf = ({ labels }: Exposed): string[] => [...labels].filter((label) => label !== 'le').sort();

describe('the table of the manual', () => {
  const manual = read('docs/operations.md');
  const section = /\n## Monitoring\n([\s\S]*?)(?=\n## |$)/.exec(manual)?.[1] ?? '';
  const listed = section.split('\n').flatMap((line) => {
    const [, names = '', labels = ''] = /^\| (`[^|]*) \|([^|]*)\|/.exec(line) ?? [];
    const quoted = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, one = '']) => one);
    return quoted(names).map((name) => [PREFIX + name, quoted(labels).sort()] as const);
  });

  it('has every metric with its labels, once, and no others', () => {
    const own = [...metrics].filter(([name]) => name.startsWith(PREFIX));
    expect(own.length).toBeGreaterThan(40);
    expect(new Set(listed.map(([name]) => name)).size).toBe(listed.length);
    const told = own.map(([name, metric]) => [name, labelsOf(metric)]);
    expect(Object.fromEntries(told)).toEqual(Object.fromEntries(listed));
  });

  it('stands beside process and event loop', () => {
    for (const name of ['nodejs_eventloop_lag_p99_seconds', 'process_resident_memory_bytes'])
      expect([...metrics.keys()]).toContain(name);
    expect(section).toContain('nodejs_eventloop_lag_p99_seconds');
  });
});

it('counts are counters, and are told before anything was counted', () => {
  for (const [name, { type, samples }] of metrics) {
    if (!name.startsWith(PREFIX) || !name.endsWith('_total')) continue;
    expect([name, type]).toEqual([name, 'counter']);
    expect(samples.size, name).toBeGreaterThan(0);
  }
  expect(metrics.get('alphapulse_gaps_total')?.samples.size).toBe(15);
});

/** What an expression names that is not there. */
function missingIn(expression: string): string[] {
  return readBy(expression).flatMap(({ name, labels }) => {
    if (name === 'up') return labels.filter((label) => !SCRAPED.includes(label));
    const metric = metrics.get(name) ?? metrics.get(name.replace(/_(bucket|count|sum)$/, ''));
    if (metric === undefined) return [name];
    const known = [...metric.labels, ...SCRAPED];
    return labels.filter((label) => !known.includes(label)).map((label) => `${name}: ${label}`);
  });
}

it.each([
  ['rate(alphapulse_rows_total[5m])', []],
  ['sum by (le, stream) (rate(alphapulse_push_latency_seconds_bucket{stream="a"}[5m]))', []],
  ['alphapulse_nothing', ['alphapulse_nothing']],
  ['alphapulse_clients{stream="a"}', ['alphapulse_clients: stream']],
  ['sum by (page) (alphapulse_clients)', ['alphapulse_clients: page']],
])('an expression with names that are not there is found: %s', (expression, missing) => {
  expect(missingIn(expression)).toEqual(missing);
});

// The variable that asks for a data source.
const source = z.object({ type: z.literal('prometheus'), uid: z.string().regex(/^\$\{datasource\}$/) });
const board = z.object({
  uid: z.string().min(1).max(40),
  title: z.string().min(1),
  schemaVersion: z.number().min(36),
  time: z.object({ from: z.string(), to: z.string() }),
  templating: z.object({ list: z.array(z.looseObject({ name: z.string(), type: z.string(), query: z.unknown() })) }),
  panels: z.array(
    z.object({
      id: z.int(),
      type: z.enum(['stat', 'timeseries']),
      title: z.string().min(1),
      datasource: source,
      gridPos: z.object({ x: z.int().min(0), y: z.int().min(0), w: z.int().min(1), h: z.int().min(1) }),
      fieldConfig: z.object({ defaults: z.looseObject({ unit: z.string() }), overrides: z.array(z.unknown()) }),
      targets: z.array(z.object({ refId: z.string(), expr: z.string(), legendFormat: z.string() })),
    }),
  ),
});

describe('the dashboard for Grafana', () => {
  const { panels, templating } = board.parse(JSON.parse(read('deploy/grafana/alphapulse-dashboard.json')));
  const expressions = panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const));

  it('has panels with ids of their own, none of which lies upon another', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    for (const { gridPos } of panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
    for (const { targets } of panels) expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
  });

  it('asks for a data source and an instance', () => {
    expect(templating.list.map(({ name }) => name)).toEqual(['datasource', 'instance']);
    expect(missingIn(JSON.stringify(templating.list[1]?.query))).toEqual([]);
  });

  it.each(expressions)('%s reads what there is: %s', (_title, expression) => {
    expect(readBy(expression)).not.toEqual([]);
    expect(missingIn(expression)).toEqual([]);
  });

  it.each(panels)('$title names lines by labels that its expression leaves', ({ targets }) => {
    for (const { expr, legendFormat } of targets)
      for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g))
        expect(expr).toMatch(new RegExp(`\\b${label}\\b`));
  });
});

const rules = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string(),
      rules: z.array(
        z.strictObject({
          alert: z.string().regex(/^AlphaPulse[A-Za-z]+$/),
          expr: z.string(),
          for: z
            .string()
            .regex(/^\d+[smh]$/)
            .optional(),
          labels: z.strictObject({ severity: z.enum(['info', 'warning', 'critical']) }),
          annotations: z.strictObject({ summary: z.string().min(10), description: z.string().optional() }),
        }),
      ),
    }),
  ),
});

describe('the alert rules', () => {
  const all = rules.parse(parse(read('deploy/prometheus/alerts.yml'))).groups.flatMap((group) => group.rules);

  it('have names of their own', () => {
    expect(new Set(all.map(({ alert }) => alert)).size).toBe(all.length);
  });

  it.each(all)('$alert reads what there is, and names only labels that its result has', ({ expr, annotations }) => {
    expect(readBy(expr)).not.toEqual([]);
    expect(missingIn(expr)).toEqual([]);
    const text = `${annotations.summary} ${annotations.description ?? ''}`;
    const grouped = /\bby \(([^)]*)\)/.exec(expr)?.[1]?.split(', ');
    const [{ name = '' } = {}] = readBy(expr);
    const left = grouped ?? [...(metrics.get(name)?.labels ?? []), ...SCRAPED];
    for (const [, label = ''] of text.matchAll(/\$labels\.(\w+)/g)) expect(left).toContain(label);
  });
});
