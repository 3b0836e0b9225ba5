/** Names in SQL that people copy: as they would write them, quoted where they have to be. */
import { quoteIdentifier } from '../../shared/columns.ts';

/** A role's, table's or database's name for a statement; quoted unless it is plain. */
export function sqlName(name: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(name) ? name : quoteIdentifier(name);
}
