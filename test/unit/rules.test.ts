/** docs/feed.md is true: its tables are the schemas', every rule has tests that carry its number, and what it names is there. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { parseConfig } from '../../server/config.ts';
import { WEBSOCKET_CLOSE_WORDS } from '../../server/http/asyncapi-frames.ts';
import { packageRoot } from '../../server/root.ts';
import { bundleFrame } from '../../shared/bundle.ts';
import { BOUNDS, CLIENT_FRAMES, CLOSE, ERROR_CODES, serverFrame } from '../../shared/protocol.ts';
import { STREAM_NAMES } from '../../shared/streams.ts';

const read = (path: string): string => readFileSync(join(packageRoot(), path), 'utf8');
const page = read('docs/feed.md');

/** The part of the page below a heading, up to the next one. */
function section(heading: string): string {
  const start = page.indexOf(`\n## ${heading}\n`);
  if (start < 0) throw new Error(`docs/feed.md has no section ${heading}`);
  const end = page.indexOf('\n## ', start + 1);
  return page.slice(start, end < 0 ? undefined : end);
}

/** The rows of the tables in a text, as cells; without heads and rules. */
function rowsOf(text: string): string[][] {
  const rows = text.split('\n').filter((line) => line.startsWith('|'));
  const isRule = (line: string | undefined): boolean => /^\|[-|]+\|$/.test(line ?? '');
  return rows
    .filter((line, index) => !isRule(line) && !isRule(rows[index + 1]))
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    );
}

const quoted = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? '');

