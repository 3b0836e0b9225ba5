/**
 * Tries the doorbell: whether what is notified is heard at the listening address, and whether the triggers really ring.
 * Leaves no trace: a trigger runs once a statement, so an INSERT of no rows makes it ring, and uses up no id.
 */
import type pg from 'pg';
import * as z from 'zod';
import { quoteIdentifier } from '../../../shared/columns.ts';
import { STREAMS, type StreamName } from '../../../shared/streams.ts';
import { messageOf } from '../../errors.ts';
import { type Catalogue, DOORBELL_TRIGGER, OWN_SCHEMA, type TableFacts } from '../catalogue.ts';
import { DOORBELL_CHANNEL, QUIET_USAGE } from '../doorbell.ts';
import { ANSWER_TIMEOUT_MS } from '../listener.ts';
import { errorCode, type Queryable } from '../queryable.ts';

/** What came of ringing one stream's doorbell. */
export interface Trial {
  readonly stream: StreamName;
  readonly outcome: 'rang' | 'silent' | 'untried';
  /** Why it was not tried; null where it was. */
  readonly reason: string | null;
}

/** What was found out about notifications. */
export interface BellFacts {
  /** `forbidden`: the role may not notify. `quiet`: not tried, because the queue of notifications is filling up. */
  readonly listening: 'heard' | 'deaf' | 'forbidden' | 'quiet';
  /** Of the streams whose trigger is there and enabled. */
  readonly trials: readonly Trial[];
  /** SQL that takes back each setting which keeps triggers from firing. */
  readonly replicaResets: readonly string[];
  /** The owner of the triggers' function where that role may not notify; null where it may. */
  readonly mutedOwner: string | null;
  /** Where the database itself says that it is, past any pooler; null where it is reached by a local socket. */
  readonly serverAddress: { readonly host: string; readonly port: number } | null;
}

/** A trigger may find the gate shut by another transaction, which then rolled back: so twice. */
const ATTEMPTS = 2;
const FORBIDDEN = '42501';

const settingsRow = z.object({
  quiet: z.boolean(),
  host: z.string().nullable(),
  port: z.number().nullable(),
  resets: z.array(z.string()),
  muted: z.string().nullable(),
});
const obstacleRow = z.object({ writable: z.boolean(), others: z.boolean() });

// A setting of a role or database goes before that of the server.
const SETTINGS_QUERY = `
  select pg_notification_queue_usage() >= ${QUIET_USAGE} as quiet, host(inet_server_addr()) as host, inet_server_port() as port,
    array(
      select case when s.setrole = 0 then format('alter database %I reset session_replication_role', d.datname)
        when s.setdatabase = 0 then format('alter role %I reset session_replication_role', pg_get_userbyid(s.setrole))
        else format('alter role %I in database %I reset session_replication_role', pg_get_userbyid(s.setrole), d.datname) end
      from pg_db_role_setting s left join pg_database d on d.oid = s.setdatabase
      where (s.setdatabase = 0 or d.datname = current_database()) and 'session_replication_role=replica' = any (s.setconfig)
      union all
      select 'alter system reset session_replication_role; select pg_reload_conf()' from pg_settings
      where name = 'session_replication_role' and setting = 'replica' and source = 'configuration file') as resets,
    (select pg_get_userbyid(p.proowner) from pg_proc p join pg_namespace n on n.oid = p.pronamespace
     where n.nspname = '${OWN_SCHEMA}' and p.proname = 'ring_through_gate'
       and not has_function_privilege(p.proowner, 'pg_catalog.pg_notify(text, text)', 'execute') limit 1) as muted`;

// Triggers and rules of others would run too, and what they do is theirs: a table that has some is left alone.
const OBSTACLES_QUERY = `
  select has_table_privilege($1::oid, 'insert') as writable,
    exists (select from pg_trigger where tgrelid = $1::oid and not tgisinternal and tgname <> '${DOORBELL_TRIGGER}'
        and tgtype & 4 <> 0 and tgtype & 1 = 0)
      or exists (select from pg_rewrite where ev_class = $1::oid and ev_type = '3') as others`;

