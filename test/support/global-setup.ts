/** Starts the one PostgreSQL server of a test run and ends it afterwards; tests reach it through `freshDatabase`. */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { sharedServer } from './server.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** URL of the shared server's maintenance database, as a role that may create databases. */
    postgresUrl: string;
    /** Name of this run's template database; made when the first test asks for a migrated one. */
    postgresTemplate: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await sharedServer();
  // A name of its own for each run: on a server that outlives the run, the template of an older schema must not serve.
  const template = `alphapulse_template_${randomBytes(4).toString('hex')}`;
  project.provide('postgresUrl', server.url);
  project.provide('postgresTemplate', template);
  return async () => {
    if (server.outlivesRun) await dropDatabase(server.url, template);
    await server.stop();
  };
}

async function dropDatabase(url: string, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`drop database if exists ${pg.escapeIdentifier(name)} with (force)`);
  } finally {
    await client.end();
  }
}