/** The titles of tests and groups of tests by file: first arguments that begin with rule numbers. */
function titlesByFile(): Map<string, string[]> {
  const files = readdirSync(join(packageRoot(), 'test'), { recursive: true, encoding: 'utf8' });
  const titles = new Map<string, string[]>();
  for (const file of files
    .filter((name) => /\.test\.tsx?$/.test(name))
    .map((name) => `test/${name.replaceAll('\\', '/')}`)) {
    const found = [...read(file).matchAll(/(\w*)\(\s*(['"`])(F\d+ [\s\S]*?)\2/g)];
    // What is thrown carries numbers too, and is no test.
    titles.set(
      file,
      found.filter(([, called]) => !/(Error|broken)$/.test(called ?? '')).map(([, , , title]) => title ?? ''),
    );
  }
  return titles;
}

/** The rules that a title carries: the numbers that it begins with. */
function rulesOf(title: string): string[] {
  return (/^(?:F\d+ )+/.exec(title)?.[0] ?? '').trim().split(' ');
}

const rules = [...section('The rules').matchAll(/^- \*\*(F\d+)\*\* /gm)].map(([, rule]) => rule ?? '');
const titles = titlesByFile();

test('the page has the rules F1 to F16, in order', () => {
  expect(rules).toEqual(Array.from({ length: 16 }, (_, index) => `F${index + 1}`));
});

test('no test carries the number of a rule that there is not', () => {
  const carried = new Set([...titles.values()].flat().flatMap(rulesOf));
  expect([...carried].filter((rule) => !rules.includes(rule))).toEqual([]);
});

describe.each(rules)('%s', (rule) => {
  it('has tests that carry its number', () => {
    const held = [...titles].filter(([, names]) => names.some((name) => rulesOf(name).includes(rule)));
    expect(held.map(([file]) => file)).not.toEqual([]);
  });

  it('has a row that says what enforces it and which tests hold it, all of which are there', () => {
    const row = rowsOf(section('What holds it')).filter(([name]) => name === rule);
    expect(row).toHaveLength(1);
    const [, enforcing = '', holding = ''] = row[0] ?? [];
    expect(quoted(enforcing)).not.toEqual([]);
    for (const file of quoted(enforcing)) expect(existsSync(join(packageRoot(), file)), file).toBe(true);
    const named = holding.split('<br>').flatMap((part) => {
      const [file = ''] = quoted(part);
      return [...part.matchAll(/"([^"]+)"/g)].map(([, title]) => ({ file, title: title ?? '' }));
    });
    expect(named).not.toEqual([]);
    for (const { file, title } of named) {
      expect(titles.get(file), `tests of ${file}`).toContain(title);
      expect(rulesOf(title), title).toContain(rule);
    }
  });
});

/** Fields of a frame by name, true where they may be absent. */
type Fields = Readonly<Record<string, boolean>>;

/** The fields that a cell of the page lists: quoted names outside of brackets, with `?` behind those that may be absent. */
function listed(cell: string): Fields {
  let text = cell;
  for (let before = ''; before !== text; ) {
    before = text;
    text = text.replace(/\([^()[\]{}]*\)|\[[^()[\]{}]*\]|\{[^()[\]{}]*\}/g, '');
  }
  return Object.fromEntries([...text.matchAll(/`([^`]+)`(\??)/g)].map(([, name, mark]) => [name, mark === '?']));
}

/** The fields of a frame's schema, `type` left out. */
function declared(shape: Readonly<Record<string, { readonly def: { readonly type: string } }>>): Fields {
  const fields = Object.entries(shape).filter(([name]) => name !== 'type');
  return Object.fromEntries(fields.map(([name, { def }]) => [name, def.type === 'optional']));
}

const serverShapes = [...serverFrame.def.options, bundleFrame].map(({ shape }) => ({
  type: [...shape.type.def.values].join(),
  shape,
}));

describe('the tables of the page', () => {
  it("have the client's frames with their fields, and no others", () => {
    const rows = rowsOf(section('Frames of the client')).map(([type = '', fields = '']) => [
      quoted(type)[0],
      listed(fields),
    ]);
    const frames = Object.entries(CLIENT_FRAMES).map(([type, { shape }]) => [type, declared(shape)]);
    expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(frames));
  });

  it("have the server's frames with their fields, and no others", () => {
    const rows = rowsOf(section('Frames of the server')).map(([type = '', fields = '']) => [
      quoted(type)[0],
      listed(fields),
    ]);
    expect(Object.fromEntries(rows)).toEqual(
      Object.fromEntries(serverShapes.map(({ type, shape }) => [type, declared(shape)])),
    );
  });

  it('have every word that a field is limited to', () => {
    const cell = (type: string): string =>
      rowsOf(section('Frames of the server')).find(([name]) => name === `\`${type}\``)?.[1] ?? '';
    const words = serverShapes.flatMap(({ type, shape }) =>
      Object.values(shape).flatMap((field) =>
        field.def.type === 'enum' && 'entries' in field.def
          ? Object.keys(field.def.entries ?? {}).map((word) => ({ type, word }))
          : [],
      ),
    );
    const told = words.filter(({ type, word }) => type !== 'error' && !STREAM_NAMES.some((name) => name === word));
    expect(told.length).toBeGreaterThan(8);
    for (const { type, word } of told) expect(quoted(cell(type)), type).toContain(word);
  });

  it('have the error codes and the close codes, and no others', () => {
    const codes = rowsOf(section('Codes')).map(([code = '']) => code);
    const isError = (code: string): boolean => code.startsWith('`');
    expect(codes.filter(isError)).toEqual(ERROR_CODES.map((code) => `\`${code}\``));
    const closes = codes.filter((code) => !isError(code)).flatMap((code) => code.split(', ').map(Number));
    expect(closes.sort()).toEqual([...Object.values(CLOSE), ...Object.keys(WEBSOCKET_CLOSE_WORDS).map(Number)].sort());
  });

  it('have the streams', () => {
    for (const name of STREAM_NAMES) expect(quoted(section('Words'))).toContain(name);
  });
});

test('the page has the limits that hold where nothing is set', () => {
  const { limits, budgets, heartbeatMs, tickMs } = parseConfig({}).config;
  const { least, most, usual } = BOUNDS.points;
  const figures = [
    `1 to ${BOUNDS.idLength} characters`,
    `\`keys\`: 1 to ${limits.keysPerSubscription};`,
    `\`points\`: ${least} to ${most} buckets, that is pixel columns, ${usual} where absent`,
    `${limits.subscriptionsPerConnection} subscriptions`,
    `${limits.framesPerSecond} of the client's text frames a second`,
    `${limits.keysPerConnection.toLocaleString('en-US')} keys in all`,
    `${limits.pointsPerSubscription.toLocaleString('en-US')} points in all`,
    `more than ${limits.errorsPerMinute} in a minute`,
    `oversized (${limits.frameBytes / 1024} KiB)`,
    `than are allowed (${limits.connectionsPerAddress})`,
    `with one token (${limits.connectionsPerToken.toLocaleString('en-US')})`,
    `within a minute (${budgets.failedSignIns})`,
    `every \`heartbeat_ms\` (${heartbeatMs / 1000} s by default)`,
    `one tick (${tickMs / 1000} s by default)`,
  ];
  for (const figure of figures) expect(page).toContain(figure);
});

test('who reads the README or how it works is led to the page', () => {
  expect(read('README.md')).toContain('](docs/feed.md)');
  expect(read('docs/architecture.md')).toContain('](feed.md)');
});
