/** The beginning of the oldest open transaction, as a role finds it out that is told nothing of other roles. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OpenTransactions } from '../../server/db/open-transactions.ts';
import { type PrivateServer, startServer } from '../support/postgres.ts';

let server: PrivateServer;
let reader: pg.Client;

beforeAll(async () => {
  server = await startServer({ settings: { max_prepared_transactions: '2' } });
  const owner = new pg.Client(server.config);
  await owner.connect();
  await owner.query(`create table notes (text text); create role reader login password 'reader'`);
  await owner.end();
  reader = new pg.Client({ ...server.config, user: 'reader', password: 'reader' });
  await reader.connect();
});
afterAll(async () => {
  await reader?.end();
  await server?.dispose();
});

/** Opens a transaction, and says when it began by the database's clock. */
async function begin(): Promise<{ client: pg.Client; began: number }> {
  const client = new pg.Client(server.config);
  await client.connect();
  await client.query('begin');
  const { rows } = await client.query<{ began: number }>('select (extract(epoch from now()) * 1000)::float8 as began');
  return { client, began: rows[0]?.began ?? Number.NaN };
}

describe('the oldest open transaction', () => {
  it('is none where none is open: the bound moves on', async () => {
    const open = new OpenTransactions();
    const first = await open.oldest(reader);
    await expect.poll(() => open.oldest(reader)).toBeGreaterThan(first);
  });

  it('keeps the bound behind its beginning while it is open, writes, or is prepared', async () => {
    const open = new OpenTransactions();
    const before = await open.oldest(reader);
    const { client, began } = await begin();
    const bounds = [await open.oldest(reader)];
    await client.query(`insert into notes values ('x'); savepoint one; insert into notes values ('y')`);
    bounds.push(await open.oldest(reader), await open.oldest(reader));
    await client.query(`prepare transaction 'kept'`);
    await client.end();
    bounds.push(await open.oldest(reader), await open.oldest(reader));
    for (const bound of bounds) {
      expect(bound).toBeLessThanOrEqual(began);
      // And not further back than the reading that did not know it yet.
      expect(bound).toBeGreaterThanOrEqual(before);
    }
    const other = await begin();
    await other.client.query(`rollback`);
    await other.client.query(`commit prepared 'kept'`);
    await other.client.end();
    await expect.poll(() => open.oldest(reader)).toBeGreaterThan(other.began);
  });

  it('that was there before the first reading is taken to be a minute old', async () => {
    const { client, began } = await begin();
    const open = new OpenTransactions();
    expect(await open.oldest(reader)).toBeLessThanOrEqual(began - 50_000);
    await client.query('rollback');
    await client.end();
    await expect.poll(() => open.oldest(reader)).toBeGreaterThan(began);
  });

  it('is known exactly to a role that is told', async () => {
    const { client, began } = await begin();
    const told = new pg.Client(server.config);
    await told.connect();
    expect(await new OpenTransactions().oldest(told)).toBeCloseTo(began, 0);
    await told.end();
    await client.end();
  });
});
