/** Holds the test support to what all database tests rest on: fresh databases, and leaks that fail. */
import pg from 'pg';
import { expect, it } from 'vitest';
import { fieldSchema, freshDatabase, startServer } from '../support/postgres.ts';

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

it('a private server keeps its rows and its port over a crash and a stop', async () => {
  const server = await startServer();
  const ask = async (text: string): Promise<unknown[]> => {
    const client = new pg.Client(server.config);
    await client.connect();
    try {
      return (await client.query(text)).rows;
    } finally {
      await client.end();
    }
  };
  try {
    await ask('create table kept (n int); insert into kept values (7)');
    for (const mode of ['immediate', 'fast'] as const) {
      const { pid } = server;
      await server.stop(mode);
      await expect(ask('select 1')).rejects.toThrow(/ECONNREFUSED/);
      await server.start();
      expect(server.pid).not.toBe(pid);
      expect(await ask('select n from kept')).toEqual([{ n: 7 }]);
    }
  } finally {
    await server.dispose();
  }
  await expect(ask('select 1')).rejects.toThrow(/ECONNREFUSED/);
});
