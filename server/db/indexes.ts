/** Which indexes a stream's table needs, what they are called, and whether an index that is there serves as one of them. */
import { CURSOR_COLUMN, type StreamDeclaration } from '../../shared/streams.ts';
import type { IndexFacts } from './catalogue.ts';

/** An index that the dashboard's queries rely on. */
export interface NeededIndex {
  /** The name that migrations give it; an index of any other name serves as well. */
  readonly name: string;
  /** The column list, as SQL; not those that are included. */
  readonly columns: string;
  /** The condition of a partial index, as SQL; null for a full one. */
  readonly predicate: string | null;
  readonly keys: readonly { readonly column: string; readonly descending: boolean }[];
  /** Columns that queries read from the index alone. */
  readonly included: readonly string[];
}

/** PostgreSQL cuts longer names off. */
const LONGEST_NAME = 63;

/** The index that the cursor reads by. It is partial, so that rows from before the column take no place in it. */
export function cursorIndex(stream: StreamDeclaration): NeededIndex {
  return {
    name: checked(`dashboard_${stream.table}_cursor`),
    columns: `${CURSOR_COLUMN}, id`,
    predicate: `${CURSOR_COLUMN} is not null`,
    keys: parseKeys(`${CURSOR_COLUMN}, id`),
    included: [],
  };
}

/** The indexes that a stream declares, in order. */
export function declaredIndexes(stream: StreamDeclaration): readonly NeededIndex[] {
  return stream.indexes.map(({ columns, include = [] }) => {
    const keys = parseKeys(columns);
    const name = checked(`dashboard_${stream.table}_${keys.map(({ column }) => column).join('_')}`);
    return { name, columns, predicate: null, keys, included: include };
  });
}

/** The columns of an index, as SQL behind the table's name. */
export function columnList({ columns, included }: NeededIndex): string {
  return included.length === 0 ? `(${columns})` : `(${columns}) include (${included.join(', ')})`;
}

/**
 * Whether an index does what is needed: valid, a B-tree, with the needed columns first and in order, read forwards or
 * backwards, and the included ones in it somewhere. A partial index serves only where the same condition is needed.
 */
export function serves(index: IndexFacts, needed: NeededIndex): boolean {
  return index.valid && equivalent(index, needed);
}

/** As `serves`, for an index that may be invalid. */
export function equivalent(index: IndexFacts, needed: NeededIndex): boolean {
  if (index.method !== 'btree') return false;
  if (index.predicate !== null && !samePredicate(index.predicate, needed.predicate)) return false;
  const carried = new Set([...index.keys.map(({ column }) => column), ...index.included]);
  if (!needed.included.every((column) => carried.has(column))) return false;
  const forwards = matches(index, needed, false);
  return forwards || matches(index, needed, true);
}

function matches(index: IndexFacts, needed: NeededIndex, backwards: boolean): boolean {
  return needed.keys.every((key, place) => {
    const there = index.keys[place];
    if (there === undefined || !there.plain || there.column !== key.column) return false;
    // Nulls stand first in PostgreSQL's descending order, last in its ascending one.
    const descending = key.descending !== backwards;
    return there.descending === descending && there.nullsFirst === descending;
  });
}

function samePredicate(there: string, needed: string | null): boolean {
  const bare = (text: string): string => text.replace(/^\((.*)\)$/, '$1').toLowerCase();
  return needed !== null && bare(there) === bare(needed);
}

/** `symbol, "timestamp" desc` -> its columns. Only the plain form of the stream declarations is understood. */
function parseKeys(columns: string): NeededIndex['keys'] {
  return columns.split(',').map((part) => {
    const match = /^\s*"?(\w+)"?(\s+desc)?\s*$/.exec(part);
    const column = match?.[1];
    if (column === undefined) throw new Error(`An index column must be a name, with desc or without, not ${part}`);
    return { column, descending: match?.[2] !== undefined };
  });
}

function checked(name: string): string {
  if (name.length > LONGEST_NAME) {
    throw new Error(`The index name ${name} has ${name.length} characters; PostgreSQL keeps ${LONGEST_NAME}`);
  }
  return name;
}
