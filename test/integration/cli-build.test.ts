/** What the build leaves for a browser: small, and nothing inline, which the page's content security policy forbids. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, expect, it } from 'vitest';
import { packageRoot } from '../../server/root.ts';
import { runProgram } from '../support/program.ts';

const client = join(packageRoot(), 'dist', 'client');

beforeAll(async () => {
  // Any command builds what is stale.
  expect(await runProgram(['--version'])).toMatchObject({ code: 0 });
});

it('the page loads at most 60 kB of JavaScript, gzipped', async () => {
  const files = (await readdir(client, { recursive: true })).filter((name) => name.endsWith('.js'));
  const sizes = await Promise.all(files.map(async (name) => gzipSync(await readFile(join(client, name))).length));
  expect(files.length).toBeGreaterThan(0);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(60_000);
});

it('the page holds no inline script, style or handler', async () => {
  const page = await readFile(join(client, 'index.html'), 'utf8');
  const scripts = [...page.matchAll(/<script\b[^>]*>/gi)].map(([tag]) => tag);
  expect(scripts.length).toBeGreaterThan(0);
  expect(scripts.filter((tag) => !/\bsrc=/.test(tag))).toEqual([]);
  expect(page).not.toMatch(/<style\b|\sstyle=|\son[a-z]+=/i);
});
