/** Doctor's connection: opened once, with every way in which that can fail told apart. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { type DatabaseConnection, describeConnection } from '../../config.ts';
import { messageOf } from '../../errors.ts';
import { EMBEDDED_DATABASE } from '../embedded.ts';
import { SUPERUSER } from '../embedded-cluster.ts';
import { errorCode } from '../queryable.ts';
import { settleTls } from '../tls.ts';

/** Longer than a look may take; who counts all rows asks for it. */
const STATEMENT_TIMEOUT_MS = 60_000;
const CONNECT_TIMEOUT_MS = 5000;

/** Names the faults of a connection for programs. */
export type ConnectionCode =
  | 'password'
  | 'refused_by_server'
  | 'database_missing'
  | 'connect_right'
  | 'connections_exhausted'
  | 'pooler_parameters'
  | 'tls'
  | 'database_unreachable';

/** Why there is no connection. */
export interface ConnectionFault {
  readonly code: ConnectionCode;
  readonly reason: string;
  readonly mend: string;
}

/** A connection, or why there is none. */
export type Connected =
  | { readonly ok: true; readonly client: pg.Client }
  | { readonly ok: false; readonly fault: ConnectionFault };

/** Opens a connection. Its owner ends it. */
export async function connectDoctor(connection: DatabaseConnection): Promise<Connected> {
  let client: pg.Client | null = null;
  try {
    client = new pg.Client({
      ...(await settleTls(connection)),
      application_name: 'alphapulse-dashboard doctor',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      statement_timeout: STATEMENT_TIMEOUT_MS,
    });
    // A lost connection fails the query that runs on it; unheard, it would end the process besides.
    client.on('error', () => undefined);
    await client.connect();
    return { ok: true, client };
  } catch (error) {
    await client?.end().catch(() => undefined);
    return { ok: false, fault: faultOf(error, connection) };
  }
}

/**
 * How to reach the embedded database in `dataDir` while a server runs on it; null where none does, or where the folder is
 * another account's.
 */
export async function embeddedConnection(dataDir: string): Promise<DatabaseConnection | null> {
  try {
    const [password, lines] = await Promise.all([
      readFile(join(dataDir, 'postgres.password'), 'utf8'),
      readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8'),
    ]);
    // The fourth line of PostgreSQL's own file is its port.
    const port = Number(lines.split('\n')[3]);
    if (!Number.isSafeInteger(port)) return null;
    return {
      host: '127.0.0.1',
      port,
      user: SUPERUSER,
      password: password.trim(),
      database: EMBEDDED_DATABASE,
      ssl: false,
      tlsIfOffered: false,
    };
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'EACCES' || code === 'ENOTDIR') return null;
    throw error;
  }
}

const ADDRESS = 'check DATABASE_URL, or DB_HOST and DB_PORT, and that the server runs: pg_isready';

function faultOf(error: unknown, connection: DatabaseConnection): ConnectionFault {
  const { user, database, host, port } = connection;
  const place = describeConnection(connection);
  const reason = `${place}: ${messageOf(error)}`;
  switch (errorCode(error)) {
    case '28P01':
      return {
        code: 'password',
        reason,
        mend: `set the right password in DATABASE_URL or DB_PASSWORD, or give the role that one: alter role ${pg.escapeIdentifier(user)} password '...'`,
      };
    case '28000':
      return {
        code: 'refused_by_server',
        reason,
        mend: `let it in by a line of pg_hba.conf (host ${database} ${user} ADDRESS scram-sha-256), then: select pg_reload_conf(); or set DB_SSLMODE=require where TLS is asked for`,
      };
    case '3D000':
      return {
        code: 'database_missing',
        reason,
        mend: `createdb -h ${host} -p ${port} -U ${user} '${database}', then: npm run migrate; or set DB_NAME to the one that is there`,
      };
    case '42501':
      return {
        code: 'connect_right',
        reason,
        mend: `grant connect on database ${pg.escapeIdentifier(database)} to ${pg.escapeIdentifier(user)}`,
      };
    case '53300':
      return {
        code: 'connections_exhausted',
        reason,
        mend: 'select usename, application_name, count(*) from pg_stat_activity group by 1, 2 order by 3 desc; then end some, raise max_connections, or lower DASHBOARD_POOL_SIZE',
      };
    default:
      break;
  }
  if (/SASL|password must be a string/.test(messageOf(error))) {
    return {
      code: 'password',
      reason: `${place}: a password is asked for, and none is set`,
      mend: 'set DB_PASSWORD, or the password in DATABASE_URL',
    };
  }
  if (/unsupported startup parameter/.test(messageOf(error))) {
    return {
      code: 'pooler_parameters',
      reason,
      mend: 'add to pgbouncer.ini: ignore_startup_parameters = extra_float_digits, statement_timeout; then: RELOAD in its console',
    };
  }
  if (/certificate|SSL|TLS/i.test(messageOf(error))) {
    return {
      code: 'tls',
      reason,
      mend: 'set DB_SSLMODE, and DB_SSL_CA to the file of the authority that signed its certificate',
    };
  }
  return { code: 'database_unreachable', reason, mend: ADDRESS };
}
