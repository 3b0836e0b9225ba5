/** Runs one benchmark by name, or all of them: `npm run bench [-- NAME [ARGUMENTS]]`. Each keeps its report in bench/results/. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { packageRoot } from '../server/root.ts';

/** By name, what each one measures. */
const BENCHMARKS = {
  fanout: 'one row to up to 10,000 clients, beside raw sockets',
  hits: 'what history takes that is in memory, over a connection and in the core alone',
  history: 'how long the past of a chart takes to read, and whether it is right',
  latency: 'from INSERT to frame, beside a bare LISTEN',
  migrate: 'how long writers wait while a database is migrated',
  overview: 'how busy the overview of a thousand symbols keeps the page',
  page: 'the first view, the first chart, from commit to pixel, and how busy the page is, beside bare uPlot and Plotly',
  'page-memory': 'what a page weighs that stays open, and whether it still shows what a fresh one does',
  producers: 'throughput of writers with and without the dashboard',
  rollups: 'what it costs to bring the dashboard to a large database that is written to',
  rows: 'pages of rows, CSV with the memory of the server, and lists of keys',
  slow: 'clients that read slowly or not at all, and what others notice of them',
  soak: 'pages that stay open through millions of rows and through restarts',
  storm: 'thousands of clients that come back at once',
} as const;

const [name, ...rest] = process.argv.slice(2);
const names = Object.keys(BENCHMARKS);
if (name !== undefined && !names.includes(name)) {
  console.error(`There is no benchmark ${JSON.stringify(name)}; there are:`);
  for (const [known, what] of Object.entries(BENCHMARKS)) console.error(`  ${known}  ${what}`);
  process.exit(2);
}
const root = packageRoot();
const built = spawnSync(process.execPath, [join(root, 'scripts', 'build.mjs')], { stdio: 'inherit' });
if (built.status !== 0) process.exit(built.status ?? 1);
for (const each of name === undefined ? names : [name]) {
  const script = join(root, 'bench', `${each}.ts`);
  const { status } = spawnSync(process.execPath, ['--import', 'tsx', script, ...rest], { stdio: 'inherit', cwd: root });
  if (status !== 0) process.exit(status ?? 1);
}
