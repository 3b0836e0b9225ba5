/**
 * One stream on one connection. Everything a lane sends is in the order of the feed (F3): while it owes history, the
 * deltas that come meanwhile wait behind it.
 */
import type { ErrorCode } from '../../shared/protocol.ts';
import type { StreamName } from '../../shared/streams.ts';
import type { DeltaFrame, OutFrame } from './frames.ts';
import { controlFrame, snapshotFrame } from './frames.ts';
import type { Clock, HeldPosition, Position } from './ports.ts';
import { LimitError } from './ports.ts';
import { epochOf, parseCursor, positionCursor } from './position.ts';
import type { SubscriptionRequest } from './requests.ts';

/** How long a subscription waits for the database before it is told that there is none. */
const PLACING_MS = 3000;

/** A subscription on its way through a lane. */
export interface Entry {
  readonly request: SubscriptionRequest;
  /** Set by unsubscribe and by a later subscription with the same id. */
  dropped: boolean;
}

/** What a lane owes: the start of a subscription or, after a gap, fresh snapshots to one that is live. */
interface Debt {
  readonly entry: Entry;
  readonly afterGap: boolean;
}

/** What a lane needs of its stream. */
export interface StreamPort {
  readonly name: StreamName;
  hold(holder: (held: HeldPosition) => void): () => void;
  head(key: string): string;
  /** Keeps the routing of deltas to this lane; null keys mean every key. */
  route(lane: Lane, keys: ReadonlySet<string> | null): void;
  unroute(lane: Lane, keys: ReadonlySet<string> | null): void;
  /** Notes a history read that failed, with its cause. */
  failed(error: unknown): void;
}

/** What a lane needs of its connection. */
export interface LaneOwner {
  readonly clock: Clock;
  readonly pointLimit: number;
  send(frame: OutFrame): void;
  /** Resolves when the client has taken enough for the next snapshot; rejects never. */
  drained(): Promise<void>;
  refuse(code: ErrorCode, message: string, id: string | undefined): void;
  /** A subscription has become live: an earlier one with its id ends, whatever its stream. */
  placed(entry: Entry, lane: Lane): void;
  /** A subscription came to nothing. */
  lost(entry: Entry): void;
}

type State =
  | { readonly kind: 'flowing' }
  | { readonly kind: 'placing'; readonly debts: readonly Debt[]; readonly cancel: () => void }
  | {
      readonly kind: 'owing';
      readonly debts: readonly Debt[];
      readonly held: DeltaFrame[];
      /** Heads of the channels at the position that history is read at: what the first held delta follows. */
      readonly heads: Map<string, string>;
    };

export class Lane {
  readonly #port: StreamPort;
  readonly #owner: LaneOwner;
  readonly #live = new Map<string, Entry>();
  #waiting: Debt[] = [];
  #state: State = { kind: 'flowing' };
  #closed = false;

  constructor(port: StreamPort, owner: LaneOwner) {
    this.#port = port;
    this.#owner = owner;
  }

