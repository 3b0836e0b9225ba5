/** docs/doctor.md has the codes that doctor knows, with their levels and meanings, and no others. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CODES } from '../../server/doctor/codes.ts';
import { packageRoot } from '../../server/root.ts';

const page = readFileSync(join(packageRoot(), 'docs', 'doctor.md'), 'utf8');

it('every code stands in the page, with its levels and what it means', () => {
  const rows = [...page.matchAll(/^\| `(\w+)` \| (.+?) \| (.+) \|$/gm)].map(([, code, levels, meaning]) => [
    code,
    { levels: levels?.replaceAll(', ', ' '), meaning },
  ]);
  expect(rows).toEqual([...CODES]);
});

it('the document of the page is one that a finding could be in', () => {
  const [, text = ''] = /```json\n(.*)\n```/.exec(page) ?? [];
  const { findings }: { readonly findings: readonly { readonly level: string; readonly code: string }[] } =
    JSON.parse(text);
  expect(findings.length).toBeGreaterThan(0);
  for (const { level, code } of findings) expect(CODES.get(code)?.levels.split(' ')).toContain(level);
});
