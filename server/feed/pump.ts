/**
 * Rings in, rows out: one pump a stream decides when to look, looks once at a time, and hands on what is new. It is
 * correct with the doorbell cut, for then the tick rings.
 */
import type { Via } from '../../shared/protocol.ts';
import type {
  Batch,
  Beginning,
  ChangeLog,
  Clock,
  HeldPosition,
  Look,
  Position,
  Reservation,
  RowPlace,
  Scope,
} from './ports.ts';
import { OtherRunError } from './ports.ts';
import { clipPosition } from './position.ts';
import { SentRows } from './sent.ts';

/**
 * A writer that found the doorbell's gate shut may commit up to this long after the ring: then the pump looks again by
 * itself (the gate is shut for 5 ms).
 */
const GATE_MS = 6;
/** Rows seldom come alone: after a look that found some the next comes this soon, gate or not, until one finds none. */
const EAGER_MS = 2;
/** While transactions are in progress, one of them may have been swallowed by the gate: look again, slower and slower. */
const SETTLE_LIMIT_MS = 500;
/** With nothing heard at all, a ring may still hang in a transaction that rang early and commits late. */
const IDLE_MS = 900;
/** After a failed look, the next one waits this long. */
const RETRY_MS = 1000;

/** Why a look is made. `notify`: the doorbell, or what follows from its gate. `tick`: the clock alone. */
export type Cause = 'notify' | 'tick';

/** What the pump tells the hub, always in the order of the feed. */
export interface PumpEvents {
  /** The first position is known; rows come after it. */
  begun(beginning: Beginning): void;
  rows(batch: Batch, via: Via): void;
  /** A look is through: everything up to `position` was handed on. */
  reached(position: Position): void;
  /** The database went back behind what was delivered: whatever was known of the past is void. */
  rewound(position: Position): void;
  /** A look failed; the pump goes on trying. */
  failed(error: unknown): void;
}

/** Called between two looks, at exactly the held position; the receiver releases it. */
export type Holder = (held: HeldPosition) => void;

/** How often a pump looks. */
export interface PumpPace {
  /** The reconcile tick; a crash of the database is followed by a look from two ticks back. */
  readonly tickMs: number;
  /** Ms for which a ring need not be answered, because the writes to clients are paced. */
  readonly pause: () => number;
  /** True where looks are dear and nothing rings: none is made between two ticks without being asked for. */
  readonly tickOnly: boolean;
}

/** A look that broke off; `repeats` where it covered ground of which some had been sent before. */
interface BrokenOff {
  readonly from: Position;
  readonly to: Position;
  readonly last: RowPlace;
  readonly repeats: boolean;
}

/** The same in another run of the server, where ids above the highest one delivered count as not seen. */
function clipBrokenOff({ from, to, last, repeats }: BrokenOff, run: string): BrokenOff {
  const highest = last.xid > from.highest ? last.xid : from.highest;
  return { from: clipPosition(from, from.highest, run), to: clipPosition(to, highest, run), last, repeats };
}

interface Wish {
  cause: Cause;
  scope: Scope;
}

export class Pump {
  readonly #log: ChangeLog;
  readonly #clock: Clock;
  readonly #events: PumpEvents;
  readonly #reachMs: number;
  readonly #pause: () => number;
  readonly #tickOnly: boolean;
  #position: Position | null = null;
  #sent: SentRows | null = null;
  /** A look that broke off between batches, with the last row that it handed on: it is read to its end first. */
  #brokenOff: BrokenOff | null = null;
  /** Whether the last look found rows. */
  #found = false;
  #wish: Wish | null = null;
  #holders: Holder[] = [];
  #reachers: (() => void)[] = [];
  /** What the next held look is made with: being asked for, or at hand. */
  #reservation: 'asked' | Reservation | null = null;
  #busy = false;
  #stopped = false;
  #settleMs = GATE_MS;
  /** When the last ring was heard; looks before the gate has surely opened do not settle it. */
  #rungAt = Number.NEGATIVE_INFINITY;
  #cancelTimer: () => void = () => {};
  #idle: Promise<void> = Promise.resolve();

  /**
   * A pump looks when it is rung, ticked or asked for a held position, and by itself while a row may be hidden.
   */
  constructor(log: ChangeLog, clock: Clock, events: PumpEvents, { tickMs, pause, tickOnly }: PumpPace) {
    this.#log = log;
    this.#clock = clock;
    this.#events = events;
    this.#reachMs = 2 * tickMs;
    this.#pause = pause;
    this.#tickOnly = tickOnly;
  }

  /** The position up to which everything was handed on; null until the database was reached. */
  get position(): Position | null {
    return this.#position;
  }

  /** The doorbell rang. */
  ring(): void {
    this.#rungAt = this.#clock.now();
    this.#settleMs = GATE_MS;
    const wait = this.#pause();
    if (wait > 0 && !this.#busy) {
      this.#wishFor('notify', 'recent');
      this.#wakeAfter(wait);
    } else {
      this.#want('notify', 'recent');
    }
  }