  /** Queues a subscription; it is answered once its position is known. */
  subscribe(entry: Entry): void {
    this.#port.route(this, entry.request.keys);
    this.#waiting.push({ entry, afterGap: false });
    if (this.#state.kind === 'flowing') this.#place();
  }

  /** Takes a subscription out, live or not. */
  drop(entry: Entry): void {
    if (entry.dropped) return;
    entry.dropped = true;
    if (this.#live.get(entry.request.id) === entry) this.#live.delete(entry.request.id);
    this.#port.unroute(this, entry.request.keys);
  }

  /** Takes a delta of this stream; sends it where a live subscription matches, at once or behind what is owed. */
  deliver(frame: DeltaFrame): void {
    if (this.#state.kind === 'owing') {
      const { held, heads } = this.#state;
      held.push(frame);
      if (!heads.has(frame.key)) heads.set(frame.key, frame.prev);
      return;
    }
    let wanted = false;
    let full = false;
    for (const { request } of this.#live.values()) {
      if (request.keys !== null && !request.keys.has(frame.key)) continue;
      wanted = true;
      full ||= request.detail === 'full';
    }
    if (wanted) this.#owner.send(frame.encoded(full ? 'full' : 'values'));
  }

  /** The database was rewound: every chain ends, and charts get their history anew. */
  rewound(position: Position): void {
    if (this.#state.kind === 'owing') {
      this.#state.held.length = 0;
      this.#state.heads.clear();
    }
    for (const entry of this.#live.values()) {
      this.#sendGap(entry.request, position, 'epoch_changed');
      if (entry.request.history !== null) this.#waiting.push({ entry, afterGap: true });
    }
    if (this.#state.kind === 'flowing' && this.#waiting.length > 0) this.#place();
  }

  /** The stream cannot work any more: every subscription ends with an error that says why. */
  end(message: string): void {
    for (const entry of this.#entries()) this.#lose(entry, 'unavailable', message);
  }

  close(): void {
    this.#closed = true;
    if (this.#state.kind === 'placing') this.#state.cancel();
    for (const entry of this.#entries()) this.drop(entry);
    this.#waiting = [];
  }

  #entries(): Entry[] {
    const debts = [...this.#waiting, ...(this.#state.kind === 'flowing' ? [] : this.#state.debts)];
    return [...this.#live.values(), ...debts.map(({ entry }) => entry)];
  }

  #place(): void {
    const debts = this.#waiting;
    this.#waiting = [];
    const withdraw = this.#port.hold((held) => {
      stopWaiting();
      this.#state = { kind: 'owing', debts, held: [], heads: new Map() };
      void this.#settle(debts, held);
    });
    const stopWaiting = this.#owner.clock.after(PLACING_MS, () => {
      withdraw();
      this.#state = { kind: 'flowing' };
      const message = `the database does not answer; subscribe to ${this.#port.name} again when a heartbeat says database: up`;
      for (const { entry } of debts) this.#lose(entry, 'unavailable', message);
      if (this.#waiting.length > 0) this.#place();
    });
    const cancel = (): void => {
      withdraw();
      stopWaiting();
    };
    this.#state = { kind: 'placing', debts, cancel };
  }

  /** Sends what is owed to each subscription, then what was held back meanwhile. */
  async #settle(debts: readonly Debt[], held: HeldPosition): Promise<void> {
    try {
      for (const debt of debts) {
        if (!debt.entry.dropped && !this.#closed) await this.#pay(debt, held);
      }
    } finally {
      await held.release().catch((error: unknown) => this.#port.failed(error));
      this.#resume();
    }
  }

  #resume(): void {
    const waited = this.#state.kind === 'owing' ? this.#state.held : [];
    this.#state = { kind: 'flowing' };
    if (this.#closed) return;
    for (const frame of waited) this.deliver(frame);
    if (this.#waiting.length > 0) this.#place();
  }

  async #pay({ entry, afterGap }: Debt, held: HeldPosition): Promise<void> {
    const { id } = entry.request;
    const cursor = positionCursor(held.position);
    const resumed = !afterGap && this.#start(entry, held.position, cursor);
    try {
      if (!resumed) await this.#sendHistory(entry, held);
      if (!entry.dropped && !this.#closed) this.#owner.send(controlFrame({ type: 'synced', id, cursor }));
    } catch (error) {
      if (!(error instanceof LimitError)) this.#port.failed(error);
      const message = error instanceof LimitError ? error.message : 'history could not be read; subscribe again';
      this.#lose(entry, error instanceof LimitError ? 'limit' : 'unavailable', message);
    }
  }

  /** Makes a subscription live; true where nothing was missed since the cursor that it came with. */
  #start(entry: Entry, position: Position, cursor: string): boolean {
    const { request } = entry;
    this.#owner.placed(entry, this);
    this.#live.set(request.id, entry);
    const resumed = request.since === cursor;
    const keys = request.keys === null ? null : [...request.keys];
    this.#owner.send(
      controlFrame({ type: 'subscribed', id: request.id, stream: this.#port.name, keys, cursor, resumed }),
    );
    if (request.since !== null && !resumed) this.#refuseReplay(request, position, request.since);
    return resumed;
  }

  async #sendHistory(entry: Entry, held: HeldPosition): Promise<void> {
    const { history, keys, id } = entry.request;
    if (history === null) return;
    const now = this.#owner.clock.now();
    const pointLimit = this.#owner.pointLimit;
    for await (const snapshot of held.read({ keys: keys === null ? null : [...keys], ...history, now, pointLimit })) {
      if (entry.dropped || this.#closed) return;
      this.#owner.send(snapshotFrame(id, this.#port.name, this.#headAtPosition(snapshot.key), snapshot));
      await this.#owner.drained();
    }
  }

  #headAtPosition(key: string): string {
    const moved = this.#state.kind === 'owing' ? this.#state.heads.get(key) : undefined;
    return moved ?? this.#port.head(key);
  }

  /** What cannot be replayed exactly is said, never done in part (F6). */
  #refuseReplay(request: SubscriptionRequest, position: Position, since: string): void {
    const from = parseCursor(since);
    const sameEpoch = from !== null && epochOf(from.to.run) === epochOf(position.run);
    this.#sendGap(request, position, sameEpoch ? 'replay_exhausted' : 'epoch_changed');
  }

  #sendGap(request: SubscriptionRequest, position: Position, reason: 'replay_exhausted' | 'epoch_changed'): void {
    const cursor = positionCursor(position);
    this.#owner.send(controlFrame({ type: 'gap', id: request.id, stream: this.#port.name, key: null, cursor, reason }));
  }

  #lose(entry: Entry, code: ErrorCode, message: string): void {
    if (entry.dropped) return;
    this.drop(entry);
    this.#owner.lost(entry);
    this.#owner.refuse(code, message, entry.request.id);
  }
}
