/** The codes of doctor's findings: what programs may rely on. docs/doctor.md lists the same. */
import type { ConnectionCode } from '../db/doctor/connect.ts';

/** What a code means, and the levels that it comes at. */
export interface CodeMeaning {
  readonly levels: string;
  readonly meaning: string;
}

/** Codes that are no fault of a connection. */
const OWN_CODES = {
  configuration: { levels: 'ok warn fail', meaning: 'a setting cannot be used, or works and perhaps not as meant' },
  embedded: { levels: 'ok', meaning: 'no database is configured, and the embedded one does not run' },
  connected: { levels: 'ok', meaning: 'the database answers' },
  version: { levels: 'ok fail', meaning: 'PostgreSQL is older than 14' },
  standby: { levels: 'fail', meaning: 'the database is a standby, which cannot be followed' },
  timescaledb: { levels: 'ok warn', meaning: 'TimescaleDB is older than 2.18' },
  size: { levels: 'ok', meaning: 'what the database takes' },
  disk: { levels: 'ok warn', meaning: 'the disk of the embedded database is nearly full' },
  clock: { levels: 'ok warn', meaning: "the database's clock is not this machine's" },
  notification_queue: { levels: 'ok warn', meaning: 'the queue of notifications fills up, so triggers keep silent' },
  prepared_transaction: { levels: 'warn', meaning: 'a prepared transaction was forgotten' },
  migrations: { levels: 'ok warn', meaning: "something is missing in the dashboard's own schema" },
  listen: { levels: 'ok', meaning: 'notifications are heard' },
  listen_deaf: { levels: 'warn', meaning: 'notifications are not heard, as behind a transaction pooler' },
  notify_right: { levels: 'warn', meaning: 'the role, or the one that triggers ring as, may not notify' },
  replication_role: { levels: 'warn', meaning: 'a setting keeps all triggers from firing' },
  doorbell_rings: { levels: 'ok', meaning: 'triggers that were tried, and ring' },
  doorbell_untried: { levels: 'ok', meaning: 'a trigger that was not tried, and why' },
  doorbell_silent: { levels: 'warn', meaning: 'a trigger that is there and enabled, and does not ring' },
  doorbell: { levels: 'warn', meaning: 'the trigger that rings is missing, disabled or not ours' },
  rewrite_triggers: { levels: 'warn', meaning: 'the same of those that note updated and deleted rows' },
  stream: { levels: 'ok', meaning: 'a stream lacks nothing' },
  table_missing: { levels: 'fail', meaning: 'there is no such table' },
  table: { levels: 'fail', meaning: 'what is there is of another shape, no table, or may not be read' },
  column_missing: { levels: 'fail', meaning: 'a column is missing' },
  column_type: { levels: 'fail', meaning: 'a column is of a type that cannot be read' },
  cursor_column: {
    levels: 'warn',
    meaning: 'without the cursor column: followed by created_at, slower and less surely',
  },
  cursor_index: { levels: 'warn', meaning: 'without its index every look reads the whole table' },
  foreign_cursor_values: { levels: 'warn', meaning: 'rows carry transaction ids of another server' },
  cursor_null: { levels: 'warn', meaning: 'rows without such an id, which are never delivered' },
  index_missing: { levels: 'warn', meaning: 'history is slow for want of an index' },
  index_invalid: { levels: 'warn', meaning: 'an index that costs writers and serves nobody' },
  future_rows: { levels: 'warn', meaning: 'rows are dated in the future' },
  rows_rewritten: { levels: 'warn', meaning: 'rows were updated or deleted, which subscribers are not sent' },
  rows_unread: { levels: 'ok', meaning: 'a question about rows that would have taken too long' },
  rollups_missing: { levels: 'warn', meaning: 'there are no tables for rollups' },
  rollups_forbidden: { levels: 'warn', meaning: 'the role may not keep them' },
  rollups_unkept: { levels: 'warn', meaning: 'no server keeps them at present' },
  rollups_kept: { levels: 'ok', meaning: 'who keeps them' },
  rollups_unfit: { levels: 'warn', meaning: 'a table cannot have any' },
  rollups_void: { levels: 'warn', meaning: 'they are of another table or version' },
  rollups_none: { levels: 'warn', meaning: 'they were not begun' },
  rollups_behind: { levels: 'warn', meaning: 'they were not brought up to date' },
  rollups_progress: { levels: 'ok', meaning: 'how far they are' },
  retention: { levels: 'ok', meaning: 'old rows are deleted' },
  retention_off: { levels: 'ok', meaning: 'no row is ever deleted' },
  retention_unable: { levels: 'warn', meaning: 'old rows stay although they are to go' },
  verified: { levels: 'ok fail', meaning: '--verify: packs are, or are not, what the rows give' },
  pack_differs: { levels: 'warn fail', meaning: '--verify: a pack that is not' },
  packs_dropped: { levels: 'ok', meaning: '--mend: those were deleted' },
  packs_not_dropped: { levels: 'fail', meaning: '--mend: those could not be deleted' },
  verify_impossible: { levels: 'warn', meaning: '--verify: there is nothing to compare, or it may not be read' },
  examination_failed: { levels: 'fail', meaning: 'the database failed while it was examined' },
} as const satisfies Readonly<Record<string, CodeMeaning>>;

const CONNECTION_CODES: Readonly<Record<ConnectionCode, string>> = {
  password: 'the password is wrong or missing',
  refused_by_server: 'pg_hba.conf lets nobody in from here, or only with TLS',
  database_missing: 'there is no database of this name',
  connect_right: 'the role may not connect to it',
  connections_exhausted: 'the server takes no more connections',
  pooler_parameters: 'PgBouncer refuses what a connection begins with',
  tls: 'the two do not agree on TLS, or on the certificate',
  database_unreachable: 'nobody answers at the address',
};

/** A code of a finding. `listen_` stands before the fault of a connection that only listens, and all others work. */
export type FindingCode = keyof typeof OWN_CODES | ConnectionCode | `listen_${ConnectionCode}`;

/** Every code with its meaning; the faults of a connection without those of the one that listens. */
export const CODES: ReadonlyMap<string, CodeMeaning> = new Map<string, CodeMeaning>([
  ...Object.entries(CONNECTION_CODES).map(([code, meaning]) => [code, { levels: 'fail', meaning }] as const),
  ...Object.entries(OWN_CODES),
]);