  /** The reconcile tick, a new connection of the doorbell, or anything else that asks for a look at everything. */
  tick(): void {
    this.#want('tick', 'all');
  }

  /** Has `holder` called with a snapshot held open at the end of the next look. The result withdraws the request. */
  hold(holder: Holder): () => void {
    this.#holders.push(holder);
    this.#reserve();
    return () => {
      this.#holders = this.#holders.filter((other) => other !== holder);
    };
  }

  /** Has `reached` called when a look that begins after this call is through. The result withdraws the request. */
  reach(reached: () => void): () => void {
    this.#reachers.push(reached);
    this.#want('tick', 'all');
    return () => {
      this.#reachers = this.#reachers.filter((other) => other !== reached);
    };
  }

  /** Ends the pump; resolves when a look under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer();
    this.#holders = [];
    this.#reachers = [];
    await this.#idle;
    await this.#giveBack();
  }

  /** Asks for what a held look needs, beside the looks, which must not wait for it; before the beginning there are none. */
  #reserve(): void {
    if (this.#stopped || this.#position === null) return;
    if (this.#holders.length === 0 || this.#reservation !== null) return;
    this.#reservation = 'asked';
    this.#log.reserve().then(
      (reservation) => {
        this.#reservation = reservation;
        if (this.#stopped || this.#holders.length === 0) void this.#giveBack();
        else this.#want('tick', 'all');
      },
      (error: unknown) => {
        this.#reservation = null;
        this.#events.failed(error);
        // Who waits has a limit of its own.
        if (this.#holders.length > 0) this.#clock.after(RETRY_MS, () => this.#reserve());
      },
    );
  }

  #takeReservation(): Reservation | null {
    const reservation = this.#reservation;
    if (reservation === null || reservation === 'asked') return null;
    this.#reservation = null;
    return reservation;
  }

  async #giveBack(): Promise<void> {
    await this.#takeReservation()
      ?.release()
      .catch((error: unknown) => this.#events.failed(error));
  }

  #wishFor(cause: Cause, scope: Scope): void {
    const wish = this.#wish;
    this.#wish = {
      cause: cause === 'notify' || wish?.cause === 'notify' ? 'notify' : 'tick',
      scope: scope === 'all' || wish?.scope === 'all' ? 'all' : 'recent',
    };
  }

  #want(cause: Cause, scope: Scope): void {
    this.#wishFor(cause, scope);
    this.#wake();
  }

  #wake(): void {
    if (this.#busy || this.#stopped) return;
    this.#busy = true;
    this.#cancelTimer();
    this.#idle = this.#work().finally(() => {
      this.#busy = false;
    });
  }

  #wakeAfter(ms: number): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#clock.after(ms, () => this.#wake());
  }

  async #work(): Promise<void> {
    while (this.#wish !== null && !this.#stopped) {
      const wish = this.#wish;
      this.#wish = null;
      try {
        const unsettled = await this.#once(wish);
        if (this.#wish === null) this.#planNext(wish.cause, unsettled);
      } catch (error) {
        this.#events.failed(error);
        this.#wishFor(wish.cause, 'all');
        this.#wakeAfter(RETRY_MS);
        return;
      }
    }
  }

  /** Plans the look that comes without being asked for: soon while the gate may hide a row, slowly otherwise. */
  #planNext(cause: Cause, unsettled: boolean): void {
    // Either way round, for the clock may be set back.
    if (cause === 'notify' && this.#found) {
      this.#later(EAGER_MS, 'notify');
      return;
    }
    const afterGate = Math.abs(this.#clock.now() - this.#rungAt) >= GATE_MS;
    if (cause === 'notify' && (!afterGate || unsettled)) {
      const wait = afterGate ? this.#settleMs : GATE_MS;
      if (afterGate) this.#settleMs = Math.min(2 * this.#settleMs, SETTLE_LIMIT_MS);
      this.#later(wait, 'notify');
    } else if (!this.#tickOnly) {
      this.#later(IDLE_MS, 'tick');
    }
  }

  #later(ms: number, cause: Cause): void {
    if (this.#stopped) return;
    this.#cancelTimer();
    this.#cancelTimer = this.#clock.after(ms, () => this.#want(cause, 'recent'));
  }

  async #once(wish: Wish): Promise<boolean> {
    if (this.#position === null || this.#sent === null) {
      const beginning = await this.#log.begin();
      this.#position = beginning.position;
      this.#sent = new SentRows(beginning.position, this.#clock.now(), this.#reachMs);
      this.#events.begun(beginning);
    }
    // Who asks while the look is under way waits for the next: this one's snapshot may be older than the question.
    const holders = new Set(this.#holders);
    const reachers = new Set(this.#reachers);
    this.#found = false;
    try {
      await this.#finishBrokenOff(this.#sent, wish.cause);
    } catch (error) {
      // The look finds the same, and what to do about it.
      if (!(error instanceof OtherRunError)) throw error;
    }
    const reservation = this.#takeReservation();
    const look = await this.#lookOn(this.#position, this.#sent, wish, reservation);
    this.#brokenOff = null;
    const position = { ...look.position, highest: this.#sent.highest };
    this.#position = position;
    if (wish.scope === 'all' || reservation !== null) this.#sent.mark(position, this.#clock.now());
    this.#events.reached(position);
    const reached = this.#reachers.filter((reacher) => reachers.has(reacher));
    this.#reachers = this.#reachers.filter((reacher) => !reachers.has(reacher));
    for (const reacher of reached) reacher();
    if (look.held !== null) this.#handOver(look.held, holders);
    this.#reserve();
    if (this.#reachers.length > 0) this.#wishFor('tick', 'all');
    return look.unsettled;
  }

  /**
   * Reads a look that broke off to its end, as it would have gone on: so the cursors of the frames that it sent stay
   * true. A table that cannot be read so keeps account of what it handed on by itself.
   */
  async #finishBrokenOff(sent: SentRows, cause: Cause): Promise<void> {
    const { past } = this.#log;
    if (this.#brokenOff === null || past === null) return;
    const { from, to, last, repeats } = this.#brokenOff;
    const sink = this.#sink(sent, cause, repeats ? from : null);
    for await (const rows of past.read(from, to, last, Number.MAX_SAFE_INTEGER)) sink({ from, to, rows });
    this.#position = { ...to, highest: sent.highest };
    this.#brokenOff = null;
  }

  /** Looks, and where another run of the server answers, from an older position without what was sent. */
  async #lookOn(from: Position, sent: SentRows, wish: Wish, reservation: Reservation | null): Promise<Look> {
    const first = await this.#log.look(from, wish.scope, reservation, this.#sink(sent, wish.cause, null));
    if (!('otherRun' in first)) return first;
    const current = first.otherRun;
    const start = (await this.#hasNewest(sent)) ? sent.restart(current) : null;
    if (start === null) {
      this.#position = current;
      this.#brokenOff = null;
      this.#sent = new SentRows(current, this.#clock.now(), this.#reachMs);
      this.#events.rewound(current);
      return this.#lookAgain(current, this.#sent, wish.cause, null);
    }
    if (this.#brokenOff !== null) this.#brokenOff = clipBrokenOff(this.#brokenOff, current.run);
    this.#position = clipPosition(from, sent.highest, current.run);
    await this.#finishBrokenOff(sent, wish.cause);
    // To whoever resumes, the look goes on from what was delivered: what lies before that is left out of it.
    return this.#lookAgain(start, sent, wish.cause, this.#position);
  }

  async #lookAgain(start: Position, sent: SentRows, cause: Cause, known: Position | null): Promise<Look> {
    const look = await this.#log.look(start, 'all', null, this.#sink(sent, cause, known));
    if ('otherRun' in look) throw new Error('the database server changed twice within one look');
    return look;
  }

  /** Whether the newest that was delivered is in the table: where new writers have outrun a rewound database, ids do not tell. */
  async #hasNewest({ highest }: SentRows): Promise<boolean> {
    return highest === 0n || this.#log.past === null || (await this.#log.past.has(highest));
  }

  /** Hands rows on; `known`, where some of them may have been sent before: the position that the rest is new since. */
  #sink(sent: SentRows, cause: Cause, known: Position | null): (batch: Batch) => void {
    const unsent = known === null ? null : sent.unsentOnly();
    return ({ from, to, rows: read }) => {
      const rows = unsent === null ? read : unsent(read);
      const last = rows.at(-1);
      if (last === undefined) return;
      // From here on a failure leaves rows delivered that the next look would meet again.
      this.#brokenOff = { from: known ?? from, to, last, repeats: known !== null };
      this.#found = true;
      sent.add(rows, this.#clock.now());
      this.#events.rows({ from: known ?? from, to, rows }, cause);
    };
  }

  /** One snapshot serves every holder that waited for the look: it is let go when the last of them has. */
  #handOver(held: HeldPosition, waiting: ReadonlySet<Holder>): void {
    const holders = this.#holders.filter((holder) => waiting.has(holder));
    this.#holders = this.#holders.filter((holder) => !waiting.has(holder));
    if (holders.length === 0) {
      void held.release();
      return;
    }
    let users = holders.length;
    for (const holder of holders) {
      let mine = true;
      holder({
        position: held.position,
        channels: (request) => held.channels(request),
        release: async () => {
          if (!mine) return;
          mine = false;
          users -= 1;
          if (users === 0) await held.release();
        },
      });
    }
  }
}
