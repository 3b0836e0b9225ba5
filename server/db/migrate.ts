/**
 * Brings a database up to date: runs the numbered files of sql/ through umzug, one migration at a time. What concerns
 * the streams' tables converges: which steps are still to be done is read from the catalogue and not from a log, so
 * that a table that came later, or a trigger that was dropped, is brought right by the next run.
 */
import { join } from 'node:path';
import pg from 'pg';
import { Umzug } from 'umzug';
import { isStreamName, STREAM_NAMES, STREAMS, type StreamName } from '../../shared/streams.ts';
import { CodedError, messageOf } from '../errors.ts';
import { packageRoot } from '../root.ts';
import { OWN_SCHEMA, readServer } from './catalogue.ts';
import { readFacts } from './migrate/facts.ts';
import { fileOf, readSqlFiles, type SqlFiles } from './migrate/files.ts';
import { withMigrationLock } from './migrate/lock.ts';
import { leftAlone, type PlanOptions, planRemoval, planSteps } from './migrate/plan.ts';
import { checkRights } from './migrate/rights.ts';
import { type Runner, runStep } from './migrate/run.ts';
import { printStep, type Step } from './migrate/steps.ts';
import { summarise } from './shape.ts';

/** What `migrate` is asked for. */
export interface MigrateOptions {
  readonly connection: pg.ClientConfig;
  /** Tables that are not touched. */
  readonly leave?: readonly string[];
  /** False: install no triggers, and take away those of earlier migrations. Default true. */
  readonly doorbell?: boolean;
  /** Take every trace of the dashboard out; the five tables and their rows stay. */
  readonly remove?: boolean;
  /** Print the SQL that would run, and change nothing. */
  readonly dryRun?: boolean;
  /** Ms for which a lock that others hold is tried again. Default five minutes. */
  readonly patienceMs?: number;
  /** Takes lines for people to read; with `dryRun` the SQL. */
  readonly report: (line: string) => void;
}

const OLDEST_VERSION = 140_000;
const PATIENCE_MS = 300_000;

/**
 * Migrates a database, or takes the dashboard out of it. Safe to run again, and from several hosts at once.
 *
 * @throws CodedError `bad_option`, `database_unreachable`, `standby`, `postgres_too_old`, `insufficient_privilege`,
 *   `migration_running`, `table_locked`, `migration_failed`, `sql_missing`.
 */
export async function migrate(options: MigrateOptions): Promise<void> {
  const plan: PlanOptions = { leave: parseLeave(options), doorbell: options.doorbell ?? true };
  const files = readSqlFiles(join(packageRoot(), 'sql'));
  const client = await connect(options.connection);
  try {
    // Building an index may take hours, whatever is usual for the role; each strong lock has a bound of its own.
    // Catalogue queries are short, whatever the planner thinks of their cost: compiling them takes longer than they do.
    // An index is built by one process, for by default it takes three, which leave a small server none for its writers.
    await client.query(
      `set statement_timeout = 0; set lock_timeout = 0; set default_transaction_read_only = off; set jit = off;
       set max_parallel_maintenance_workers = 0`,
    );
    await checkServer(client);
    const { connection, patienceMs = PATIENCE_MS, report } = options;
    const runner: Runner = { client, connection, patienceMs, report };
    if (options.dryRun) await printPlan(runner, files, plan, options.remove ?? false);
    else if (options.remove) await withMigrationLock(runner, () => remove(runner, files));
    else await withMigrationLock(runner, () => bringUp(runner, files, plan));
  } finally {
    await client.end();
  }
}

async function bringUp(runner: Runner, files: SqlFiles, options: PlanOptions): Promise<void> {
  const { client, report } = runner;
  const facts = await readFacts(client);
  const steps = planSteps(files, facts, options);
  checkRights(facts, steps);
  tellLeftAlone(leftAlone(facts, options), report);
  let done = 0;
  const umzug = new Umzug({
    migrations: steps.map(({ name }) => ({
      name,
      async up() {
        const again = async (): Promise<Step | undefined> =>
          planSteps(files, await readFacts(client), options).find((step) => step.name === name);
        if (await runStep(runner, again)) done += 1;
      },
    })),
    storage: {
      async executed() {
        return steps.filter(({ batches }) => batches.length === 0).map(({ name }) => name);
      },
      async logMigration({ name }) {
        await client.query(
          `insert into ${OWN_SCHEMA}.migrations (name, checksum) values ($1, $2)
           on conflict (name) do update set checksum = excluded.checksum, applied_at = now()`,
          [name, fileOf(files, name.split(':')[0] ?? name).checksum],
        );
      },
      unlogMigration: () => Promise.reject(new Error('The migrations have no way down but --remove')),
    },
    logger: undefined,
  });
  try {
    await umzug.up();
  } catch (error) {
    // umzug wraps what a step threw, and repeats its text; the step's own error says it better.
    throw error instanceof Error && error.cause instanceof CodedError ? error.cause : error;
  }
  if (done === 0) report('nothing to do: the database is up to date');
}

