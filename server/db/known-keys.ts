/**
 * The keys of every stream, kept in memory. They are found once by a skip scan, which takes tens of ms where there are a
 * thousand; from then on the feed brings every new one. The feed is behind the database by a moment, so a list is answered
 * with the keys of the rows that came since its position added: those rows are few, and found by the index of the cursor.
 */
import { quoteIdentifier } from '../../shared/columns.ts';
import type { StreamDeclaration, StreamName } from '../../shared/streams.ts';
import { CURSOR_COLUMN, STREAMS } from '../../shared/streams.ts';
import type { Position, Snapshot } from '../feed/ports.ts';
import type { Queryable } from './queryable.ts';
import { type Cells, errorCode, readCells } from './queryable.ts';
import { Runs, STANDING_COLUMNS } from './run.ts';
import { listKeys, SYMBOL_STREAMS } from './symbols.ts';

/** How old a list may grow before it is scanned for again: only so a key goes whose rows were all deleted. */
const RESCAN_MS = 300_000;
/** PostgreSQL: a statement of this name is not there, or is there already: a pooler handed it to another server process. */
const UNPREPARED = new Set(['26000', '42P05']);
/** Where the columns of `newKeysQuery` stand. */
const STARTED_AT = 1;
const KEY_AT = 3;

/** The keys of one stream that the feed follows. */
interface Known {
  keys: Set<string>;
  /** `keys` in order; null since one was added. */
  sorted: readonly string[] | null;
  /** Where the feed is. */
  position: Position;
  /** Keys that the feed brought while a scan is under way; null while none is. */
  meanwhile: Set<string> | null;
  /** When the last scan began, by a clock that never goes back; null before the first one ended. */
  scannedAt: number | null;
}

export class KnownKeys {
  readonly #db: Queryable;
  readonly #runs = new Runs();
  #prepared = true;
  readonly #failed: (stream: StreamName, error: unknown) => void;
  readonly #clock: () => number;
  readonly #known = new Map<StreamName, Known>();

  /**
   * @param failed told of a scan in the background that failed; the next request begins another.
   * @param clock ms that never go back.
   */
  constructor(
    db: Queryable,
    failed: (stream: StreamName, error: unknown) => void = () => {},
    clock: () => number = () => performance.now(),
  ) {
    this.#db = db;
    this.#failed = failed;
    this.#clock = clock;
  }

  /**
   * The feed begins to follow a stream by its transaction ids: rows that are not visible at `position` will be `seen`.
   * Resolves when the keys before that are known, or could not be read; nobody needs to wait for it.
   */
  async begin(stream: StreamName, position: Position): Promise<void> {
    const known: Known = { keys: new Set(), sorted: null, position, meanwhile: null, scannedAt: null };
    this.#known.set(stream, known);
    await this.#scan(stream, known);
  }

  /** Rows that the feed brought. */
  seen(stream: StreamName, rows: Iterable<{ readonly key: string }>): void {
    const known = this.#known.get(stream);
    if (known === undefined) return;
    for (const { key } of rows) add(known, key);
  }

  /** All rows up to a position were seen. */
  reached(stream: StreamName, position: Position): void {
    const known = this.#known.get(stream);
    if (known !== undefined) known.position = position;
  }

  /** The feed does not follow the stream any more. */
  end(stream: StreamName): void {
    this.#known.delete(stream);
  }

  /** Every key of a stream, in order of code units. Not to be changed. */
  async keys(stream: StreamDeclaration): Promise<readonly string[]> {
    const known = this.#known.get(stream.name);
    if (known === undefined) return listKeys(this.#db, stream);
    const due = known.scannedAt === null || this.#clock() - known.scannedAt > RESCAN_MS;
    if (due && known.meanwhile === null) void this.#scan(stream.name, known);
    const added = known.scannedAt === null ? null : await this.#keysSince(stream, known.position);
    if (added === null) return listKeys(this.#db, stream);
    for (const key of added) add(known, key);
    known.sorted ??= [...known.keys].sort();
    return known.sorted;
  }

  /** Keys of the rows that came since a position; null where the database's server was started anew since. */
  async #keysSince(stream: StreamDeclaration, position: Position): Promise<readonly string[] | null> {
    const rows = await this.#query(newKeysQuery(stream, position));
    const startedAt = rows[0]?.[STARTED_AT];
    if (startedAt == null || (await this.#runs.name(startedAt, this.#db)) !== position.run) return null;
    return rows.flatMap((cells) => cells[KEY_AT] ?? []);
  }

  /**
   * Every symbol in the symbol streams, in order of code units.
   *
   * @param usable false for a stream that must not be read, because it is off.
   */
  async symbols(usable: (stream: StreamDeclaration) => boolean): Promise<readonly string[]> {
    const lists = await Promise.all(SYMBOL_STREAMS.filter(usable).map((stream) => this.keys(stream)));
    return [...new Set(lists.flat())].sort();
  }

  /** Planning costs more than reading what came, so the query is prepared, where no pooler stands in between. */
  async #query({ name, text, values }: KeysQuery): Promise<readonly Cells[]> {
    if (!this.#prepared) return readCells(this.#db, { text }, values);
    try {
      return await readCells(this.#db, { name, text }, values);
    } catch (error) {
      if (!UNPREPARED.has(errorCode(error) ?? '')) throw error;
      this.#prepared = false;
      return readCells(this.#db, { text }, values);
    }
  }

  async #scan(stream: StreamName, known: Known): Promise<void> {
    const began = this.#clock();
    const meanwhile = new Set<string>();
    known.meanwhile = meanwhile;
    try {
      const found = await listKeys(this.#db, STREAMS[stream]);
      known.keys = new Set([...found, ...meanwhile]);
      known.sorted = null;
      known.scannedAt = began;
    } catch (error) {
      this.#failed(stream, error);
    } finally {
      known.meanwhile = null;
    }
  }
}

function add(known: Known, key: string): void {
  known.meanwhile?.add(key);
  if (known.keys.has(key)) return;
  known.keys.add(key);
  known.sorted = null;
}

interface KeysQuery {
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

/** `[...STANDING_COLUMNS, key]` of the rows that came since a position, which a look reads alike (server/db/changes-sql.ts). */
function newKeysQuery(stream: StreamDeclaration, { all, recent, bound }: Position): KeysQuery {
  const key = quoteIdentifier(stream.key.name);
  const xid = quoteIdentifier(CURSOR_COLUMN);
  // Of a table in many parts a look reads the recent ones alone; keys of older rows come with the tick.
  const { xmax, running }: Snapshot = bound === null ? all : recent;
  const since = bound === null ? '' : ' and "timestamp" >= to_timestamp($3::float8 / 1000)';
  const rows = [`${xid} >= $1::xid8 and ${xid} < pg_snapshot_xmax(pg_current_snapshot())`, `${xid} = any($2::xid8[])`]
    .map((ids) => `select ${key} from ${quoteIdentifier(stream.table)} where ${ids}${since}`)
    .join(' union all ');
  const keys = `select distinct r.${key} from (${rows}) r`;
  return {
    name: `keys of ${stream.name}${since === '' ? '' : ' since'}`,
    text: `select s.*, r.* from (select ${STANDING_COLUMNS}) s left join lateral (${keys}) r on true`,
    values: [xmax.toString(), running.map(String), ...(bound === null ? [] : [bound])],
  };
}
