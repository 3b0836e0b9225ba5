/** How far the rollups of each stream are, whether they can be trusted, and whether anybody keeps them. */
import * as z from 'zod';
import { quoteIdentifier } from '../../../shared/columns.ts';
import { CURSOR_COLUMN, STREAMS } from '../../../shared/streams.ts';
import type { Snapshot } from '../../feed/ports.ts';
import { type Catalogue, OWN_SCHEMA } from '../catalogue.ts';
import { HOLDER_SQL } from '../migrate/watch.ts';
import { type Queryable, readCell } from '../queryable.ts';
import { type RollupProgress, rollupMaintainerPid, rollupProgress } from '../rollup/progress.ts';
import { readRollupStanding } from '../rollup/standing.ts';
import { rollupAccess, WINDOW_MS } from '../rollup/tables.ts';

/** The rollups of one stream. */
export interface StreamRollups extends RollupProgress {
  /** `none`: nobody has begun. `void`: of another table or version. `unfit`: the table cannot have any. */
  readonly state: 'none' | 'void' | 'unfit' | 'kept';
  /** Ms since the position was moved, where there are rows after it; null where there are none. */
  readonly behindMs: number | null;
}

/** All rollups of a database. */
export interface RollupFacts {
  /** Whether the current role may keep them: `missing` where there are no tables for them. */
  readonly access: 'ready' | 'missing' | 'forbidden';
  /** Who keeps them at present, for people to read; null where nobody does. */
  readonly maintainer: string | null;
  /** The streams whose table exists; empty where the rollups cannot be read. */
  readonly streams: readonly StreamRollups[];
}

const holderRow = z.object({ holder: z.string() });
const readableRow = z.object({ readable: z.boolean() });

/** Reads the state of all rollups; what the role may not read is left out. */
export async function readRollupFacts(db: Queryable, catalogue: Catalogue): Promise<RollupFacts> {
  const access = await rollupAccess(db);
  if (access === 'missing') return { access, maintainer: null, streams: [] };
  const streams: StreamRollups[] = [];
  if (!catalogue.server.inRecovery && (await mayRead(db))) {
    for (const progress of await rollupProgress(db)) {
      const table = catalogue.streams.find(({ stream }) => stream === progress.stream)?.table ?? null;
      if (table?.readable) streams.push(await readStream(db, progress));
    }
  }
  return { access, maintainer: await readMaintainer(db), streams };
}

async function mayRead(db: Queryable): Promise<boolean> {
  const { rows } = await db.query(
    `select coalesce(bool_and(has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')), false) as readable
     from pg_namespace n join pg_class c on c.relnamespace = n.oid and c.relkind in ('r', 'v') where n.nspname = '${OWN_SCHEMA}'`,
  );
  return readableRow.parse(rows[0]).readable;
}

async function readStream(db: Queryable, progress: RollupProgress): Promise<StreamRollups> {
  if (!progress.fit) return { ...progress, state: 'unfit', behindMs: null };
  const { position, void: isVoid } = await readRollupStanding(db, STREAMS[progress.stream], WINDOW_MS);
  if (position === null) return { ...progress, state: isVoid ? 'void' : 'none', behindMs: null };
  const hasFresh = await hasRowsAfter(db, STREAMS[progress.stream].table, position);
  return { ...progress, state: 'kept', behindMs: hasFresh ? progress.positionAgeMs : null };
}

/** In two parts, as looks are: by the index of the cursor, whatever transactions are open for long. */
async function hasRowsAfter(db: Queryable, table: string, { xmax, running }: Snapshot): Promise<boolean> {
  const rows = `select from ${quoteIdentifier(table)} where ${quoteIdentifier(CURSOR_COLUMN)}`;
  const text = `select (exists (${rows} >= $1::xid8 and ${quoteIdentifier(CURSOR_COLUMN)} < pg_snapshot_xmax(pg_current_snapshot()))
    or exists (${rows} = any ($2::xid8[])))::text`;
  return (await readCell(db, { text }, [String(xmax), running.map(String)])) === 'true';
}

async function readMaintainer(db: Queryable): Promise<string | null> {
  const pid = await rollupMaintainerPid(db);
  if (pid === null) return null;
  const { rows } = await db.query(`select ${HOLDER_SQL} as holder from pg_stat_activity a where a.pid = $1`, [pid]);
  // A role that is told nothing of others is told their pids all the same.
  return holderRow.safeParse(rows[0]).data?.holder ?? `pid ${pid}`;
}