async function remove(runner: Runner, files: SqlFiles): Promise<void> {
  const facts = await readFacts(runner.client);
  const steps = planRemoval(files, facts);
  if (steps.every(({ batches }) => batches.length === 0)) {
    runner.report('nothing to do: there is no trace of the dashboard');
    return;
  }
  checkRights(facts, steps);
  for (const { name } of steps) {
    const again = async (): Promise<Step | undefined> =>
      planRemoval(files, await readFacts(runner.client)).find((step) => step.name === name);
    await runStep(runner, again);
  }
}

async function printPlan(runner: Runner, files: SqlFiles, options: PlanOptions, removal: boolean): Promise<void> {
  const { client, report } = runner;
  // Whatever is wrong in the planning, the database refuses to be changed by it.
  await client.query('set default_transaction_read_only = on');
  const facts = await readFacts(client);
  const steps = (removal ? planRemoval(files, facts) : planSteps(files, facts, options)).filter(
    ({ batches }) => batches.length > 0,
  );
  if (!removal) tellLeftAlone(leftAlone(facts, options), (line) => report(`-- ${line}`));
  for (const step of steps) report(`${printStep(step)}\n`);
  if (steps.length === 0) report('-- nothing to do');
}

function tellLeftAlone(tables: ReturnType<typeof leftAlone>, report: (line: string) => void): void {
  for (const { stream, problems } of tables) {
    const { reason, mend } = summarise(problems);
    report(`${STREAMS[stream].table} is left alone: ${reason}. Mend: ${mend}`);
  }
}

function parseLeave({ leave = [], remove: removal }: MigrateOptions): ReadonlySet<StreamName> {
  const names = new Set<StreamName>();
  for (const name of leave) {
    if (!isStreamName(name)) {
      throw new CodedError(
        'bad_option',
        `There is no table ${name} to leave; the tables are ${STREAM_NAMES.join(', ')}`,
        {
          value: name,
          mend: `Name one of ${STREAM_NAMES.join(', ')}.`,
        },
      );
    }
    names.add(name);
  }
  if (removal && names.size > 0) {
    throw new CodedError('bad_option', 'Removal takes out what all tables share, so no table can be left', {
      value: [...names].join(', '),
      mend: 'Give either --remove or --leave.',
    });
  }
  return names;
}

async function connect(connection: pg.ClientConfig): Promise<pg.Client> {
  const client = new pg.Client({ ...connection, application_name: 'alphapulse-dashboard migrate' });
  // A lost connection fails the query that runs on it; unheard, it would end the process besides.
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    await client.end().catch(() => undefined);
    const place = `${client.host}:${client.port}`;
    throw new CodedError(
      'database_unreachable',
      `No connection to the database ${client.database} at ${place}: ${messageOf(error)}`,
      {
        value: place,
        mend: 'Check DATABASE_URL, or DB_HOST, DB_PORT, DB_NAME, DB_USER and DB_PASSWORD, and that the server runs.',
        cause: error,
      },
    );
  }
  return client;
}

async function checkServer(client: pg.Client): Promise<void> {
  const { versionNumber, inRecovery } = await readServer(client);
  if (inRecovery) {
    throw new CodedError('standby', 'This server is a standby, which cannot be changed', {
      mend: 'Run migrate against the primary; the change reaches the standby by replication.',
    });
  }
  if (versionNumber < OLDEST_VERSION) {
    throw new CodedError('postgres_too_old', `PostgreSQL 14 or newer is needed, this is ${versionNumber}`, {
      value: versionNumber,
      mend: 'Upgrade the server.',
    });
  }
}
