/** What doctor says of the database as a whole: its version, its role in a cluster, its clock, what holds it up. */
import { type DoctorFacts, PREPARED_SECONDS } from '../db/doctor/facts.ts';
import { STANDBY } from '../db/run.ts';
import { type Finding, fail, ok, warn } from './findings.ts';

const OLDEST_VERSION = 140_000;
/** TimescaleDB tells triggers which rows were updated from this version on. */
const TRANSITION_TABLES = [2, 18] as const;
const MOST_SKEW_MS = 2000;
/** Above this the doorbell keeps silent, so that no writer's COMMIT fails. */
const MOST_QUEUE = 0.5;

/** Checks that concern every stream. */
export const SERVER_CHECKS: readonly ((facts: DoctorFacts) => readonly Finding[])[] = [
  version,
  standby,
  timescaledb,
  size,
  clock,
  notificationQueue,
  preparedTransactions,
  migrations,
];

function version({ catalogue, server }: DoctorFacts): readonly Finding[] {
  const { versionNumber, role, database } = catalogue.server;
  const what = `PostgreSQL ${server.version}, as ${role} in the database ${database}`;
  if (versionNumber >= OLDEST_VERSION) return [ok('database', 'version', what)];
  return [fail('database', 'version', `${what}; 14 or newer is needed`, 'upgrade the server (pg_upgrade)')];
}

function standby({ inspection }: DoctorFacts): readonly Finding[] {
  if (!inspection.server.inRecovery) return [];
  const mend =
    'export DB_HOST=PRIMARY, which the standby tells: select sender_host, sender_port from pg_stat_wal_receiver';
  return [fail('database', STANDBY.code, STANDBY.reason, mend)];
}

function timescaledb({ inspection, catalogue }: DoctorFacts): readonly Finding[] {
  const { timescaledb: installed } = inspection.server;
  if (installed === null) return [ok('database', 'timescaledb', 'TimescaleDB is not installed, and not needed')];
  const [major = 0, minor = 0] = installed.split('.').map(Number);
  const [leastMajor, leastMinor] = TRANSITION_TABLES;
  const hypertables = catalogue.streams.flatMap(({ stream, table }) => (table?.hypertable ? [stream] : []));
  const what = `TimescaleDB ${installed}, hypertables: ${hypertables.length === 0 ? 'none' : hypertables.join(', ')}`;
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return [ok('database', 'timescaledb', what)];
  return [
    warn(
      'database',
      'timescaledb',
      `TimescaleDB ${installed} does not tell triggers which rows of a hypertable were updated, so each UPDATE voids all of its rollups`,
      'alter extension timescaledb update',
    ),
  ];
}

function size({ server }: DoctorFacts): readonly Finding[] {
  if (server.databaseBytes === null) return [];
  return [ok('database', 'size', `it takes ${megabytes(server.databaseBytes)} on disk`)];
}

/** What is free where the embedded database lies. */
export interface Disk {
  readonly folder: string;
  readonly freeBytes: number;
  readonly bytes: number;
}

/** Below these the disk is as good as full: PostgreSQL stops when it cannot write. */
const LEAST_FREE_BYTES = 1_000_000_000;
const LEAST_FREE_PART = 0.05;

/** Whether the disk of the embedded database has room. */
export function checkDisk({ folder, freeBytes, bytes }: Disk): Finding {
  const what = `${megabytes(freeBytes)} of ${megabytes(bytes)} are free where ${folder} lies`;
  if (freeBytes >= LEAST_FREE_BYTES && freeBytes >= bytes * LEAST_FREE_PART) return ok('database', 'disk', what);
  const mend = `df -h '${folder}', then make room, or set DASHBOARD_DATA_DIR to a larger disk or DASHBOARD_RETENTION_DAYS=7`;
  return warn('database', 'disk', `${what}; PostgreSQL stops when nothing is`, mend);
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1_000_000).toLocaleString('en-US')} MB`;
}

function clock({ server }: DoctorFacts): readonly Finding[] {
  const seconds = Math.abs(server.clockSkewMs / 1000).toFixed(1);
  if (Math.abs(server.clockSkewMs) <= MOST_SKEW_MS) return [ok('database', 'clock', "its clock is this machine's")];
  const which = server.clockSkewMs > 0 ? 'ahead of' : 'behind';
  return [
    warn('database', 'clock', `its clock is ${seconds} s ${which} this machine's`, 'timedatectl set-ntp true, on both'),
  ];
}

function notificationQueue({ server }: DoctorFacts): readonly Finding[] {
  const percent = `${(server.notificationQueue * 100).toFixed(0)} %`;
  if (server.notificationQueue < MOST_QUEUE)
    return [ok('database', 'notification_queue', `its queue of notifications is ${percent} full`)];
  return [
    warn(
      'database',
      'notification_queue',
      `its queue of notifications is ${percent} full, so the doorbell keeps silent: a listener has a transaction open`,
      "select pid, application_name, xact_start from pg_stat_activity where state like 'idle in transaction%' order by xact_start",
    ),
  ];
}

function preparedTransactions({ server }: DoctorFacts): readonly Finding[] {
  return server.preparedTransactions.map((gid) =>
    warn(
      'database',
      'prepared_transaction',
      `the prepared transaction '${gid}' is open for more than ${PREPARED_SECONDS} s; its rows come when it is committed, and nothing is vacuumed meanwhile`,
      `commit prepared '${gid}', or: rollback prepared '${gid}'`,
    ),
  );
}

function migrations({ pendingSteps, inspection }: DoctorFacts): readonly Finding[] {
  if (inspection.server.inRecovery) return [];
  if (pendingSteps === null) {
    return [ok('migrations', 'migrations', 'the dashboard has its schema, which belongs to another role')];
  }
  if (pendingSteps.length === 0) return [ok('migrations', 'migrations', "the dashboard's own schema is up to date")];
  return [
    warn(
      'migrations',
      'migrations',
      `to be done in the dashboard's own schema: ${pendingSteps.join(', ')}`,
      'npm run migrate',
    ),
  ];
}
