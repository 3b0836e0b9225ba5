/**
 * Follows the database: holds the declared streams against it, runs a pump for each that can work, rings the pumps by
 * doorbell and tick, and knows at any time what is up and what is not, and why.
 */
import type { Logger } from 'pino';
import { STREAM_NAMES, STREAMS, type StreamName } from '../shared/streams.ts';
import { systemClock } from './clock.ts';
import type { Counters } from './counted.ts';
import { SnapshotLog } from './db/changes.ts';
import type { LateDatabase } from './db/database.ts';
import { Doorbell, type DoorbellFault, type ProbeOutcome } from './db/doorbell.ts';
import { inspect, reasonOf, type StreamInspection, shortfallOf } from './db/inspect.ts';
import type { KnownKeys } from './db/known-keys.ts';
import { OverlapLog } from './db/overlap.ts';
import { PartsWatch } from './db/parts-watch.ts';
import { errorCode, isDatabaseAway, isUnanswered } from './db/queryable.ts';
import { RollupMaintainer } from './db/rollup/maintainer.ts';
import { Runs, STANDBY } from './db/run.ts';
import { CodedError, messageOf } from './errors.ts';
import type { Hub } from './feed/hub.ts';
import type { Position } from './feed/ports.ts';
import { epochOf } from './feed/position.ts';
import { Pump } from './feed/pump.ts';
import type { SelfMeasurement } from './measured.ts';
import type { Fault, ServiceStatus, StreamShortfall, StreamStatus } from './status.ts';
import type { Telemetry } from './telemetry.ts';

const RETRY_MS = 1000;
/** As long as a look may wait for its answer, in ms (server/db/changes.ts): what was answered since it began is recent. */
const RECENT_MS = 5000;
/** What can fail, as the log says it. */
const INSPECTING = 'the database could not be inspected';
const PROBING = 'the doorbell could not be probed';
const LOOKING_AT_PARTS = 'the chunks of the tables could not be looked at';
const lookingAt = (stream: StreamName): string => `a look at ${stream} failed`;
/** Own errors that mean that nobody answers: the pool was not opened yet, or its server says nothing when it is asked. */
const AWAY_CODES = new Set(['database_away', 'database_silent']);
/** SQL states that say that a table is not what it was: undefined table, column, function; insufficient privilege. */
const SHAPE_CODES = new Set(['42P01', '42703', '42883', '42501']);

/** Whether a table has chunks or partitions. */
function isPartitioned({ hypertable, relkind }: StreamInspection): boolean {
  return hypertable || relkind === 'p';
}

export interface FollowingOptions {
  readonly database: LateDatabase;
  readonly hub: Hub;
  readonly keys: KnownKeys;
  readonly counters: Counters;
  readonly measured: SelfMeasurement;
  readonly telemetry: Pick<Telemetry, 'delivered'>;
  readonly tickMs: number;
  readonly log: Logger;
  /** Called when the database or the doorbell comes or goes. */
  readonly changed: () => void;
}

export class Following implements ServiceStatus {
  readonly #options: FollowingOptions;
  readonly #runs = new Runs();
  readonly #pumps = new Map<StreamName, Pump>();
  /** Whether a followed stream has the exact cursor; absent where it is off. */
  readonly #exact = new Map<StreamName, boolean>();
  /** What the streams with the weaker one fall short of. */
  readonly #shortfalls = new Map<StreamName, StreamShortfall>();
  readonly #streams = new Map<StreamName, StreamStatus>(STREAM_NAMES.map((name) => [name, { state: 'starting' }]));
  /** The streams whose tables tell of updated and deleted rows. */
  readonly #rewritesTold = new Set<StreamName>();
  /** When each stream was last rung for, by a clock that never goes back. */
  readonly #rungAt = new Map<StreamName, number>();
  /** The streams whose tables have chunks or partitions. */
  readonly #partitioned = new Set<StreamName>();
  readonly #parts: PartsWatch;
  readonly #rollups: RollupMaintainer;
  #doorbell: Doorbell | null = null;
  /** What failed when it was tried last, with its message. */
  readonly #failing = new Map<string, string>();
  /** When the pool last answered anything, by a clock that never goes back. */
  #answeredAt = Number.NEGATIVE_INFINITY;
  #database: 'up' | 'down' = 'down';
  #epoch = '';
  #ticker: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  #inspecting = false;
  #stopped = false;

