/** Tells all the rights that a migration lacks at once, before anything is changed. */
import { CodedError } from '../../errors.ts';
import { OWN_SCHEMA } from '../catalogue.ts';
import type { MigrationFacts } from './facts.ts';
import type { Step } from './steps.ts';

/**
 * Checks that the current role may do the steps.
 *
 * @throws CodedError `insufficient_privilege`, with one sentence for each right that is missing.
 */
export function checkRights(facts: MigrationFacts, steps: readonly Step[]): void {
  const { own, catalogue } = facts;
  const { role, database, currentSchema } = catalogue.server;
  const lacks: string[] = [];
  const mends: string[] = [];
  if (own.owner === null && !own.mayCreateSchema) {
    lacks.push(`it may not make a schema in the database ${database}`);
    mends.push(`grant create on database ${database} to ${role}`);
  }
  if (own.owner !== null && !own.owned) {
    lacks.push(`the schema ${OWN_SCHEMA} belongs to ${own.owner}`);
    mends.push(`run migrate as ${own.owner}`);
  }
  for (const { stream, table } of catalogue.streams) {
    if (!steps.some((step) => step.stream === stream && step.batches.length > 0)) continue;
    if (table === null) {
      if (own.mayCreateTable) continue;
      lacks.push(
        `it may not make the table ${stream} in the schema ${currentSchema ?? '(none is on the search path)'}`,
      );
      mends.push(`grant create on schema ${currentSchema ?? 'public'} to ${role}`);
    } else if (!table.owned) {
      lacks.push(`${table.schema}.${stream} belongs to ${table.owner}`);
      mends.push(`run migrate as ${table.owner}, or grant ${table.owner} to ${role}, or --leave ${stream}`);
    } else if (!table.creatable) {
      lacks.push(`it may not make an index in the schema ${table.schema}`);
      mends.push(`grant create on schema ${table.schema} to ${role}`);
    }
  }
  if (lacks.length === 0) return;
  throw new CodedError('insufficient_privilege', `The role ${role} lacks rights: ${[...new Set(lacks)].join('; ')}`, {
    value: role,
    mend: [...new Set(mends)].join('; '),
  });
}
