/** Runs doctor: connects, reads the facts once, and lets each check say what it finds. */
import { statfs } from 'node:fs/promises';
import { type Config, type ConfigError, type DatabaseConnection, describeConnection } from '../config.ts';
import { readBellFacts } from '../db/doctor/bell-facts.ts';
import { type ConnectionFault, connectDoctor, embeddedConnection } from '../db/doctor/connect.ts';
import { type DoctorFacts, readDoctorFacts } from '../db/doctor/facts.ts';
import { readRowFacts } from '../db/doctor/row-facts.ts';
import type { Queryable } from '../db/queryable.ts';
import { CodedError, messageOf } from '../errors.ts';
import { checkBell } from './bell-checks.ts';
import { type Finding, fail, ok, warn } from './findings.ts';
import { checkRetention, checkRollups } from './keeping-checks.ts';
import { checkRows } from './row-checks.ts';
import { checkDisk, type Disk, SERVER_CHECKS } from './server-checks.ts';
import { checkStreams } from './stream-checks.ts';
import { checkPacks } from './verify-checks.ts';

export interface DoctorOptions {
  readonly config: Config;
  /** Sentences about a configuration that works, but perhaps not as meant. */
  readonly warnings: readonly string[];
  /** Compare the rollups with the rows that they were made of. */
  readonly verify: boolean;
  /** Delete the packs that differ, so that they are made anew. Only with `verify`. */
  readonly mend: boolean;
  /** Takes each finding as soon as it is known. */
  readonly found: (finding: Finding) => void;
  /** Takes lines about how far a long check is. */
  readonly progress: (line: string) => unknown;
}

/** Examines everything; answers all findings in order. What keeps it from examining is a finding too. */
export async function runDoctor(options: DoctorOptions): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const add = (more: readonly Finding[]): void => {
    for (const finding of more) {
      findings.push(finding);
      options.found(finding);
    }
  };
  const { config } = options;
  add(checkConfiguration(config, options.warnings));
  const target = await targetOf(config);
  if (target === null) {
    const { database } = config;
    const folder = database.kind === 'embedded' ? database.dataDir : '';
    add([
      ok(
        'database',
        'embedded',
        `none is configured, and the embedded one in ${folder} is not running; npm start brings it up and migrates it`,
      ),
    ]);
    return findings;
  }
  const connected = await connectDoctor(target);
  if (!connected.ok) {
    add([connectionFinding(connected.fault)]);
    return findings;
  }
  const { client } = connected;
  try {
    add([ok('database', 'connected', `reached at ${describeConnection(target)}`)]);
    const facts = await readDoctorFacts(client, config.retentionDays);
    add(checkFacts(facts, config));
    if (config.database.kind === 'embedded') add([checkDisk(await readDisk(config.database.dataDir))]);
    // A standby takes neither LISTEN nor rows.
    if (!facts.inspection.server.inRecovery) {
      add(await tryBell(client, facts, target, config));
      const rows = await readRowFacts(client, facts.catalogue, facts.inspection);
      add(checkRows(rows, config.retentionDays));
    }
    if (options.verify) add(await checkPacks(client, facts, options));
  } catch (error) {
    add([examinationFailed(error)]);
  } finally {
    await client.end().catch(() => undefined);
  }
  return findings;
}

/** The faults of a configuration that cannot be used at all, as findings. */
export function configurationFaults({ faults }: ConfigError): readonly Finding[] {
  return faults.map(({ name, value, problem }) =>
    fail(
      'configuration',
      'configuration',
      value === null ? `${name}: ${problem}` : `${name}=${JSON.stringify(value)}: ${problem}`,
      'alphapulse-dashboard --help',
    ),
  );
}

/** What the facts alone say. */
export function checkFacts(facts: DoctorFacts, { tickMs }: Pick<Config, 'tickMs'>): readonly Finding[] {
  return [
    ...SERVER_CHECKS.flatMap((check) => check(facts)),
    ...(facts.inspection.server.inRecovery ? [] : checkStreams(facts, tickMs)),
    ...checkRollups(facts),
    ...checkRetention(facts),
  ];
}

function checkConfiguration({ database }: Config, warnings: readonly string[]): readonly Finding[] {
  const doubts = warnings.map((sentence) =>
    warn('configuration', 'configuration', sentence.replace(/\.$/, ''), 'alphapulse-dashboard --help'),
  );
  const which = database.kind === 'embedded' ? 'the embedded database' : 'a database of its own';
  return doubts.length > 0
    ? doubts
    : [ok('configuration', 'configuration', `every setting is understood; it names ${which}`)];
}

async function targetOf({ database }: Config): Promise<DatabaseConnection | null> {
  return database.kind === 'external' ? database.connection : embeddedConnection(database.dataDir);
}

/** Rings and listens, on a connection of its own: a pooler may stand before the main one, and the way past it may fail. */
async function tryBell(
  client: Queryable,
  facts: DoctorFacts,
  target: DatabaseConnection,
  { database, tickMs }: Config,
): Promise<readonly Finding[]> {
  const listen = database.kind === 'external' ? database.listen : target;
  const connected = await connectDoctor(listen);
  if (!connected.ok) {
    const { code, reason, mend } = connected.fault;
    return [
      warn(
        'database',
        `listen_${code}`,
        `the connection that listens is not there, so the tick carries on alone: ${reason}`,
        listen === target ? mend : `${mend}; or set DASHBOARD_LISTEN_URL`,
      ),
    ];
  }
  try {
    return checkBell(await readBellFacts(client, connected.client, facts.catalogue), { facts, listen, tickMs });
  } finally {
    await connected.client.end().catch(() => undefined);
  }
}

async function readDisk(folder: string): Promise<Disk> {
  const { bavail, blocks, bsize } = await statfs(folder);
  return { folder, freeBytes: bavail * bsize, bytes: blocks * bsize };
}

function connectionFinding({ code, reason, mend }: ConnectionFault): Finding {
  return fail('database', code, `no connection to ${reason}`, mend);
}

/** The connection was lost, or a right is missing that nothing else told of. */
function examinationFailed(error: unknown): Finding {
  const mend = error instanceof CodedError && error.mend !== undefined ? error.mend : 'npm run doctor, once more';
  return fail('database', 'examination_failed', `the examination broke off: ${messageOf(error)}`, mend);
}
