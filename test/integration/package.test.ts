/** The package as npm packs it: installed in an empty folder it serves, with a database of its own and without a checkout. */
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { packageRoot } from '../../server/root.ts';
import { STREAM_NAMES } from '../../shared/streams.ts';
import { install, pack, type Tarball } from '../support/installed.ts';
import { type Program, runProgram, startCommand, stopProgram } from '../support/program.ts';

let folder: string;
let tarball: Tarball;
let server: Program;
let address: string;

beforeAll(async () => {
  // Any command builds what is stale.
  expect(await runProgram(['--version'])).toMatchObject({ code: 0 });
  folder = await mkdtemp(join(tmpdir(), 'alphapulse-package-'));
  // The embedded database may run as another user, who has to pass.
  await chmod(folder, 0o755);
  tarball = await pack(folder);
  process.stderr.write(`the package is installed with dependencies from the ${await install(tarball, folder)}\n`);
  server = startCommand('npx', ['--no-install', 'alphapulse-dashboard', '--port', '0', '--no-demo'], folder);
  address = await server.ready();
}, 300_000);
afterAll(async () => {
  server.signalGroup('SIGTERM');
  await stopProgram(server);
  await rm(folder, { recursive: true, force: true });
});

it('holds what runs and nothing that it is made of, in less than 900 kB, the compressed copies of the page included', () => {
  const places = new Set(tarball.files.map((path) => path.replace(/\/.*/s, '/')));
  expect([...places].sort()).toEqual(['LICENSE', 'README.md', 'bin/', 'dist/', 'package.json', 'sql/']);
  expect(tarball.size).toBeLessThan(900_000);
});

it('brings every migration', async () => {
  const migrations = (await readdir(join(packageRoot(), 'sql'))).map((name) => `sql/${name}`);
  expect(tarball.files.filter((path) => path.startsWith('sql/')).sort()).toEqual(migrations.sort());
});

it('says the version of its package', async () => {
  const { version } = JSON.parse(await readFile(join(packageRoot(), 'package.json'), 'utf8'));
  const program = startCommand('npx', ['--no-install', 'alphapulse-dashboard', '--version'], folder);
  expect(await program.ended).toBe(0);
  expect(program.stdout).toBe(`${version}\n`);
});

it.each(['/', '/wall?symbols=BTC/USDT'])('answers %s with a page whose scripts and styles are there', async (path) => {
  const page = await (await fetch(address + path)).text();
  const named = [...page.matchAll(/(?:src|href)="(\/[^"]+\.(?:js|css))"/g)].map(([, name]) => name ?? '');
  expect(named.length).toBeGreaterThanOrEqual(2);
  for (const name of named) expect((await fetch(address + name)).status, name).toBe(200);
});

it('has migrated its embedded database: every stream is live, and a row that is posted is read', async () => {
  await vi.waitFor(
    async () => {
      const { streams } = await (await fetch(`${address}/api/health`)).json();
      for (const name of STREAM_NAMES) expect(streams[name], name).toMatchObject({ state: 'live' });
    },
    { timeout: 30_000, interval: 100 },
  );
  const row = { symbol: 'BTC/USDT', timestamp: Date.now(), data_type: 'price', value: 64250.5, z_score: -3.5 };
  const posted = await fetch(`${address}/api/anomalies`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(row),
  });
  expect(posted.status).toBe(201);
  const { rows } = await (await fetch(`${address}/api/anomalies?symbol=BTC/USDT`)).json();
  expect(rows).toMatchObject([row]);
});

it('ends in order when it is told to', async () => {
  server.signalGroup('SIGTERM');
  await server.ended;
  expect(server.stderr).not.toMatch(/"level":[56]0/);
  await expect(fetch(address)).rejects.toThrow();
});
