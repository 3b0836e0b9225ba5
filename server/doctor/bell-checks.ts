/** What doctor says of the doorbell after it was tried: whether notifications are heard, and whether the triggers ring. */
import type { DatabaseConnection } from '../config.ts';
import { describeConnection } from '../config.ts';
import type { BellFacts, Trial } from '../db/doctor/bell-facts.ts';
import type { DoctorFacts } from '../db/doctor/facts.ts';
import { sqlName } from '../db/sql-name.ts';
import { type Finding, ok, warn } from './findings.ts';

/** What the checks need to know beside what was tried. */
export interface BellContext {
  readonly facts: Pick<DoctorFacts, 'catalogue' | 'pendingSteps'>;
  /** Where notifications are listened for. */
  readonly listen: DatabaseConnection;
  readonly tickMs: number;
}

/** Has the functions and gates made anew: a file that is not noted as applied is applied again. */
const REMAKE = `psql -c "delete from alphapulse_dashboard.migrations where name in ('002-ring.sql', '003-gates.sql')", then: npm run migrate`;

/** The doorbell as a whole, and each trigger that did not ring. */
export function checkBell(bell: BellFacts, context: BellContext): readonly Finding[] {
  return [...listening(bell, context), ...settings(bell), ...triggers(bell, context)];
}

function listening({ listening: state, serverAddress }: BellFacts, context: BellContext): readonly Finding[] {
  const { listen, tickMs, facts } = context;
  const place = describeConnection(listen);
  const effect = `so rows come with the tick, within ${tickMs / 1000} s`;
  switch (state) {
    case 'heard':
      return [ok('database', 'listen', `notifications are heard at ${place}`)];
    case 'deaf': {
      const { host, port } = serverAddress ?? { host: 'HOST', port: 5432 };
      const shownHost = host.includes(':') ? `[${host}]` : host;
      // A pooler may know the database under another name.
      const { role, database } = facts.catalogue.server;
      const direct = `postgres://${encodeURIComponent(role)}:PASSWORD@${shownHost}:${port}/${encodeURIComponent(database)}`;
      return [
        warn(
          'database',
          'listen_deaf',
          `what is notified is not heard at ${place}, as behind a transaction pooler, ${effect}; listening needs a direct connection`,
          `export DASHBOARD_LISTEN_URL='${direct}'`,
        ),
      ];
    }
    case 'forbidden': {
      const { role } = facts.catalogue.server;
      return [
        warn(
          'database',
          'notify_right',
          `the role ${role} may not notify, so a server never knows whether it hears`,
          `grant execute on function pg_catalog.pg_notify(text, text) to ${sqlName(role)}`,
        ),
      ];
    }
    case 'quiet':
      // The queue has a line of its own.
      return [];
  }
}

/** What keeps triggers from ringing that are there and enabled, whoever writes. */
function settings({ replicaResets, mutedOwner }: BellFacts): readonly Finding[] {
  const resets = replicaResets.map((reset) =>
    warn(
      'database',
      'replication_role',
      'session_replication_role is set to replica, with which no trigger fires: rows come with the tick, and what is rewritten is not noted',
      reset,
    ),
  );
  if (mutedOwner === null) return resets;
  return [
    ...resets,
    warn(
      'database',
      'notify_right',
      `the role ${mutedOwner}, which the triggers ring as, may not notify, so they ring in vain`,
      `grant execute on function pg_catalog.pg_notify(text, text) to ${sqlName(mutedOwner)}`,
    ),
  ];
}

function triggers(bell: BellFacts, { facts, tickMs }: BellContext): readonly Finding[] {
  const named = (outcome: Trial['outcome']): readonly Trial[] =>
    bell.trials.filter((trial) => trial.outcome === outcome);
  const rang = named('rang').map(({ stream }) => stream);
  return [
    ...(rang.length === 0
      ? []
      : [ok('database', 'doorbell_rings', `tried by an INSERT of no rows, the triggers ring: ${rang.join(', ')}`)]),
    ...named('untried').map(({ stream, reason }) =>
      ok(stream, 'doorbell_untried', `its trigger is there; whether it rings was not tried: ${reason}`),
    ),
    ...named('silent').map(({ stream }) =>
      warn(
        stream,
        'doorbell_silent',
        `its trigger is there and enabled and does not ring, so rows come with the tick, within ${tickMs / 1000} s`,
        silenceMend(bell, facts),
      ),
    ),
  ];
}

function silenceMend({ replicaResets, mutedOwner }: BellFacts, { pendingSteps }: BellContext['facts']): string {
  const [reset] = replicaResets;
  if (reset !== undefined) return reset;
  if (mutedOwner !== null)
    return `grant execute on function pg_catalog.pg_notify(text, text) to ${sqlName(mutedOwner)}`;
  return pendingSteps !== null && pendingSteps.length > 0 ? 'npm run migrate' : REMAKE;
}
