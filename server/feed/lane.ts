/**
 * One stream on one connection: a reader of the stream's log with a place of its own. It is handed each frame as it is
 * made while it is up to date; while it owes history, or its client does not keep up, it stands still, and reads on from
 * its place later. So nothing is queued for a client, and everything that it is sent is in the order of the feed (F3).
 */
import type { ErrorCode, Frame } from '../../shared/protocol.ts';
import type { Detail } from '../../shared/rows.ts';
import type { DeltaFrame } from './frames.ts';
import { controlFrame, snapshotFrame } from './frames.ts';
import type { HistoryPlace } from './histories.ts';
import { AwayError, FullError } from './histories.ts';
import type { Entry, LaneOwner, StreamPort } from './lane-ports.ts';
import { LimitError } from './ports.ts';
import { holds, planReplay, ReplayLost, replayFrames } from './replay.ts';

/** What a lane owes a subscription: its start, from `since` where that is given, or fresh snapshots after a gap. */
type Debt =
  | { readonly kind: 'start'; readonly entry: Entry; readonly since: string | null }
  | { readonly kind: 'refresh'; readonly entry: Entry };

/** Ends the paying of a debt that is not owed any more. */
class NotOwed extends Error {}
/** Ends the paying of a debt that the log has overtaken. */
class Overtaken extends Error {}

function matches({ request }: Entry, key: string): boolean {
  return request.keys === null || request.keys.has(key);
}

/** Shared by all lanes without a live subscription. */
const NONE: readonly Entry[] = [];

function without(entries: readonly Entry[], entry: Entry): readonly Entry[] {
  return entries.includes(entry) ? entries.filter((other) => other !== entry) : entries;
}

export class Lane {
  readonly #port: StreamPort;
  readonly #owner: LaneOwner;
  /** Seldom more than one: a list costs a quiet connection less than a map. */
  #live: readonly Entry[] = NONE;
  #debts: Debt[] = [];
  /** Number of the first frame that was not looked at; null while up to date. */
  #next: number | null = null;
  /** The cursor before that frame. */
  #from = '';
  /** Number after the newest frame that was sent, or was in a snapshot: nothing older may be sent on this connection. */
  #sentTo = 0;
  /** The subscription that is being paid, and whether its `subscribed` was sent. */
  #paying: { readonly entry: Entry; started: boolean } | null = null;
  /** Whether the client was found slow: what it gets until it is up to date comes late. */
  #slow = false;
  /** Counts how often everything that was known became void. */
  #age = 0;
  #closed = false;

  constructor(port: StreamPort, owner: LaneOwner) {
    this.#port = port;
    this.#owner = owner;
  }

  /** Queues a subscription; it is answered once its position is known. */
  subscribe(entry: Entry): void {
    this.#port.route(this, entry.request.keys);
    this.#debts.push({ kind: 'start', entry, since: entry.request.since });
    this.advance();
  }

  /** Takes a subscription out, live or not. */
  drop(entry: Entry): void {
    if (entry.dropped) return;
    entry.dropped = true;
    this.#live = without(this.#live, entry);
    this.#port.unroute(this, entry.request.keys);
  }

