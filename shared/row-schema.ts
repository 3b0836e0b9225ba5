/**
 * The rows of frames as schemas, derived from the declaration of the streams: what a subscriber may rely on, for the documents
 * that say so. Where rows come in, `row-check.ts` holds them against the same declaration.
 */
import * as z from 'zod/mini';
import type { Column, ColumnKind, StreamDeclaration, StreamName } from './streams.ts';
import { columnsOf, STREAM_NAMES, STREAMS } from './streams.ts';

/** A number as JSON carries it (F8). */
const wireNumber = z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity'])]);

const CELLS: Readonly<Record<ColumnKind, z.ZodMiniType>> = {
  integer: wireNumber,
  decimal: wireNumber,
  float: wireNumber,
  text: z.string(),
  timestamp: wireNumber,
  document: z.unknown(),
};

/** Null where the table has null; absent where a server of another version, or the detail (F9), leaves the column out. */
function cellOf(column: Column): z.ZodMiniType {
  return z.optional(z.nullable(CELLS[column.kind]));
}

function schemaOf(stream: StreamDeclaration): z.ZodMiniType {
  const columns = columnsOf(stream).map((column) => [column.name, cellOf(column)] as const);
  // No channel carries a row without these three.
  const sure = { id: z.number(), timestamp: z.number(), [stream.key.name]: z.string() };
  return z.object({ ...Object.fromEntries(columns), ...sure });
}

const SCHEMAS: ReadonlyMap<StreamName, z.ZodMiniType> = new Map(
  STREAM_NAMES.map((name) => [name, schemaOf(STREAMS[name])]),
);

/** The schema of a stream's rows in frames of either detail. */
export function rowSchema(stream: StreamName): z.ZodMiniType {
  const schema = SCHEMAS.get(stream);
  if (schema === undefined) throw new Error(`no schema for stream ${stream}`);
  return schema;
}
