/** What doctor says of what the dashboard keeps of its own: the rollups, and the retention of rows. */
import type { DoctorFacts } from '../db/doctor/facts.ts';
import type { StreamRollups } from '../db/doctor/rollup-facts.ts';
import { sqlName } from '../db/sql-name.ts';
import { type Finding, ok, warn } from './findings.ts';

/** Behind by less than this is no matter: the maintainer works about every second, and slower while it builds. */
const MOST_BEHIND_MS = 60_000;

/** The rollups of all streams. */
export function checkRollups({ rollups, inspection, catalogue }: DoctorFacts): readonly Finding[] {
  if (inspection.server.inRecovery) return [];
  const { role } = catalogue.server;
  if (rollups.access === 'missing') {
    return [
      warn('rollups', 'rollups_missing', 'there are no tables for them: long ranges are slow', 'npm run migrate'),
    ];
  }
  const findings: Finding[] = [];
  if (rollups.access === 'forbidden') {
    findings.push(
      warn(
        'rollups',
        'rollups_forbidden',
        `the role ${role} may not keep them: a server that connects as ${role} does not`,
        `grant usage on schema alphapulse_dashboard to ${sqlName(role)}; grant select, insert, update, delete on all tables in schema alphapulse_dashboard to ${sqlName(role)}`,
      ),
    );
  }
  findings.push(
    rollups.maintainer === null
      ? warn('rollups', 'rollups_unkept', 'nobody keeps them at present: no server runs that may', 'npm start')
      : ok('rollups', 'rollups_kept', `kept by ${rollups.maintainer}`),
  );
  return [...findings, ...rollups.streams.map((stream) => checkStream(stream))];
}

function checkStream(rollups: StreamRollups): Finding {
  const { stream, state, hoursDone, hoursAll, touched, rewrites, behindMs } = rollups;
  switch (state) {
    case 'unfit':
      return warn(
        'rollups',
        'rollups_unfit',
        `${stream} can have none without its cursor column and the triggers that note rewritten rows`,
        'npm run migrate',
      );
    case 'void':
      return warn(
        'rollups',
        'rollups_void',
        `those of ${stream} are of another table or version and not read; a server builds them anew`,
        'npm start',
      );
    case 'none':
      return warn(
        'rollups',
        'rollups_none',
        `those of ${stream} were not begun; a server that runs builds them`,
        'npm start',
      );
    default: {
      const left = [
        `${hoursDone} of ${hoursAll} hours`,
        ...(touched > 0 ? [`${touched} to be made again`] : []),
        ...(rewrites > 0 ? [`${rewrites} notes of rewritten rows`] : []),
      ].join(', ');
      if (behindMs !== null && behindMs > MOST_BEHIND_MS) {
        const since = `${Math.round(behindMs / 1000)} s`;
        return warn(
          'rollups',
          'rollups_behind',
          `${stream}: ${left}; behind by ${since}, so the rows since are read one by one`,
          'npm start',
        );
      }
      return ok('rollups', 'rollups_progress', `${stream}: ${left}`);
    }
  }
}

/** Whether old rows are deleted, and where not, why. */
export function checkRetention({ retention }: DoctorFacts): readonly Finding[] {
  const { days, verdicts } = retention;
  if (days === null) return [ok('retention', 'retention_off', 'off: no row is ever deleted')];
  return verdicts.map((verdict) =>
    verdict.works
      ? ok('retention', 'retention', `rows of ${verdict.stream} are deleted after ${days} days`)
      : warn('retention', 'retention_unable', `rows of ${verdict.stream} stay: ${verdict.reason}`, verdict.mend),
  );
}
