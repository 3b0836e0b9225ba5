/** CONTRIBUTING.md names what is there: files, scripts, folders of tests, variables of the tests. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import * as z from 'zod';
import { packageRoot } from '../../server/root.ts';

const read = (path: string): string => readFileSync(join(packageRoot(), path), 'utf8');
const page = read('CONTRIBUTING.md');
const { scripts } = z.object({ scripts: z.record(z.string(), z.string()) }).parse(JSON.parse(read('package.json')));
const quoted = [...page.matchAll(/`([^`\n]+)`/g)].map(([, text]) => text ?? '');

it('every file and folder that it names is there', () => {
  const paths = quoted.filter((text) => /^(\.?[\w-]+\/)+[\w.-]*$/.test(text) && !/^(\.alphapulse|dist)\//.test(text));
  const rootFiles = quoted.filter((text) => /^[\w-]+\.(json|md)$/.test(text));
  expect(paths.length).toBeGreaterThan(30);
  for (const path of [...paths, ...rootFiles].filter((text) => !text.startsWith('/api')))
    expect(existsSync(join(packageRoot(), path)), path).toBe(true);
});

it('every link leads somewhere', () => {
  const links = [...page.matchAll(/\]\(([^)#]+)[^)]*\)/g)].map(([, link]) => link ?? '');
  expect(links.length).toBeGreaterThan(8);
  for (const link of links) expect(existsSync(join(packageRoot(), link)), link).toBe(true);
});

it('every npm script that it names is one', () => {
  const named = [...page.matchAll(/npm run (?:-s )?([a-z-]+)/g)].map(([, name]) => name ?? '');
  expect(named.length).toBeGreaterThan(4);
  for (const name of named) expect(Object.keys(scripts)).toContain(name);
});

it('its table has the folders of tests, and no others', () => {
  const rows = [...page.matchAll(/^\| `test\/(\w+)\/` \|/gm)].map(([, name]) => name);
  const folders = readdirSync(join(packageRoot(), 'test'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'support')
    .map(({ name }) => name);
  expect(rows.sort()).toEqual(folders.sort());
});

it.each(['TEST_DATABASE_URL', 'TEST_HYPERTABLES', 'CHROME', 'SEED', 'FUZZ'])('%s is read by the tests', (variable) => {
  expect(page).toContain(`\`${variable}`);
  const files = readdirSync(join(packageRoot(), 'test', 'support'));
  const readers = files.filter(
    (name) => name.endsWith('.ts') && read(`test/support/${name}`).includes(`process.env.${variable}`),
  );
  expect(readers).not.toEqual([]);
});
