/** docs/console.md and --help say what the console does: its flags, its keys, the size of its picture, its exit codes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CONSOLE_FLAGS } from '../../console/arguments.ts';
import { widthOf } from '../../console/cells.ts';
import { KEYS } from '../../console/choices.ts';
import { parseCommandLine } from '../../server/command-line.ts';
import { helpText } from '../../server/config/help.ts';
import { TOKEN_VARIABLE } from '../../server/connect/target.ts';
import { packageRoot } from '../../server/root.ts';
import { EXITS } from '../../server/tail/exit.ts';

const page = readFileSync(join(packageRoot(), 'docs', 'console.md'), 'utf8');

it('every flag stands in the page and in --help, and no other', () => {
  const inPage = [...page.matchAll(/^\| `--([a-z-]+)/gm)].map(([, flag]) => flag);
  expect(inPage.sort()).toEqual(Object.keys(CONSOLE_FLAGS).sort());
  const [, section = ''] = helpText().split('Flags of console:\n');
  const inHelp = [...(section.split('\n\n')[0] ?? '').matchAll(/^ {2}--([a-z-]+)/gm)].map(([, flag]) => flag);
  expect(inHelp.sort()).toEqual(Object.keys(CONSOLE_FLAGS).sort());
  expect(page).toContain(TOKEN_VARIABLE);
});

it('every key that help lists stands in the page', () => {
  const [, keys = ''] = page.split('## Keys');
  const listed = KEYS.flatMap(([names]) => names.split(/ +/));
  for (const name of listed) expect(keys).toContain(name.startsWith('Ctrl') ? name : `\`${name}\``);
});

it('the picture is one of 80 cells', () => {
  const picture = page.split('```\n').find((block) => block.startsWith('AlphaPulse')) ?? '';
  const lines = picture.trimEnd().split('\n');
  expect(lines.length).toBeLessThanOrEqual(24);
  for (const line of lines) expect(widthOf(line), line).toBeLessThanOrEqual(80);
});

it('the exit codes are those of the program', () => {
  const { done, failed, usage, unreachable, unauthorized, protocol } = EXITS;
  const codes = [done, failed, usage, unreachable, unauthorized, protocol].map(({ code }) => code);
  const [, sentence = ''] = page.split('It ends with ');
  expect([...sentence.matchAll(/\b\d\b/g)].map(([code]) => Number(code))).toEqual(codes);
});

it('the arguments are read, and faults are named', () => {
  expect(parseCommandLine(['console', '--symbol', ' ETH/USDT ', '--url', 'http://desk'])).toEqual({
    kind: 'console',
    args: { symbol: 'ETH/USDT', url: 'http://desk', token: null },
  });
  expect(parseCommandLine(['console'])).toEqual({ kind: 'console', args: { symbol: null, url: null, token: null } });
  expect(() => parseCommandLine(['console', '--key', 'x'])).toThrow(/Unknown flag --key; console accepts --url/);
  expect(() => parseCommandLine(['console', 'BTC/USDT'])).toThrow(/Unexpected argument "BTC\/USDT"/);
});