  constructor(options: FollowingOptions) {
    this.#options = options;
    const { database, log, counters } = options;
    this.#parts = new PartsWatch((stream) => this.#rewritten(stream));
    this.#rollups = new RollupMaintainer({
      connection: () => database.listenConnection(),
      log,
      count: (name, amount) => counters.add(name, amount),
    });
  }

  get database(): 'up' | 'down' {
    return this.#database;
  }

  get doorbell(): 'up' | 'down' {
    return this.#doorbell !== null && this.#doorbell.fault === null ? 'up' : 'down';
  }

  get doorbellFault(): Fault | null {
    return this.#doorbell?.fault ?? null;
  }

  get clients(): number {
    return this.#options.hub.clients;
  }

  get epoch(): string {
    return this.#epoch;
  }

  stream(name: StreamName): StreamStatus {
    const status = this.#streams.get(name) ?? { state: 'starting' };
    return status.state === 'live' ? { ...status, ...this.#shortfalls.get(name) } : status;
  }

  newestAgeMs(name: StreamName): number | null {
    return this.#options.hub.newestAgeMs(name);
  }

  /** Begins; resolves when the database was looked at once, whether it was there or not. */
  async start(): Promise<void> {
    this.#ticker = setInterval(() => this.#tick(), this.#options.tickMs);
    await this.#inspect();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#ticker);
    clearTimeout(this.#retry);
    await Promise.all([
      this.#rollups.stop(),
      this.#doorbell?.stop(),
      ...[...this.#pumps.values()].map((pump) => pump.stop()),
    ]);
  }

  #tick(): void {
    for (const pump of this.#pumps.values()) pump.tick();
    this.#doorbell?.probe();
    void this.#lookAtParts();
    // What is off or inexact may have been mended meanwhile, by a migration for instance.
    if (STREAM_NAMES.some((name) => this.#exact.get(name) !== true)) void this.#inspect();
  }

  /** Rows that went with their chunk are told of by nobody else. */
  async #lookAtParts(): Promise<void> {
    if (this.#partitioned.size === 0) return;
    try {
      await this.#parts.look(await this.#options.database.open(), [...this.#partitioned]);
      this.#answered(LOOKING_AT_PARTS);
    } catch (error) {
      this.#failed(error, LOOKING_AT_PARTS);
    }
  }

  #rewritten(stream: StreamName): void {
    this.#options.counters.add('rewrites_total');
    this.#options.hub.rewritten(stream);
  }

  /** Looks at the catalogue, starts what can work and turns off what cannot; comes again where nobody answers. */
  async #inspect(): Promise<void> {
    if (this.#inspecting || this.#stopped) return;
    this.#inspecting = true;
    clearTimeout(this.#retry);
    try {
      const pool = await this.#options.database.open();
      const { server, streams } = await inspect(pool);
      this.#answered(INSPECTING);
      if (server.inRecovery) {
        for (const { stream } of streams) await this.#turnOff(stream, STANDBY.reason, STANDBY.mend);
        return;
      }
      for (const inspection of streams) await this.#judge(inspection);
      this.#listen();
      void this.#lookAtParts();
      const exact = streams.filter(({ stream }) => this.#exact.get(stream) === true);
      this.#rollups.follow(
        exact.map((inspection) => ({ stream: inspection.stream, partitioned: isPartitioned(inspection) })),
      );
    } catch (error) {
      this.#failed(error, INSPECTING);
      if (!this.#stopped) this.#retry = setTimeout(() => void this.#inspect(), RETRY_MS);
    } finally {
      this.#inspecting = false;
    }
  }

  async #judge(inspection: StreamInspection): Promise<void> {
    const { stream } = inspection;
    const fault = reasonOf(inspection);
    if (fault !== null) {
      await this.#turnOff(stream, fault.reason, fault.mend);
      return;
    }
    const shortfall = shortfallOf(inspection, this.#options.tickMs);
    if (shortfall === null) this.#shortfalls.delete(stream);
    else this.#shortfalls.set(stream, { cursor: 'overlap', ...shortfall });
    if (isPartitioned(inspection)) this.#partitioned.add(stream);
    else this.#partitioned.delete(stream);
    if (inspection.rewritesTold) this.#rewritesTold.add(stream);
    else this.#rewritesTold.delete(stream);
    this.#tellRewrites(stream);
    const exact = this.#exact.get(stream);
    if (exact === inspection.cursorColumn) return;
    // Migrated while it was followed by the weaker cursor, or the other way round.
    if (exact !== undefined) await this.#turnOff(stream, 'its table has changed', 'Subscribe again');
    this.#exact.set(stream, inspection.cursorColumn);
    if (inspection.foreignCursorValues) {
      this.#options.log.warn({ stream }, 'rows carry transaction ids of another server; run: npm run migrate');
    }
    await this.#startPump(inspection);
  }

  async #startPump(inspection: StreamInspection): Promise<void> {
    const { stream, cursorColumn } = inspection;
    const { hub, keys, counters, database, measured, telemetry, tickMs } = this.#options;
    const { looks, reads } = await database.pools();
    const Log = cursorColumn ? SnapshotLog : OverlapLog;
    const log = new Log(looks, STREAMS[stream], {
      reads,
      runs: this.#runs,
      partitioned: isPartitioned(inspection),
      refused: (count) => counters.add('rows_refused_total', count),
    });
    const pump = new Pump(
      log,
      systemClock,
      {
        begun: ({ position, newestArrival }) => {
          // What the weaker cursor has no place for is looked up at each request.
          if (cursorColumn) void keys.begin(stream, position);
          hub.beginAt(stream, position, newestArrival);
        },
        rows: (batch, via) => {
          keys.seen(stream, batch.rows);
          hub.deliver(stream, batch, via);
          telemetry.delivered(stream, batch, via, Date.now());
          measured.delivered(batch.rows.length, via === 'notify' ? (this.#rungAt.get(stream) ?? null) : null);
          // What a later look brings was not rung for then.
          this.#rungAt.delete(stream);
        },
        reached: (position) => {
          keys.reached(stream, position);
          hub.reached(stream, position);
          this.#reached(stream, position);
        },
        rewound: (position) => {
          counters.add('rewinds_total');
          hub.rewound(stream, position);
        },
        failed: (error) => this.#failed(error, lookingAt(stream)),
      },
      { tickMs, pause: () => hub.pause, tickOnly: !cursorColumn },
    );
    this.#pumps.set(stream, pump);
    hub.start(stream, { placer: pump, past: log.replays });
    pump.tick();
  }

  #reached(stream: StreamName, position: Position): void {
    this.#answered(lookingAt(stream));
    this.#epoch = epochOf(position.run);
    if (this.stream(stream).state === 'live') return;
    this.#streams.set(stream, { state: 'live' });
    const shortfall = this.#shortfalls.get(stream);
    if (shortfall === undefined) this.#options.log.info({ stream }, 'stream is live');
    else this.#options.log.warn({ stream, ...shortfall }, 'stream is live, but neither immediate nor exact');
  }

  async #turnOff(stream: StreamName, reason: string, mend: string): Promise<void> {
    const before = this.stream(stream);
    const pump = this.#pumps.get(stream);
    this.#pumps.delete(stream);
    this.#exact.delete(stream);
    this.#options.keys.end(stream);
    this.#streams.set(stream, { state: 'off', reason, mend });
    if (before.state === 'off' && before.reason === reason) return;
    this.#options.log.warn({ stream, reason, mend }, 'stream is off');
    this.#options.hub.turnOff(stream, `stream ${stream} is off: ${reason}. ${mend}`);
    await pump?.stop();
  }

  #listen(): void {
    if (this.#doorbell !== null || this.#stopped) return;
    const { database, counters } = this.#options;
    this.#doorbell = new Doorbell({
      connection: () => database.listenConnection(),
      database,
      events: {
        ring: (stream) => {
          counters.add('rings_total');
          this.#rungAt.set(stream, performance.now());
          this.#pumps.get(stream)?.ring();
        },
        rewritten: (stream) => this.#rewritten(stream),
        listening: () => {
          for (const pump of this.#pumps.values()) pump.tick();
        },
        changed: (fault) => this.#doorbellChanged(fault),
        probed: (outcome) => this.#probed(outcome),
      },
    });
    this.#doorbell.start();
  }

  #doorbellChanged(fault: DoorbellFault | null): void {
    const { log, changed } = this.#options;
    if (fault === null) log.info('the doorbell is up');
    else log.warn({ ...fault }, `the doorbell is down: ${fault.reason}. The tick carries on alone`);
    for (const stream of this.#pumps.keys()) this.#tellRewrites(stream);
    changed();
  }

  /** Rewritten rows are told of where the triggers are there and the doorbell hears them. */
  #tellRewrites(stream: StreamName): void {
    this.#options.hub.tellRewrites(stream, this.doorbell === 'up' && this.#rewritesTold.has(stream));
  }

  /** A probe goes through the pool, so that it tells of the database too: at every tick, also where nothing else looks. */
  #probed(outcome: ProbeOutcome): void {
    const { counters } = this.#options;
    counters.add('doorbell_probes_total');
    if (outcome.kind === 'deaf' || (outcome.kind !== 'heard' && !outcome.answers)) counters.add('doorbell_deaf_total');
    if (outcome.kind === 'unsent') {
      counters.add('doorbell_probes_unsent_total');
      // Where neither connection answers, it is not for want of a free one.
      this.#failed(outcome.error, PROBING, !outcome.answers);
    } else {
      this.#answered(PROBING);
    }
  }

  /** `certain`: what was not answered in time is the database's fault, and not that of a lock or of an exhausted pool. */
  #failed(error: unknown, what: string, certain = false): void {
    if (this.#stopped) return;
    this.#options.counters.add('database_errors_total');
    const own = error instanceof CodedError ? error.code : null;
    // A look that hangs while others are answered waits for a lock on its table: nothing is away.
    const answeredOthers = !certain && isUnanswered(error) && performance.now() - this.#answeredAt < RECENT_MS;
    const away = !answeredOthers && (isDatabaseAway(error) || (own !== null && AWAY_CODES.has(own)));
    const wasUp = this.#database === 'up';
    if (away) this.#setDatabase('down');
    const message = messageOf(error);
    // One line when it begins, not one a second while it lasts.
    if ((!away || wasUp) && this.#failing.get(what) !== message)
      this.#options.log.warn({ err: error }, `${what}: ${message}`);
    this.#failing.set(what, message);
    const code = errorCode(error);
    if (own === STANDBY.code || (code !== undefined && SHAPE_CODES.has(code))) void this.#inspect();
  }

  #answered(what: string): void {
    this.#answeredAt = performance.now();
    this.#failing.delete(what);
    this.#setDatabase('up');
  }

  #setDatabase(state: 'up' | 'down'): void {
    if (this.#database === state) return;
    this.#database = state;
    this.#options.log.info(`the database is ${state}`);
    if (state === 'up') this.#doorbell?.hurry();
    this.#options.changed();
  }
}
