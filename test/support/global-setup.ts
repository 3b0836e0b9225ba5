/** Starts the one PostgreSQL server of a test run and ends it afterwards; tests reach it through `freshDatabase`. */
import type { TestProject } from 'vitest/node';
import { sharedServer } from './server.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** URL of the shared server's maintenance database, as a role that may create databases. */
    postgresUrl: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await sharedServer();
  project.provide('postgresUrl', server.url);
  return server.stop;
}
