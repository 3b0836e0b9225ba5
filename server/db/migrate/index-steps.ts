/** How an index comes to be beside writers that must not wait: its steps for plain, cut and partitioned tables. */
import type { IndexFacts, TableFacts } from '../catalogue.ts';
import { equivalent, type NeededIndex, serves } from '../indexes.ts';
import { type SqlFiles, stepSql } from './files.ts';
import { type Batch, patient, strong } from './steps.ts';

/** The file with the parts that take names. */
export const PARTS_FILE = '900-parts.sql';
const LONGEST_NAME = 63;

/** Where an index is to be made. */
export interface IndexPlace {
  readonly files: SqlFiles;
  /** The stream's file, which has the index's steps. */
  readonly file: string;
  /** Null where the table is made first: it is empty then, and of the kind that `hypertable` says. */
  readonly table: TableFacts | null;
  readonly hypertable: boolean;
  /** Whether removal has to be able to tell the index from those that were there before. */
  readonly remembered: boolean;
}

/** The batches that make a needed index; none where one serves already. What an earlier attempt left is dropped first. */
export function indexBatches(place: IndexPlace, needed: NeededIndex): readonly Batch[] {
  const { files, file, table, hypertable } = place;
  const sql = stepSql(files, file, hypertable ? `index ${needed.name}, hypertable` : `index ${needed.name}`);
  if (table === null) return [hypertable ? byChunk(sql) : patient(sql)];
  if (table.indexes.some((index) => serves(index, needed))) return [];
  const named = table.indexes.find(({ name }) => name === needed.name);
  const remember = place.remembered
    ? [strong(stepSql(files, PARTS_FILE, 'remember index', { schema: table.schema, index: needed.name }))]
    : [];
  if (table.relkind === 'p') return [...remember, ...partitioned(place, table, needed, named)];
  if (hypertable) return [...remember, ...(named ? [dropStrongly(files, named)] : []), byChunk(sql)];
  return [...remember, ...(named ? [dropConcurrently(files, named)] : []), patient(sql)];
}

/** TimescaleDB locks one chunk at a time, against its writers, so the wait for each lock is bounded. */
function byChunk(sql: string): Batch {
  return { ...strong(sql), mode: 'alone' };
}

/**
 * PostgreSQL cannot build a partitioned index concurrently: the parent's is declared alone, each partition's is built
 * concurrently and attached. The parent's becomes valid with the last of them. What is attached already stays.
 */
function partitioned(
  { files, file }: IndexPlace,
  table: TableFacts,
  needed: NeededIndex,
  named: IndexFacts | undefined,
): readonly Batch[] {
  const batches: Batch[] = [];
  if (named === undefined || !equivalent(named, needed)) {
    if (named) batches.push(dropStrongly(files, named));
    batches.push(strong(stepSql(files, file, `index ${needed.name}, partitioned`)));
  }
  // Index that a partition's own has to be attached to, by the oid of the partition's parent.
  const parents = new Map([[table.oid, { schema: table.schema, name: needed.name }]]);
  for (const partition of table.partitions) {
    const parent = parents.get(partition.parent);
    if (parent === undefined) continue;
    const attached = partition.indexes.find((index) => index.parent === parent.name && equivalent(index, needed));
    const own = partitionIndexName(needed.name, partition.oid);
    parents.set(partition.oid, { schema: partition.schema, name: attached?.name ?? own });
    if (attached) continue;
    const variables = {
      schema: partition.schema,
      partition: partition.name,
      index: own,
      parent_schema: parent.schema,
      parent_index: parent.name,
    };
    const left = partition.indexes.find(({ name }) => name === own);
    const usable = left !== undefined && equivalent(left, needed) && (left.valid || !partition.leaf);
    if (left && !usable) {
      batches.push(partition.leaf ? dropConcurrently(files, left) : dropStrongly(files, left));
    }
    if (!usable) {
      batches.push(
        partition.leaf
          ? patient(stepSql(files, file, `index ${needed.name}, partition`, variables))
          : strong(stepSql(files, file, `index ${needed.name}, inner partition`, variables)),
      );
    }
    batches.push(strong(stepSql(files, PARTS_FILE, 'attach index', variables)));
  }
  return batches;
}

/** Partitions can be many and have long names of their own; their oid tells them apart in fewer letters. */
function partitionIndexName(name: string, oid: number): string {
  const suffix = `_${oid}`;
  return name.slice(0, LONGEST_NAME - suffix.length) + suffix;
}

function dropConcurrently(files: SqlFiles, { schema, name }: IndexFacts): Batch {
  return patient(stepSql(files, PARTS_FILE, 'drop index', { schema, index: name }));
}

function dropStrongly(files: SqlFiles, { schema, name }: IndexFacts): Batch {
  return strong(
    stepSql(files, PARTS_FILE, 'drop index of a hypertable or a partitioned table', { schema, index: name }),
  );
}
