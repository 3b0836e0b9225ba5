/** Decides, from the facts alone, which steps bring a database up to date or take the dashboard out of it again. */
import { CURSOR_COLUMN, STREAMS, type StreamDeclaration, type StreamName } from '../../../shared/streams.ts';
import { cursorColumnState, type StreamFacts } from '../catalogue.ts';
import { cursorIndex, declaredIndexes, type NeededIndex } from '../indexes.ts';
import { hasStreamShape, type Problem, problemsOf } from '../shape.ts';
import { GATES_FILE, MADE_TABLES_FILE, type MigrationFacts, RING_FILE, ROLLUPS_FILE, SCHEMA_FILE } from './facts.ts';
import { fileOf, type SqlFiles, stepSql } from './files.ts';
import { streamFile } from './generate.ts';
import { type IndexPlace, indexBatches, PARTS_FILE } from './index-steps.ts';
import { type Batch, patient, type Step, strong, wholeFile } from './steps.ts';

/** What the operator asked for. */
export interface PlanOptions {
  /** Streams whose tables are not touched. */
  readonly leave: ReadonlySet<StreamName>;
  /** False: no triggers, and those of earlier migrations are taken away. */
  readonly doorbell: boolean;
}

/** A table that migrations leave alone although nobody asked for it, and why. */
export interface LeftAlone {
  readonly stream: StreamName;
  readonly problems: readonly Problem[];
}

/**
 * Every step there is, in the order in which they are to be done; those without batches are done already. First what is
 * quick, for all tables, then what may take long, so that a table of a hundred million rows does not keep the others.
 */
export function planSteps(files: SqlFiles, facts: MigrationFacts, options: PlanOptions): readonly Step[] {
  const { applied, broken } = facts.own;
  const own = [SCHEMA_FILE, RING_FILE, GATES_FILE, ROLLUPS_FILE, MADE_TABLES_FILE].map((name) =>
    wholeFile(files, name, broken.has(name) || applied.get(name) !== fileOf(files, name).checksum),
  );
  const streams = touched(facts, options).map((stream) => streamPlan(files, facts, stream, options));
  const { server } = facts.catalogue;
  const indexes = (of: (stream: StreamDeclaration) => readonly NeededIndex[], remembered: boolean): Step[] =>
    streams.flatMap(({ stream, table, named }) => {
      const file = streamFile(stream);
      const hypertable = table?.hypertable ?? server.timescaledb !== null;
      const place: IndexPlace = { files, file, table, hypertable, remembered };
      return of(stream).map((index) => {
        const batches = indexBatches(place, index);
        const analyze = batches.length > 0 && table !== null && !remembered;
        return named(`index ${index.name}`, [
          ...batches,
          ...(analyze ? [patient(stepSql(files, file, 'analyze cursor'))] : []),
        ]);
      });
    });
  return [
    ...own,
    ...streams.flatMap(({ quick }) => quick),
    ...indexes((stream) => (cursorIsOurs(facts, stream.name) ? [cursorIndex(stream)] : []), false),
    ...streams.flatMap(({ foreignIds }) => foreignIds),
    // A new table comes with its declared indexes.
    ...indexes((stream) => (tableOf(facts, stream.name) === null ? [] : declaredIndexes(stream)), true),
  ];
}

/** The tables that are left alone because of what they are: each with all that stands against it. */
export function leftAlone(facts: MigrationFacts, options: PlanOptions): readonly LeftAlone[] {
  const { catalogue } = facts;
  return catalogue.streams.flatMap((entry): LeftAlone[] => {
    const { stream, table } = entry;
    if (options.leave.has(stream)) return [];
    if (!usable(entry)) return [{ stream, problems: problemsOf(entry, catalogue.server) }];
    const column = table?.columns.find(({ name }) => name === CURSOR_COLUMN);
    if (table === null || cursorColumnState(table) !== 'foreign' || column === undefined) return [];
    return [
      {
        stream,
        problems: [
          {
            column: CURSOR_COLUMN,
            missing: false,
            problem: `the column ${CURSOR_COLUMN} is ${column.type}, and so none of the dashboard's; it gets no cursor`,
            mend: `alter table ${STREAMS[stream].table} rename column ${CURSOR_COLUMN} to something else`,
          },
        ],
      },
    ];
  });
}

