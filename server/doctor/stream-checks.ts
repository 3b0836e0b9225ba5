/** What doctor says of each stream: its table and columns, and what makes it immediate, exact and fast. */
import { STREAMS } from '../../shared/streams.ts';
import type { StreamFacts, TableFacts } from '../db/catalogue.ts';
import type { DoctorFacts } from '../db/doctor/facts.ts';
import { columnList, cursorIndex, declaredIndexes, serves } from '../db/indexes.ts';
import { type StreamInspection, shortfallOf } from '../db/inspect.ts';
import { type Finding, fail, ok, warn } from './findings.ts';

const MIGRATE = 'npm run migrate';

/** All that concerns one stream: one line for each fault, or one that says that there is none. */
export function checkStreams({ catalogue, inspection }: DoctorFacts, tickMs: number): readonly Finding[] {
  return inspection.streams.flatMap((found): readonly Finding[] => {
    const facts = catalogue.streams.find(({ stream }) => stream === found.stream);
    const faults = facts === undefined ? [] : checkStream(found, facts, tickMs);
    return faults.length > 0 ? faults : [whole(found, facts?.table ?? null)];
  });
}

function checkStream(found: StreamInspection, { table }: StreamFacts, tickMs: number): readonly Finding[] {
  // Where the table has to make room for another, mending single columns is needless.
  const rename = found.problems.find(({ mend }) => mend.includes(' rename to '));
  const broken = found.problems.map(({ problem, mend, column, missing }) =>
    fail(
      found.stream,
      column === null ? (found.exists ? 'table' : 'table_missing') : missing ? 'column_missing' : 'column_type',
      `it is off: ${problem}`,
      rename?.mend ?? mend,
    ),
  );
  if (broken.length > 0 || table === null) return broken;
  return [
    ...cursor(found, table, tickMs),
    ...trigger(found, table.doorbell, {
      code: 'doorbell',
      name: 'the trigger that rings the doorbell',
      effect: `rows come with the tick, within ${tickMs / 1000} s`,
    }),
    ...trigger(found, table.rewrites, {
      code: 'rewrite_triggers',
      name: 'the triggers that note rewritten rows',
      effect: 'history is read from all the rows, without rollups',
    }),
    ...blindness(found, table),
    ...indexes(found, table),
  ];
}

/** A hypertable of which the trigger for deletes was made while it was a plain table. */
function blindness(found: StreamInspection, { hypertable, rewrites, seesDeleted }: TableFacts): readonly Finding[] {
  if (!hypertable || rewrites === 'absent' || !seesDeleted) return [];
  const what =
    'its trigger for deleted rows asks to see them, and while it does TimescaleDB refuses to compress the table';
  return [warn(found.stream, 'rewrite_triggers', what, mendOf(found))];
}

function cursor(found: StreamInspection, table: TableFacts, tickMs: number): readonly Finding[] {
  const { stream } = found;
  const shortfall = shortfallOf(found, tickMs);
  if (shortfall !== null) return [warn(stream, 'cursor_column', shortfall.reason, mendOf(found))];
  if (!found.cursorIndex) {
    const needed = cursorIndex(STREAMS[stream]);
    const what = `it has no valid index on ${columnList(needed)}, so every look reads the whole table${cutOff(table, needed.name)}`;
    return [warn(stream, 'cursor_index', what, mendOf(found))];
  }
  if (!found.foreignCursorValues) return [];
  const what =
    'rows carry transaction ids of another server, and would be taken for new ones when the counter gets there';
  return [warn(stream, 'foreign_cursor_values', what, mendOf(found))];
}

function trigger(
  found: StreamInspection,
  state: TableFacts['doorbell'],
  {
    code,
    name,
    effect,
  }: { readonly code: 'doorbell' | 'rewrite_triggers'; readonly name: string; readonly effect: string },
): readonly Finding[] {
  if (state === 'ready') return [];
  const how = state === 'absent' ? 'missing' : "disabled, or not the dashboard's";
  return [warn(found.stream, code, `${name}: ${how}, so ${effect}`, mendOf(found))];
}

function indexes(found: StreamInspection, table: TableFacts): readonly Finding[] {
  const { stream } = found;
  const missing = declaredIndexes(STREAMS[stream])
    .filter((needed) => !table.indexes.some((index) => serves(index, needed)))
    .map((needed) =>
      warn(
        stream,
        'index_missing',
        `it has no valid index on ${columnList(needed)}, so history is slow${cutOff(table, needed.name)}`,
        mendOf(found),
      ),
    );
  // Those that migrations make are dropped and made anew by the next run.
  const ours = new Set([cursorIndex(STREAMS[stream]), ...declaredIndexes(STREAMS[stream])].map(({ name }) => name));
  const invalid = table.indexes
    .filter(({ valid, name }) => !valid && !ours.has(name))
    .map(({ schema, name }) =>
      warn(
        stream,
        'index_invalid',
        `the index ${name} is invalid: writers pay for it, and nobody can read by it`,
        anew(table, `${schema}.${name}`),
      ),
    );
  return [...missing, ...invalid];
}

/** How an index that is nobody's but its owner's becomes valid. TimescaleDB makes none of a hypertable valid by REINDEX. */
function anew({ hypertable }: TableFacts, index: string): string {
  return hypertable
    ? `select pg_get_indexdef('${index}'::regclass), then drop index ${index}, then run what the first answered`
    : `reindex index concurrently ${index}`;
}

function cutOff(table: TableFacts, name: string): string {
  const left = table.indexes.some((index) => index.name === name && !index.valid);
  return left ? ` (${name} is invalid: its building was cut off, or is under way)` : '';
}

function mendOf({ alterable, owner }: StreamInspection): string {
  return alterable ? MIGRATE : `${MIGRATE}, as a role that may alter it, as ${owner} may`;
}

function whole({ stream, hypertable, relkind }: StreamInspection, table: TableFacts | null): Finding {
  const kind = hypertable ? 'hypertable' : relkind === 'p' ? 'partitioned table' : 'table';
  const place = table === null ? stream : `${table.schema}.${STREAMS[stream].table}`;
  return ok(stream, 'stream', `the ${kind} ${place} has its columns, cursor, triggers and indexes`);
}
