/** Holds the test support to what all database tests rest on: fresh databases, and leaks that fail. */
import pg from 'pg';
import { expect, it } from 'vitest';
import { fieldSchema, freshDatabase } from '../support/postgres.ts';

it('databases made at the same time are apart from each other', async () => {
  const databases = await Promise.all(Array.from({ length: 6 }, () => freshDatabase()));
  for (const database of databases) {
    const client = await database.connect();
    await fieldSchema(client);
  }
  await Promise.all(databases.map((database) => database.drop()));
  expect(new Set(databases.map((database) => database.name)).size).toBe(6);
});

it('a connection that is left open fails the drop by name, and the database goes all the same', async () => {
  const database = await freshDatabase();
  const leak = new pg.Client({ ...database.config, application_name: 'the leak' });
  leak.on('error', () => undefined);
  await leak.connect();
  await expect(database.drop()).rejects.toThrow(/1 connections to .* were left open: the leak/);
  await expect(database.connect()).rejects.toThrow(/does not exist/);
});