/** The steps that take every trace of the dashboard out; rows and tables stay. */
export function planRemoval(files: SqlFiles, facts: MigrationFacts): readonly Step[] {
  const perTable = facts.catalogue.streams.flatMap(({ stream: name, table }): Step[] => {
    const stream = STREAMS[name];
    const file = streamFile(stream);
    const step = (what: string, batches: readonly Batch[]): Step => ({
      name: `${file}: ${what}`,
      title: `${stream.table}: ${what}`,
      stream: name,
      batches,
    });
    if (table === null) return [];
    const column = cursorColumnState(table);
    const ours = column === 'ready' || column === 'without default';
    // The index would go with the column; dropped before, its files are not thrown away while writers are shut out.
    const index = table.indexes.find((there) => there.name === cursorIndex(stream).name);
    const early = ours && index !== undefined && table.relkind === 'r' && !table.hypertable;
    return [
      step('remove doorbell', table.doorbell === 'absent' ? [] : [strong(stepSql(files, file, 'remove doorbell'))]),
      step('remove rewrites', table.rewrites === 'absent' ? [] : [strong(stepSql(files, file, 'remove rewrites'))]),
      step(
        'remove cursor index',
        early ? [patient(stepSql(files, PARTS_FILE, 'drop index', { schema: table.schema, index: index.name }))] : [],
      ),
      step('remove cursor', ours ? [strong(stepSql(files, file, 'remove cursor'))] : []),
    ];
  });
  const indexes = facts.own.madeIndexes.map(({ schema, index, concurrently }): Step => {
    const part = concurrently ? 'drop index' : 'drop index of a hypertable or a partitioned table';
    const sql = stepSql(files, PARTS_FILE, part, { schema, index });
    return {
      name: `${PARTS_FILE}: drop index ${schema}.${index}`,
      title: `index ${schema}.${index} dropped`,
      stream: null,
      batches: [concurrently ? patient(sql) : strong(sql)],
    };
  });
  const schema: Step = {
    name: `${PARTS_FILE}: drop schema`,
    title: 'schema alphapulse_dashboard dropped',
    stream: null,
    batches: facts.own.owner === null ? [] : [strong(stepSql(files, PARTS_FILE, 'drop schema'))],
  };
  return [...perTable, ...indexes, schema];
}

function tableOf(facts: MigrationFacts, name: StreamName): StreamFacts['table'] {
  return facts.catalogue.streams.find(({ stream }) => stream === name)?.table ?? null;
}

function cursorIsOurs(facts: MigrationFacts, name: StreamName): boolean {
  const table = tableOf(facts, name);
  return table === null || cursorColumnState(table) !== 'foreign';
}

/** A table of a foreign shape is nobody's to change; nor is one made where the pipeline has its own out of sight. */
function usable({ stream, table, elsewhere }: StreamFacts): boolean {
  if (table !== null) return hasStreamShape(STREAMS[stream], table);
  return STREAMS[stream].owned || elsewhere.length === 0;
}

function touched(facts: MigrationFacts, options: PlanOptions): readonly StreamFacts[] {
  return facts.catalogue.streams.filter((entry) => usable(entry) && !options.leave.has(entry.stream));
}

/** TimescaleDB gives the triggers of hypertables transition tables from 2.18 on. */
function hasTransitionTables(timescaledb: string | null): boolean {
  const [major = 0, minor = 0] = (timescaledb ?? '').split('.').map(Number);
  return major > 2 || (major === 2 && minor >= 18);
}

function rewritesTitle(hypertable: boolean, timescaledb: string | null): string {
  if (!hypertable) return 'rewrites';
  return hasTransitionTables(timescaledb) ? 'rewrites, hypertable' : 'rewrites, without transition tables';
}

interface StreamPlan {
  readonly stream: StreamDeclaration;
  readonly table: StreamFacts['table'];
  readonly quick: readonly Step[];
  readonly foreignIds: readonly Step[];
  readonly named: (what: string, batches: readonly Batch[]) => Step;
}

function streamPlan(files: SqlFiles, facts: MigrationFacts, entry: StreamFacts, options: PlanOptions): StreamPlan {
  const stream = STREAMS[entry.stream];
  const { table } = entry;
  const { server } = facts.catalogue;
  const file = streamFile(stream);
  const named = (what: string, batches: readonly Batch[]): Step => ({
    name: `${file}: ${what}`,
    title: `${stream.table}: ${what}`,
    stream: stream.name,
    batches,
  });
  const sql = (title: string): string =>
    stepSql(files, file, title, server.timescaledbSchema === null ? {} : { timescaledb: server.timescaledbSchema });
  const make = sql(server.timescaledb === null ? 'table' : 'table, hypertable');
  const remember = stepSql(files, PARTS_FILE, 'remember table', { table: stream.table });
  const column = table === null ? 'absent' : cursorColumnState(table);
  const bell = table?.doorbell ?? 'absent';
  const hypertable = table === null ? server.timescaledb !== null : table.hypertable;
  // A table that was made a hypertable since has a trigger that would keep it from being compressed.
  const rewrites = table?.hypertable && table.seesDeleted ? 'faulty' : (table?.rewrites ?? 'absent');
  const rewriteTitle = rewritesTitle(hypertable, server.timescaledb);
  const cursor = {
    absent: [strong(`${sql('cursor column')}\n${sql('cursor default')}`)],
    'without default': [strong(sql('cursor default'))],
    ready: [],
    foreign: [],
  }[column];
  return {
    stream,
    table,
    named,
    quick: [
      named('table', table === null ? [strong(`${make}\n${remember}`)] : []),
      named('cursor column', cursor),
      options.doorbell
        ? named('doorbell', bell === 'ready' ? [] : [strong(sql('doorbell'))])
        : named('remove doorbell', bell === 'absent' ? [] : [strong(sql('remove doorbell'))]),
      options.doorbell
        ? named('rewrites', rewrites === 'ready' ? [] : [strong(`${sql(rewriteTitle)}\n${sql('void rollups')}`)])
        : named(
            'remove rewrites',
            rewrites === 'absent' ? [] : [strong(`${sql('remove rewrites')}\n${sql('void rollups')}`)],
          ),
    ],
    // Null is for "not known yet": the step then runs once the index is there to look by.
    foreignIds: [
      named(
        'foreign ids',
        facts.foreignIds.get(stream.name) === false ? [] : [{ ...strong(sql('foreign ids')), mode: 'until none' }],
      ),
    ],
  };
}
