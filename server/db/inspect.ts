/** Holds the declaration of the streams against the database's catalogue: what can work, what cannot, and what mends it. */
import { CURSOR_COLUMN, STREAMS, type StreamName } from '../../shared/streams.ts';
import { type Catalogue, cursorColumnState, readCatalogue, type StreamFacts } from './catalogue.ts';
import { cursorIndex, declaredIndexes, serves } from './indexes.ts';
import type { Queryable } from './queryable.ts';
import { type Problem, problemsOf, summarise } from './shape.ts';

export type { Problem } from './shape.ts';

/** One stream, as the database has it. */
export interface StreamInspection {
  readonly stream: StreamName;
  /** Whether anything of the table's name is on the search path. */
  readonly exists: boolean;
  /** As in pg_class; null where it does not exist. */
  readonly relkind: string | null;
  readonly hypertable: boolean;
  /** All differences from the declaration at once; empty: the stream can work. */
  readonly problems: readonly Problem[];
  /** Whether the cursor column is there, with its type and its default. */
  readonly cursorColumn: boolean;
  /** Whether a valid index for the cursor is there. */
  readonly cursorIndex: boolean;
  /** Whether the doorbell's trigger is there and enabled. */
  readonly doorbell: boolean;
  /** Whether the triggers that tell of updated and deleted rows are there and enabled. */
  readonly rewritesTold: boolean;
  /** Whether the current role may read the table. */
  readonly readable: boolean;
  /** Whether the current role may alter the table. */
  readonly alterable: boolean;
  /** The role that owns the table, null where it does not exist. */
  readonly owner: string | null;
  /**
   * Whether rows carry ids of transactions that this server has not begun yet (a restored dump, a staging copy), which
   * would be taken for new ones later. Looked up only where the cursor's index is there; else false.
   */
  readonly foreignCursorValues: boolean;
  /** The declared indexes that no index serves for, as column lists. */
  readonly indexesMissing: readonly string[];
}

/** The whole database, as the streams see it. */
export interface Inspection {
  readonly server: {
    /** As `server_version_num`: 150018 is 15.18. */
    readonly versionNumber: number;
    /** True on a standby, where streams cannot work. */
    readonly inRecovery: boolean;
    /** TimescaleDB's version, null without it. */
    readonly timescaledb: string | null;
  };
  /** In the order of the declaration. */
  readonly streams: readonly StreamInspection[];
}

/** Reads the catalogue and judges it. Changes nothing, and needs no rights on the dashboard's own schema. */
export async function inspect(db: Queryable): Promise<Inspection> {
  const catalogue = await readCatalogue(db);
  const streams: StreamInspection[] = [];
  for (const facts of catalogue.streams) streams.push(await inspectStream(db, catalogue, facts));
  const { versionNumber, inRecovery, timescaledb } = catalogue.server;
  return { server: { versionNumber, inRecovery, timescaledb }, streams };
}

async function inspectStream(db: Queryable, catalogue: Catalogue, facts: StreamFacts): Promise<StreamInspection> {
  const { stream, table } = facts;
  const problems = problemsOf(facts, catalogue.server);
  const declared = declaredIndexes(STREAMS[stream]);
  if (table === null) {
    return {
      stream,
      exists: false,
      relkind: null,
      hypertable: false,
      problems,
      cursorColumn: false,
      cursorIndex: false,
      doorbell: false,
      rewritesTold: false,
      readable: false,
      alterable: false,
      owner: null,
      foreignCursorValues: false,
      indexesMissing: declared.map(({ columns }) => columns),
    };
  }
  const column = cursorColumnState(table) === 'ready';
  const index = column && table.indexes.some((there) => serves(there, cursorIndex(STREAMS[stream])));
  return {
    stream,
    exists: true,
    relkind: table.relkind,
    hypertable: table.hypertable,
    problems,
    cursorColumn: column,
    cursorIndex: index,
    doorbell: table.doorbell === 'ready',
    rewritesTold: table.rewrites === 'ready',
    readable: table.readable,
    alterable: table.owned,
    owner: table.owner,
    foreignCursorValues: index && table.readable && (await hasForeignCursorValues(db, stream)),
    indexesMissing: declared
      .filter((needed) => !table.indexes.some((there) => serves(there, needed)))
      .map(({ columns }) => columns),
  };
}

/**
 * Whether visible rows carry a transaction id that the statement's own snapshot has not reached: no row of this server
 * can. Asks for the greatest id, and not for any such row: with a limit, the planner would rather read the whole table.
 */
export async function hasForeignCursorValues(db: Queryable, stream: StreamName): Promise<boolean> {
  const { rowCount } = await db.query(
    `select 1 from (
       select ${CURSOR_COLUMN} from ${STREAMS[stream].table} where ${CURSOR_COLUMN} is not null
       order by ${CURSOR_COLUMN} desc limit 1) as greatest
     where ${CURSOR_COLUMN} >= pg_snapshot_xmax(pg_current_snapshot())`,
  );
  return rowCount === 1;
}

/**
 * Why a stream must be off, in one line, and what mends it; null where it can work. Missing columns are named together.
 */
export function reasonOf(inspection: StreamInspection): { reason: string; mend: string } | null {
  return inspection.problems.length === 0 ? null : summarise(inspection.problems);
}

/**
 * What a stream that can work falls short of because its table has no cursor column, in one line, and what mends it; null
 * where the table has one.
 *
 * @param tickMs how often such a table is looked at.
 */
export function shortfallOf(
  { cursorColumn, alterable, owner }: StreamInspection,
  tickMs: number,
): { reason: string; mend: string } | null {
  if (cursorColumn) return null;
  const how = alterable ? 'run: npm run migrate' : `run npm run migrate as a role that may alter it, as ${owner} may`;
  return {
    reason: `its table has no cursor column, so it runs on the overlap cursor: rows come with the tick alone, every ${tickMs / 1000} s, and are found by created_at; one whose created_at is not the beginning of its transaction may be missed`,
    mend: `To make it immediate and exact, ${how}`,
  };
}