/**
 * Rings, and listens.
 *
 * @param db where the dashboard reads, and from where it is rung.
 * @param listener a connection to where the dashboard listens; it listens afterwards.
 * @throws what the database throws of anything but the ringing itself.
 */
export async function readBellFacts(db: Queryable, listener: pg.Client, catalogue: Catalogue): Promise<BellFacts> {
  const heard = new Heard(listener);
  await listener.query(`listen ${DOORBELL_CHANNEL}`);
  const { rows } = await db.query(SETTINGS_QUERY);
  const { quiet, host, port, resets, muted } = settingsRow.parse(rows[0]);
  const listening = quiet ? 'quiet' : await hearsItself(db, heard);
  const ready = catalogue.streams.flatMap(({ stream, table }) =>
    table !== null && table.doorbell === 'ready' ? [{ stream, table }] : [],
  );
  return {
    listening,
    trials: await tryTriggers(db, heard, ready, listening),
    replicaResets: resets,
    mutedOwner: muted,
    serverAddress: host === null || port === null ? null : { host, port },
  };
}

async function hearsItself(db: Queryable, heard: Heard): Promise<BellFacts['listening']> {
  const nonce = `doctor ${process.pid} ${performance.now()}`;
  try {
    await db.query('select pg_notify($1, $2)', [DOORBELL_CHANNEL, nonce]);
  } catch (error) {
    if (errorCode(error) === FORBIDDEN) return 'forbidden';
    throw error;
  }
  return (await heard.all([nonce])) ? 'heard' : 'deaf';
}

async function tryTriggers(
  db: Queryable,
  heard: Heard,
  ready: readonly { readonly stream: StreamName; readonly table: TableFacts }[],
  listening: BellFacts['listening'],
): Promise<readonly Trial[]> {
  if (listening === 'quiet' || listening === 'deaf') return [];
  const refused = new Map<StreamName, string>();
  for (const { stream, table } of ready) {
    const { rows } = await db.query(OBSTACLES_QUERY, [table.oid]);
    const { writable, others } = obstacleRow.parse(rows[0]);
    if (!writable) refused.set(stream, 'this role may not insert');
    else if (others) refused.set(stream, 'the table has triggers or rules of others, which would run too');
  }
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const left = ready.filter(({ stream }) => !refused.has(stream) && !heard.has(stream));
    for (const { stream } of left) {
      const reason = await ring(db, stream);
      if (reason !== null) refused.set(stream, reason);
    }
    await heard.all(left.flatMap(({ stream }) => (refused.has(stream) ? [] : [stream])));
  }
  return ready.map(({ stream }) => {
    const reason = refused.get(stream) ?? null;
    return { stream, outcome: reason !== null ? 'untried' : heard.has(stream) ? 'rang' : 'silent', reason };
  });
}

/** Inserts no rows; the reason where that is refused. */
async function ring(db: Queryable, stream: StreamName): Promise<string | null> {
  const table = quoteIdentifier(STREAMS[stream].table);
  try {
    await db.query(
      `begin; set local lock_timeout = '1s'; insert into ${table} ("timestamp") select now() where false; commit`,
    );
    return null;
  } catch (error) {
    await db.query('rollback');
    return messageOf(error);
  }
}

/** What a listening connection was told on the doorbell's channel. */
class Heard {
  readonly #payloads = new Set<string>();
  #changed: () => void = () => undefined;

  constructor(listener: pg.Client) {
    listener.on('notification', ({ channel, payload }) => {
      if (channel !== DOORBELL_CHANNEL || payload === undefined) return;
      this.#payloads.add(payload);
      this.#changed();
    });
  }

  has(payload: string): boolean {
    return this.#payloads.has(payload);
  }

  /** Resolves to whether all of these were heard within the time that an answer may take. */
  async all(payloads: readonly string[]): Promise<boolean> {
    const complete = (): boolean => payloads.every((payload) => this.#payloads.has(payload));
    if (complete()) return true;
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#changed = () => undefined;
        resolve(complete());
      };
      // Not before what has arrived was read: a machine that was busy for seconds is not deaf.
      const timer = setTimeout(() => setImmediate(end), ANSWER_TIMEOUT_MS);
      this.#changed = () => {
        if (complete()) end();
      };
    });
  }
}
