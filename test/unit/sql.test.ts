/** The committed SQL is what the declaration of the streams says, and the files are read as they are meant. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { IndexFacts } from '../../server/db/catalogue.ts';
import { cursorIndex, declaredIndexes, type NeededIndex, serves } from '../../server/db/indexes.ts';
import { parseFile, readSqlFiles, stepSql } from '../../server/db/migrate/files.ts';
import { generatedFiles } from '../../server/db/migrate/generate.ts';
import { packageRoot } from '../../server/root.ts';
import { columnsOf, STREAM_LIST, STREAMS } from '../../shared/streams.ts';

const folder = join(packageRoot(), 'sql');

describe('the generated SQL', () => {
  it.each([...generatedFiles()])('sql/%s is current (npx tsx server/db/generate-sql.ts writes it)', (name, text) => {
    expect(readFileSync(join(folder, name), 'utf8')).toBe(text);
  });

  it('has no file of a stream that is not declared any more', () => {
    const generated = readdirSync(folder).filter((name) =>
      readFileSync(join(folder, name), 'utf8').startsWith('-- Generated'),
    );
    expect(generated.sort()).toEqual([...generatedFiles().keys()].sort());
  });

  it('makes every declared column, with NOT NULL once where it is required', () => {
    for (const stream of STREAM_LIST) {
      const [file] = [...generatedFiles()].filter(([name]) => name.endsWith(`-${stream.name}.sql`));
      const table = parseFile(...(file ?? ['', ''])).steps.get('table') ?? '';
      for (const column of columnsOf(stream)) {
        const line = table.split('\n').find((text) => text.trim().replaceAll('"', '').startsWith(`${column.name} `));
        expect(line?.match(/not null/g)?.length ?? 0, `${stream.name}.${column.name}`).toBe(column.required ? 1 : 0);
      }
    }
  });
});

describe('sql files', () => {
  const file = parseFile(
    '001-x.sql',
    '-- head\n\n-- step: one\nselect 1;\n\n-- step: two, of "three"\nselect :"a", :\'b\';\n',
  );

  it('are cut at their steps', () => {
    expect([...file.steps]).toEqual([
      ['one', 'select 1;'],
      ['two, of "three"', 'select :"a", :\'b\';'],
    ]);
  });

  it('take values as quoted identifiers and literals', () => {
    const files = new Map([[file.name, file]]);
    expect(stepSql(files, file.name, 'two, of "three"', { a: 'x"y', b: "o'clock" })).toBe(`select "x""y", 'o''clock';`);
  });

  it('name a variable without value, a step and a folder that are not there', () => {
    const files = new Map([[file.name, file]]);
    expect(() => stepSql(files, file.name, 'two, of "three"', { a: 'x' })).toThrow(`no value for :'b'`);
    expect(() => stepSql(files, file.name, 'three')).toThrow('no step "three"');
    expect(() => readSqlFiles(join(folder, 'nowhere'))).toThrow(expect.objectContaining({ code: 'sql_missing' }));
  });
});

describe('an index', () => {
  const [bySymbol] = declaredIndexes(STREAMS.anomalies);
  const needed = bySymbol ?? cursorIndex(STREAMS.anomalies);
  const key = (column: string, descending = false, nullsFirst = descending, plain = true) => ({
    column,
    descending,
    nullsFirst,
    plain,
  });
  const there = (keys: IndexFacts['keys'], more: Partial<IndexFacts> = {}): IndexFacts => ({
    schema: 'public',
    name: 'anybodys',
    valid: true,
    method: 'btree',
    predicate: null,
    parent: null,
    included: [],
    keys,
    ...more,
  });
  const usual = [key('symbol'), key('timestamp', true)];
  const cursor = [key('dashboard_xid'), key('id')];
  const [covering = needed] = declaredIndexes(STREAMS.funding_rates);
  const byLine = [key('symbol'), key('exchange'), key('timestamp', true), key('id', true)];
  const carried = ['funding_rate', 'estimated_rate', 'next_funding_time'];
  const cases: [string, IndexFacts, NeededIndex, boolean][] = [
    ['of the same columns', there(usual), needed, true],
    ['read backwards', there([key('symbol', true), key('timestamp')]), needed, true],
    ['with further columns', there([...usual, key('value')]), needed, true],
    ['of another order', there([key('timestamp', true), key('symbol')]), needed, false],
    ['of another direction', there([key('symbol'), key('timestamp')]), needed, false],
    ['with nulls elsewhere', there([key('symbol'), key('timestamp', true, false)]), needed, false],
    ['with fewer columns', there([key('symbol')]), needed, false],
    ['of another operator class', there([key('symbol', false, false, false), key('timestamp', true)]), needed, false],
    ['that is invalid', there(usual, { valid: false }), needed, false],
    ['that is partial', there(usual, { predicate: '(value > 0)' }), needed, false],
    ['of another method', there(usual, { method: 'brin' }), needed, false],
    [
      'for the cursor with the same condition',
      there(cursor, { predicate: '(dashboard_xid IS NOT NULL)' }),
      cursorIndex(STREAMS.anomalies),
      true,
    ],
    ['for the cursor without condition', there(cursor), cursorIndex(STREAMS.anomalies), true],
    [
      'for the cursor with another condition',
      there(cursor, { predicate: '(id > 5)' }),
      cursorIndex(STREAMS.anomalies),
      false,
    ],
    ['that carries what is to be read from it', there(byLine, { included: carried }), covering, true],
    ['that carries it among its keys', there([...byLine, ...carried.map((name) => key(name))]), covering, true],
    ['that carries a part of it', there(byLine, { included: carried.slice(1) }), covering, false],
  ];
  it.each(cases)('%s', (_, index, wanted, serving) => {
    expect(serves(index, wanted)).toBe(serving);
  });
});
