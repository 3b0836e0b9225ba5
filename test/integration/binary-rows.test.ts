/** Rows in binary form: what is bound arrives as it is, long results are whole, and what fails leaves the connection usable. */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { arrayCells, type Bound, readBinary, textCell } from '../../server/db/binary-rows.ts';
import { readCells } from '../../server/db/queryable.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await freshDatabase();
  client = await database.connect();
});
afterAll(() => database.drop());

async function texts(text: string, values: readonly Bound[] = []): Promise<(string | null)[][]> {
  const rows = await readBinary(client, text, values);
  return rows.map((cells) => cells.map(textCell));
}

const AWKWARD = [
  "'",
  "''; select 1; --",
  '\\',
  "\\'",
  '$1',
  '$2',
  '{}',
  '"',
  'null',
  '',
  'ü€\u{1F600}',
  'a,b',
  "E'\\n'",
];

describe('rows in binary form', () => {
  it.each(AWKWARD)('binds %j as a value and among others', async (value) => {
    expect(await texts('select $1::text, $2::text', [value, 'other'])).toEqual([[value, 'other']]);
    expect(await texts('select value from unnest($1::text[]) value', [[value, null, value]])).toEqual([
      [value],
      [null],
      [value],
    ]);
  });

  it('binds numbers, null, empty lists and more than nine values', async () => {
    const numbers = [0.1, -1e300, 5e-324, Number.POSITIVE_INFINITY, 1764374400000.123];
    const text = 'select value::text from unnest($1::float8[]) value';
    expect((await texts(text, [numbers])).map(([value]) => Number(value))).toEqual(numbers);
    expect(await texts('select value::text from unnest($1::int[]) value', [[]])).toEqual([]);
    expect(await texts('select $1::int::text', [null])).toEqual([[null]]);
    const many = Array.from({ length: 12 }, (_, at) => `value ${at}`);
    const places = many.map((_, at) => `$${at + 1}::text`).join(', ');
    expect(await texts(`select ${places}`, many)).toEqual([many]);
  });

  it('reads arrays with their nulls, empty ones and those of nothing but nulls', async () => {
    const [row = []] = await readBinary(
      client,
      `select array['\\x00ff'::bytea, null, ''], '{}'::bytea[], array[null]::bytea[], null::bytea[]`,
    );
    const arrays = row.map((cell) =>
      cell === null ? null : arrayCells(cell).map((one) => one?.toString('hex') ?? null),
    );
    expect(arrays).toEqual([['00ff', null, ''], [], [null], null]);
  });

  it('reads results of many megabytes whole, as the driver reads them', async () => {
    const text = `select repeat(md5(i::text), i % 5000), case when i % 7 > 0 then i::text end from generate_series(1, 1000) i`;
    const [rows, wanted] = [await texts(text), await readCells(client, { text })];
    expect(rows.flat().join('').length).toBeGreaterThan(10_000_000);
    expect(rows).toEqual(wanted);
  });

  it('fails with the code of the database, also in the middle of a result, and the next query is answered', async () => {
    await expect(readBinary(client, 'select no_such_column')).rejects.toMatchObject({ code: '42703' });
    await expect(
      readBinary(client, 'select repeat(i::text, 1000), 1 / (5000 - i) from generate_series(1, 10000) i'),
    ).rejects.toMatchObject({ code: '22012' });
    expect(await texts('select $1::text', ['next'])).toEqual([['next']]);
  });

  it('gives up with the timeout of its connection', async () => {
    const impatient = await database.connect();
    try {
      await impatient.query(`set statement_timeout = 50`);
      await expect(readBinary(impatient, 'select pg_sleep(60)')).rejects.toMatchObject({ code: '57014' });
    } finally {
      await impatient.end();
    }
  });
});