  /** Takes a new frame of this stream: sends it, or stands still before it. */
  deliver(frame: DeltaFrame): void {
    if (this.#next !== null) return;
    const detail = this.#detailFor(frame.key);
    if (detail === null) return;
    if (this.#owner.hasRoom) {
      this.#sentTo = frame.number + 1;
      this.#owner.send(frame.encoded(detail));
    } else {
      this.#stand(frame.number);
      this.#owner.press(this);
    }
  }

  /** Goes on as far as there is room: first with what was missed, then with what is owed. */
  advance(): void {
    while (this.#paying === null && !this.#closed) {
      if (this.#next !== null && !this.#readOn(this.#port.log.end)) {
        this.#owner.press(this);
        return;
      }
      const [debt] = this.#debts;
      if (debt === undefined) return;
      if (debt.kind === 'refresh' && !this.#owner.isDrained) {
        this.#owner.press(this);
        return;
      }
      this.#debts.shift();
      if (!debt.entry.dropped && !this.#startAtOnce(debt)) void this.#pay(debt);
    }
  }

  /** The client stays behind: charts are told so and wait for fresh snapshots, the others are read on for, late (F7). */
  slow(): void {
    if (this.#next === null || this.#paying !== null) return;
    this.#slow = true;
    for (const entry of this.#live) if (entry.request.history !== null) this.#refresh(entry, 'slow_consumer');
    if (this.#live.length === 0) this.#next = null;
  }

  /** The database was rewound: every chain ends, and charts get their history anew. */
  rewound(): void {
    this.#age += 1;
    this.#stand(this.#port.log.end);
    for (const entry of this.#live) this.#refresh(entry, 'epoch_changed');
    this.advance();
  }

  /** The stream cannot work any more: every subscription ends with an error that says why. */
  end(message: string): void {
    for (const entry of this.#entries()) this.#lose(entry, 'unavailable', message);
    this.#debts = [];
    this.#age += 1;
  }

  close(): void {
    this.#closed = true;
    for (const entry of this.#entries()) this.drop(entry);
    this.#debts = [];
  }

  #entries(): Set<Entry> {
    const paying = this.#paying === null ? [] : [this.#paying.entry];
    return new Set([...this.#live, ...paying, ...this.#debts.map(({ entry }) => entry)]);
  }

  /** The fullest detail that a live subscription wants of a channel; null where none wants it. */
  #detailFor(key: string, except?: string): Detail | null {
    let detail: Detail | null = null;
    for (const { request } of this.#live) {
      if (detail === 'full' || request.id === except || (request.keys !== null && !request.keys.has(key))) continue;
      detail = request.detail;
    }
    return detail;
  }

  #stand(number: number): void {
    this.#next = number;
    this.#from = this.#port.log.cursorAt(number);
  }

  /** Reads on to the frame of number `until` while there is room; true where it got there. */
  #readOn(until: number): boolean {
    const { log } = this.#port;
    if (this.#next !== null && this.#next < log.start) this.#overtaken();
    while (this.#next !== null && this.#next < until) {
      if (!this.#owner.hasRoom) return false;
      const frame = log.at(this.#next);
      const detail = frame === undefined ? null : this.#detailFor(frame.key);
      if (frame !== undefined && detail !== null) {
        this.#sentTo = frame.number + 1;
        this.#owner.send(this.#slow ? frame.replayed(detail, this.#owner.clock.now()) : frame.encoded(detail));
      }
      this.#stand(this.#next + 1);
    }
    if (this.#paying === null && this.#next === log.end) {
      this.#next = null;
      this.#slow = false;
    }
    return true;
  }

  /** What comes next has left the log: charts begin again, the others resume from the table, as after a broken connection. */
  #overtaken(): void {
    for (const entry of this.#live) {
      if (entry.request.history !== null) {
        this.#refresh(entry, 'slow_consumer');
      } else {
        this.#live = without(this.#live, entry);
        this.#debts.push({ kind: 'start', entry, since: this.#from });
      }
    }
    this.#stand(this.#port.log.end);
  }

  /** Tells a subscription that rows are lost to it, and owes it its history anew. */
  #refresh(entry: Entry, reason: Frame<'gap'>['reason']): void {
    this.#live = without(this.#live, entry);
    this.#gap(entry, this.#next === null ? this.#port.log.cursorAt(this.#port.log.end) : this.#from, reason);
    this.#debts.push({ kind: 'refresh', entry });
  }

  /** Starts a subscription that asks for nothing of the past, without waiting for anything. */
  #startAtOnce(debt: Debt): boolean {
    const { entry } = debt;
    if (debt.kind !== 'start' || debt.since !== null || entry.request.history !== null) return false;
    if (!this.#port.log.hasBegun) return false;
    const cursor = this.#port.log.mark();
    this.#start(entry, cursor, false);
    this.#synced(entry, cursor);
    return true;
  }

  /** Pays a debt that takes time. The lane stands still meanwhile, and goes on when it is paid. */
  async #pay(debt: Debt): Promise<void> {
    const { entry } = debt;
    const paying = { entry, started: debt.kind === 'refresh' };
    this.#paying = paying;
    this.#stand(this.#port.log.end);
    const age = this.#age;
    const check = (): void => {
      if (this.#closed || entry.dropped || this.#age !== age) throw new NotOwed();
    };
    try {
      const since = debt.kind === 'start' ? debt.since : null;
      if (since !== null) await this.#resume(entry, since, check);
      else if (entry.request.history !== null) await this.#sendHistory(entry, check);
      else await this.#startLate(entry, check);
    } catch (error) {
      this.#failed(error, debt, paying.started);
    } finally {
      this.#paying = null;
      this.advance();
    }
  }

  #failed(error: unknown, debt: Debt, started: boolean): void {
    const { entry } = debt;
    if (this.#closed || entry.dropped) return;
    if (error instanceof ReplayLost) {
      // Nothing is replayed in part (F6): who cannot take it in time comes back with the cursor that it has.
      this.#owner.giveUp();
    } else if (error instanceof NotOwed || error instanceof Overtaken) {
      if (started) this.#refresh(entry, error instanceof Overtaken ? 'slow_consumer' : 'epoch_changed');
      else this.#debts.push(debt);
    } else if (error instanceof LimitError) this.#lose(entry, 'limit', error.message);
    else if (error instanceof AwayError || error instanceof FullError) this.#lose(entry, 'unavailable', error.message);
    else {
      this.#port.failed(error, this.#owner.connection);
      this.#lose(entry, 'unavailable', 'history could not be read; subscribe again');
    }
  }

  /** Starts one that came before the stream had a position, or tells one without history that a gap is over. */
  async #startLate(entry: Entry, check: () => void): Promise<void> {
    await this.#begun(check);
    const { cursor } = await this.#bringToEnd(check);
    if (this.#paying?.started !== true) this.#start(entry, cursor, false);
    this.#synced(entry, cursor);
  }

  /** Reads on for the live subscriptions, however long that takes, up to the frame of a number. */
  async #bring(number: number, check: () => void): Promise<void> {
    // Of what lies between here and an earlier place nothing was sent, for it matched nothing.
    if (this.#live.length === 0 || (this.#next ?? 0) > number) this.#stand(number);
    while (!this.#readOn(number)) {
      await this.#owner.room();
      check();
    }
  }

  /** The same up to the end, whose cursor it returns. */
  async #bringToEnd(check: () => void): Promise<HistoryPlace> {
    const { log } = this.#port;
    // The end moves on while there is no room.
    do await this.#bring(log.end, check);
    while (this.#next !== log.end);
    return { number: log.end, cursor: log.mark() };
  }

  /** Waits until the stream has a position. */
  async #begun(check: () => void): Promise<void> {
    if (this.#port.log.hasBegun) return;
    const { held } = await this.#port.histories.place();
    await held.release();
    check();
  }

  async #resume(entry: Entry, since: string, check: () => void): Promise<void> {
    await this.#begun(check);
    const { log } = this.#port;
    const replay = await planReplay(this.#port, since, check);
    const { number: end, cursor } = await this.#bringToEnd(check);
    // A delta goes to a connection once: what another subscription has already got cannot come again for this one.
    const isTaken = (key: string): boolean => matches(entry, key) && this.#detailFor(key, entry.request.id) !== null;
    const refusal = typeof replay === 'string' ? replay : holds(log, replay, end, isTaken) ? 'replay_exhausted' : null;
    this.#start(entry, cursor, refusal === null);
    if (typeof replay === 'string' || refusal !== null) {
      this.#gap(entry, cursor, refusal ?? 'replay_exhausted');
      if (entry.request.history === null) this.#synced(entry, cursor);
      else await this.#sendHistory(entry, check);
      return;
    }
    const request = { ...entry.request, since };
    for (const frame of replayFrames(this.#port, replay, end, request, () => this.#owner.clock.now())) {
      this.#sentTo = end;
      this.#owner.send(frame);
      if (!this.#owner.hasRoom) await this.#owner.room();
      check();
    }
    this.#synced(entry, cursor);
  }

  async #sendHistory(entry: Entry, check: () => void): Promise<void> {
    const { history: wish, keys, id } = entry.request;
    if (wish === null) return;
    const { log, histories, name } = this.#port;
    const asked = { ...wish, keys: keys === null ? null : [...keys] };
    const { history, done } = await histories.ask(asked, this.#sentTo);
    try {
      check();
      const { number, cursor } = await history.placed;
      check();
      await this.#bring(number, check);
      this.#sentTo = number;
      const stays = (): void => {
        check();
        if (number < log.start) throw new Overtaken();
      };
      stays();
      if (this.#paying?.started !== true) this.#start(entry, cursor, false);
      for await (const snapshot of history.snapshots()) {
        stays();
        this.#owner.send(snapshotFrame(id, name, log.headAt(snapshot.key, number), snapshot));
        this.#owner.excuse();
        if (!this.#owner.hasRoom) await this.#owner.room();
        stays();
      }
      // The last wait was for whether there is another.
      stays();
      this.#synced(entry, cursor);
    } finally {
      done();
    }
  }

  #start(entry: Entry, cursor: string, resumed: boolean): void {
    const { id, keys, stream } = entry.request;
    if (this.#paying?.entry === entry) this.#paying.started = true;
    this.#owner.placed(entry, this);
    this.#port.started(resumed ? 'resumed' : 'new');
    const frame = { type: 'subscribed' as const, id, stream, keys: keys === null ? null : [...keys], cursor, resumed };
    this.#owner.send(controlFrame(frame));
  }

  /** All that was owed is sent: from here on the subscription is live. */
  #synced(entry: Entry, cursor: string): void {
    const { id } = entry.request;
    this.#live = [...this.#live.filter(({ request }) => request.id !== id), entry];
    this.#owner.send(controlFrame({ type: 'synced', id, cursor }));
  }

  #gap({ request: { id, stream } }: Entry, cursor: string, reason: Frame<'gap'>['reason']): void {
    this.#port.gap(reason);
    this.#owner.send(controlFrame({ type: 'gap', id, stream, key: null, cursor, reason }));
  }

  #lose(entry: Entry, code: ErrorCode, message: string): void {
    if (entry.dropped) return;
    this.drop(entry);
    this.#owner.lost(entry);
    this.#owner.refuse(code, message, entry.request.id);
  }
}
