/** docs/operations.md is true: its limits are those that hold, every variable that it names is one, and its links lead somewhere. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SETTING_LIST } from '../../server/config/variables.ts';
import { CODES } from '../../server/doctor/codes.ts';
import { packageRoot } from '../../server/root.ts';

const page = readFileSync(join(packageRoot(), 'docs', 'operations.md'), 'utf8');
const security = page.slice(page.indexOf('\n## Security\n'));
const settingOf = (variable: string) => SETTING_LIST.find((setting) => setting.variable === variable);

const limits = [...security.matchAll(/^\| ([^|]+) \| (\d+) \| `(\w+)` \|/gm)].map(
  ([, what = '', usual = '', variable = '']) => ({ what, usual, variable }),
);

describe('the limits', () => {
  it('are there', () => {
    expect(limits.length).toBeGreaterThan(10);
  });

  it.each(limits)(
    'of $variable are $usual where nothing is set, and say whether 0 is none',
    ({ what, usual, variable }) => {
      const setting = settingOf(variable);
      expect(setting?.fallback).toBe(usual);
      expect(setting?.kind.schema.safeParse('0').success).toBe(what.endsWith('(0)'));
    },
  );
});

it('names no variable that there is not', () => {
  const named = [...page.matchAll(/`((?:DASHBOARD|DB)_[A-Z_]+)/g)].map(([, name]) => name ?? '');
  expect(named.length).toBeGreaterThan(20);
  expect([...new Set(named)].filter((name) => settingOf(name) === undefined)).toEqual([]);
});

it('leads to places that are there', () => {
  const anchorOf = (heading: string): string =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-');
  const headingsOf = (text: string): readonly string[] =>
    [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading));
  const links = [...page.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
  expect(links.length).toBeGreaterThan(20);
  const lost = links.filter((link) => {
    const [file = '', anchor] = link.split('#');
    const path = join(packageRoot(), 'docs', file);
    if (file !== '' && !existsSync(path)) return true;
    return anchor !== undefined && !headingsOf(file === '' ? page : readFileSync(path, 'utf8')).includes(anchor);
  });
  expect(lost).toEqual([]);
});

it("names no code of doctor's that there is not", () => {
  const troubles = page.slice(page.indexOf('\n## Troubleshooting\n'));
  const named = [...troubles.matchAll(/doctor calls them `(\w+)`/g)].map(([, code = '']) => code);
  expect(named.length).toBeGreaterThan(0);
  expect(named.filter((code) => !CODES.has(code))).toEqual([]);
});
