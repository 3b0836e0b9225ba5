/** The built program, serving a test's database from a process of its own. */
import { type Program, startProgram, stopProgram } from './program.ts';

/** A server in a process of its own. */
export interface Built {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly feedUrl: string;
  readonly port: number;
  readonly program: Program;
  stop(): Promise<void>;
}

/** Starts the built program on the database; `env` adds to the environment or overrides it. */
export async function startBuilt(databaseUrl: string, env: Readonly<Record<string, string>> = {}): Promise<Built> {
  const program = startProgram(['serve'], {
    DATABASE_URL: databaseUrl,
    DB_SSLMODE: 'disable',
    DASHBOARD_PORT: '0',
    ...env,
  });
  try {
    const url = await program.ready();
    return {
      url,
      feedUrl: `${url.replace('http', 'ws')}/feed`,
      port: Number(new URL(url).port),
      program,
      stop: () => stopProgram(program),
    };
  } catch (error) {
    await stopProgram(program);
    throw error;
  }
}
