/** What the build leaves for a browser: small, and nothing inline but the script that the page's content security policy names. */
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, expect, it } from 'vitest';
import { packageRoot } from '../../server/root.ts';
import { runProgram } from '../support/program.ts';

const client = join(packageRoot(), 'dist', 'client');

beforeAll(async () => {
  // Any command builds what is stale.
  expect(await runProgram(['--version'])).toMatchObject({ code: 0 });
});

/** The scripts that a page with this HTML loads before it is asked for anything, and those below them. */
async function firstView(): Promise<string[]> {
  const page = await readFile(join(client, 'index.html'), 'utf8');
  const named = [...page.matchAll(/(?:src|href)="\/([^"]+\.js)"/g)].flatMap(([, name]) => name ?? []);
  const found = new Set<string>();
  for (let next = named.pop(); next !== undefined; next = named.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    const code = await readFile(join(client, next), 'utf8');
    // `import ... from` and `export ... from` load; `import(...)` waits until it is called.
    for (const [, name] of code.matchAll(/(?:\bfrom|\bimport)\s*["']\.\/([^"']+\.js)["']/g))
      if (name !== undefined) named.push(join(dirname(next), name));
  }
  return [...found];
}

/** The scripts that stand in the page itself. */
async function inline(): Promise<string[]> {
  const page = await readFile(join(client, 'index.html'), 'utf8');
  return [...page.matchAll(/<script>(.*?)<\/script>/gs)].map(([, code]) => code ?? '');
}

async function gzipped(names: readonly string[]): Promise<number> {
  const sizes = await Promise.all(
    names.map(async (name) => gzipSync(await readFile(join(client, name)), { level: 9 }).length),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

it('the first view loads at most 60 kB of JavaScript, gzipped, and all of it is at most 160 kB', async () => {
  const all = (await readdir(client, { recursive: true })).filter((name) => name.endsWith('.js'));
  const first = await firstView();
  expect(first.length).toBeGreaterThan(0);
  expect(all).toEqual(expect.arrayContaining(first));
  const own = (await inline()).reduce((sum, code) => sum + gzipSync(code, { level: 9 }).length, 0);
  expect((await gzipped(first)) + own).toBeLessThanOrEqual(60_000);
  expect(await gzipped(all)).toBeLessThanOrEqual(160_000);
});

it('the page holds one inline script, before all others, and no inline style or handler', async () => {
  const page = await readFile(join(client, 'index.html'), 'utf8');
  const scripts = [...page.matchAll(/<script\b[^>]*>/gi)].map(([tag]) => tag);
  expect(scripts.length).toBeGreaterThan(0);
  expect(scripts.map((tag) => /\bsrc=/.test(tag))).toEqual([false, true]);
  expect(await inline()).toHaveLength(1);
  // Behind a style sheet it would wait for it.
  expect(page.indexOf('<script>')).toBeLessThan(page.indexOf('rel="stylesheet"'));
  expect(page).not.toMatch(/<style\b|\sstyle=|\son[a-z]+=/i);
});
