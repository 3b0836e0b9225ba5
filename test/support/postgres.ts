/** A fresh database for every test file, cloned from a template; a connection that the product leaves open fails the test. */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject, vi } from 'vitest';
import type {} from './global-setup.ts';
import { HYPERTABLES } from './timescale.ts';

export { type FieldShape, fieldSchema } from './field-schema.ts';
export { type PrivateServer, startServer } from './server.ts';

/** A database that one test file owns. */
export interface TestDatabase {
  readonly name: string;
  readonly url: string;
  readonly config: pg.ClientConfig & { host: string; port: number; user: string; password: string; database: string };
  /** A connection of the test itself; ended by `drop`. */
  connect(): Promise<pg.Client>;
  /** Removes the database. Throws where anybody but the test still has a connection to it, naming the applications. */
  drop(): Promise<void>;
}

const TEST_APPLICATION = 'alphapulse test';
/** SQLSTATEs of two that make or clone databases at the same time. */
const PASSING = new Set(['55006', '23505', '42P04', 'XX000']);

/**
 * Makes a database on the shared server: empty, or with `migrated` as a clone of one that the product's own migrations
 * made. Any number of test files may do so at the same time. Call it in `beforeAll`, and `drop` in `afterAll`.
 *
 * TEST_HYPERTABLES=1 has the migrations make hypertables; the server must have TimescaleDB then.
 */
export async function freshDatabase(options: { migrated?: boolean } = {}): Promise<TestDatabase> {
  const server = parseUrl(inject('postgresUrl'));
  const template = inject('postgresTemplate');
  const name = `test_${randomBytes(6).toString('hex')}`;
  await asAdmin(server, async (admin) => {
    if (options.migrated) await ensureTemplate(admin, server, template);
    await create(admin, name, options.migrated ? template : 'template0');
  });
  const config = { ...server, database: name };
  const own = new Set<pg.Client>();
  return {
    name,
    url: toUrl(config),
    config,
    async connect() {
      const client = new pg.Client({ ...config, application_name: TEST_APPLICATION });
      // A test that kills backends ends this one too; the next query on it then fails and tells.
      client.on('error', () => undefined);
      await client.connect();
      own.add(client);
      return client;
    },
    async drop() {
      await Promise.all([...own].map((client) => client.end().catch(() => undefined)));
      await asAdmin(server, async (admin) => {
        try {
          await noConnections(admin, name);
        } finally {
          await admin.query(`drop database if exists ${pg.escapeIdentifier(name)} with (force)`);
        }
      });
    },
  };
}

async function noConnections(admin: pg.Client, name: string): Promise<void> {
  // A backend goes a moment after its client: it is a leak only when it stays.
  await vi.waitFor(
    async () => {
      const { rows } = await admin.query<{ application_name: string; state: string | null; query: string }>(
        `select application_name, state, left(query, 200) as query from pg_stat_activity
         where datname = $1 and backend_type = 'client backend'`,
        [name],
      );
      if (rows.length === 0) return;
      const list = rows.map((row) => `${row.application_name || '(no name)'} [${row.state}] ${row.query}`).join('; ');
      throw new Error(`${rows.length} connections to ${name} were left open: ${list}`);
    },
    { timeout: 2_000, interval: 20 },
  );
}

async function ensureTemplate(admin: pg.Client, server: TestDatabase['config'], template: string): Promise<void> {
  // Held by the session, so that of all workers one makes the template and the others wait for it.
  await admin.query(`select pg_advisory_lock(hashtext($1))`, [template]);
  try {
    const { rowCount } = await admin.query('select 1 from pg_database where datname = $1', [template]);
    if (rowCount) return;
    const draft = `${template}_draft`;
    await admin.query(`drop database if exists ${draft} with (force)`);
    await create(admin, draft, 'template0');
    if (HYPERTABLES) await withTimescale({ ...server, database: draft });
    const { migrate } = await import('../../server/db/migrate.ts');
    await migrate({ connection: { ...server, database: draft }, report: () => undefined });
    await noConnections(admin, draft);
    await admin.query(`alter database ${draft} rename to ${template}`);
  } finally {
    await admin.query(`select pg_advisory_unlock(hashtext($1))`, [template]);
  }
}

/** With the extension in it, a database gets hypertables from the migrations. */
async function withTimescale(config: TestDatabase['config']): Promise<void> {
  const client = new pg.Client({ ...config, application_name: TEST_APPLICATION });
  await client.connect();
  try {
    await client.query('create extension timescaledb');
    // Its scheduler would keep the database from being cloned.
    await client.query('select _timescaledb_functions.stop_background_workers()');
  } finally {
    await client.end();
  }
}

async function create(admin: pg.Client, name: string, template: string): Promise<void> {
  const failures: unknown[] = [];
  await vi.waitFor(
    async () => {
      try {
        await admin.query(`create database ${pg.escapeIdentifier(name)} template ${pg.escapeIdentifier(template)}`);
      } catch (error) {
        if (error instanceof pg.DatabaseError && PASSING.has(error.code ?? '')) throw error;
        // Anything else does not pass by waiting: it leaves the loop here and is thrown below.
        failures.push(error);
      }
    },
    { timeout: 20_000, interval: 50 },
  );
  if (failures.length > 0) throw failures[0];
}

async function asAdmin<T>(server: TestDatabase['config'], action: (admin: pg.Client) => Promise<T>): Promise<T> {
  const admin = new pg.Client({ ...server, application_name: TEST_APPLICATION });
  await admin.connect();
  try {
    return await action(admin);
  } finally {
    await admin.end();
  }
}

function parseUrl(text: string): TestDatabase['config'] {
  const url = new URL(text);
  return {
    host: decodeURIComponent(url.hostname),
    port: Number(url.port || 5432),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: decodeURIComponent(url.pathname.slice(1)) || 'postgres',
  };
}

function toUrl(config: TestDatabase['config']): string {
  const url = new URL('postgresql://localhost');
  url.hostname = config.host;
  url.port = String(config.port);
  url.username = config.user;
  url.password = config.password;
  url.pathname = `/${config.database}`;
  return url.href;
}
