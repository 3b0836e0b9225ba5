/** docs/tail.md and --help say what the code does: the same exit codes, the same flags, a line as it is printed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { helpText } from '../../server/config/help.ts';
import { TOKEN_VARIABLE } from '../../server/connect/target.ts';
import { packageRoot } from '../../server/root.ts';
import { TAIL_FLAGS } from '../../server/tail/arguments.ts';
import { EXITS } from '../../server/tail/exit.ts';
import { columnsOf, STREAM_NAMES, STREAMS } from '../../shared/streams.ts';

const page = readFileSync(join(packageRoot(), 'docs', 'tail.md'), 'utf8');

it('every exit code stands in the page and in --help, each once, with its meaning', () => {
  const rows = [...page.matchAll(/^\| (\d+) \| (.+) \|$/gm)].map(([, code, meaning]) => ({
    code: Number(code),
    meaning,
  }));
  expect(rows).toEqual(Object.values(EXITS));
  expect(new Set(rows.map(({ code }) => code)).size).toBe(rows.length);
  for (const { code, meaning } of Object.values(EXITS)) expect(helpText()).toMatch(`  ${code}   ${meaning}\n`);
});

it('every flag stands in the page and in --help, and no other', () => {
  const inPage = [...page.matchAll(/^\| `--([a-z-]+)/gm)].map(([, flag]) => flag);
  expect(inPage.sort()).toEqual(Object.keys(TAIL_FLAGS).sort());
  const [, section = ''] = helpText().split('Flags of tail:\n');
  const inHelp = [...(section.split('\n\n')[0] ?? '').matchAll(/^ {2}--([a-z-]+)/gm)].map(([, flag]) => flag);
  expect(inHelp.sort()).toEqual(Object.keys(TAIL_FLAGS).sort());
  for (const text of [page, helpText()]) expect(text).toContain(TOKEN_VARIABLE);
});

it('the line in the page has the columns of its stream, and every stream is named', () => {
  const [, line = ''] = /^(\{"stream".*\})$/m.exec(page) ?? [];
  const columns = columnsOf(STREAMS.funding_rates).map(({ name }) => name);
  expect(Object.keys(JSON.parse(line))).toEqual(['stream', 'key', ...columns]);
  for (const name of STREAM_NAMES) expect(page).toContain(`\`${name}\``);
});
