/** Where the rows come from: the configured database, or the embedded one, started and migrated. */
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Config, DatabaseConnection } from './config.ts';
import type { EmbeddedDatabase } from './db/embedded.ts';

/** How the database is reached, for queries and for listening. */
export interface Connections {
  readonly connection: DatabaseConnection;
  readonly listen: DatabaseConnection;
}

/**
 * Opens the database of a configuration.
 *
 * @returns the connections, and what ends an embedded server (nothing for another one).
 * @throws where the embedded server does not start, or `signal` gave it up.
 */
export async function openHome(
  config: Config,
  log: Logger,
  signal: AbortSignal | undefined,
): Promise<Connections & { close(): Promise<void> }> {
  if (config.database.kind === 'external') {
    const { connection, listen } = config.database;
    return { connection, listen, close: async () => {} };
  }
  const { dataDir } = config.database;
  // Imported here, because who brings a database keeps none of it in memory.
  const [{ startEmbedded }, { migrate }] = await Promise.all([import('./db/embedded.ts'), import('./db/migrate.ts')]);
  const embedded = await startEmbedded({
    // A recording's rates and the simulated market's do not belong into the same tables.
    dataDir: config.demo.kind === 'replay' ? join(dataDir, 'replay') : dataDir,
    log,
    ...(signal === undefined ? {} : { signal }),
  });
  try {
    signal?.throwIfAborted();
    await migrate({ connection: embedded.connection, report: (line) => log.debug(line) });
  } catch (error) {
    await embedded.stop();
    throw error;
  }
  const connection = plain(embedded);
  return { connection, listen: connection, close: () => embedded.stop() };
}

function plain({ connection: { host, port, user, password, database } }: EmbeddedDatabase): DatabaseConnection {
  return { host, port, user, password, database, ssl: false, tlsIfOffered: false };
}
