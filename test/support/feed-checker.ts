/**
 * A subscriber that holds every frame against the rules of the feed and keeps the rows that it was given. It follows F6 to
 * the letter, so that a later one can take its subscriptions over with the cursors that it has.
 */
import { Credit } from '../../server/feed/credit.ts';
import type { OutFrame } from '../../server/feed/frames.ts';
import type { Transport } from '../../server/feed/session.ts';
import { serverMessage } from '../../shared/bundle.ts';
import type { ServerFrame } from '../../shared/protocol.ts';

/** A subscription as its client knows it. */
interface Known {
  readonly keys: readonly string[] | null;
  readonly resumed: boolean;
  /** Ids by key: from its snapshots and all deltas after. */
  readonly ids: Map<string, Set<number>>;
  /** Rows of a replay that is not through: whoever is cut in it gets them again. */
  readonly replayed: Map<string, Set<number>>;
  live: boolean;
  gap: boolean;
  since: string | null;
}

/** What a client needs to resume a subscription. */
export interface Resumable {
  readonly ids: ReadonlyMap<string, ReadonlySet<number>>;
  readonly since: string | null;
}

/** Thrown where a frame breaks a rule; the message begins with the rule's number. */
function broken(rule: string, frame: ServerFrame, why: string): never {
  throw new Error(`${rule} ${why}: ${JSON.stringify(frame).slice(0, 400)}`);
}

function copy(ids: ReadonlyMap<string, ReadonlySet<number>>): Map<string, Set<number>> {
  return new Map([...ids].map(([key, set]) => [key, new Set(set)]));
}

export class FeedChecker implements Transport {
  readonly credit = new Credit();
  readonly frames: ServerFrame[] = [];
  readonly writes: number[] = [];
  /** How many messages were bundles (F16). */
  bundles = 0;
  closedWith: number | null = null;
  /** While true, nothing that is written is acknowledged. */
  stalled = false;
  /** The first breach of a rule; whoever uses the checker looks here at the end. */
  breach: Error | null = null;
  /** Called with a subscription's id when it has become live. */
  onSubscribed: (id: string, keys: readonly string[] | null, resumed: boolean) => void = () => {};
  /** Called when a subscription is told that rows are lost to it. */
  onGap: (id: string) => void = () => {};
  readonly #now: () => number;
  readonly #subscriptions = new Map<string, Known>();
  /** What an earlier connection knew, by the id that resumes it. */
  readonly #earlier = new Map<string, Resumable>();
  /** Cursor that a channel's next delta must name. */
  readonly #chains = new Map<string, string>();
  /** Keys whose snapshot is owed, by subscription. */
  readonly #owed = new Map<string, Set<string> | 'every'>();

  constructor(now: () => number = () => 0) {
    this.#now = now;
  }

  write(frames: readonly OutFrame[]): void {
    this.writes.push(frames.length);
    for (const { text: head, tail } of frames) {
      const text = head + (tail?.text ?? '');
      this.credit.send(text.length);
      if (!text.startsWith('{"type":')) throw new Error(`F1 type is not the first field: ${text.slice(0, 80)}`);
      try {
        this.#takeMessage(text);
      } catch (error) {
        this.breach ??= error instanceof Error ? error : new Error(String(error));
      }
    }
    const ping = this.credit.ping(this.#now());
    if (!this.stalled) this.credit.pong(ping, this.#now());
  }

  #takeMessage(text: string): void {
    const message = serverMessage.parse(JSON.parse(text));
    if (message.type !== 'bundle') {
      this.take(message);
      return;
    }
    const { frames } = message;
    this.bundles += 1;
    if (text.length > 65_536) throw new Error(`F16 a bundle of ${text.length} characters`);
    if (frames.length < 2) throw new Error(`F16 a bundle of ${frames.length}`);
    for (const frame of frames) {
      if (frame.type === 'hello' || frame.type === 'snapshot') broken('F16', frame, 'is within a bundle');
      this.take(frame);
    }
  }

  /** Acknowledges everything; the session has to be told. */
  catchUp(): void {
    this.stalled = false;
    this.credit.pong(this.credit.ping(this.#now()), this.#now());
  }

  close(code: number): void {
    this.closedWith = code;
  }

  /** Has a subscription go on from what an earlier connection knew, where the server says that it does. */
  resumeFrom(id: string, earlier: Resumable): void {
    this.#earlier.set(id, earlier);
  }

  /** What another connection needs to take a subscription over; null where this one knows none of the id. */
  resumable(id: string): Resumable | null {
    const known = this.#subscriptions.get(id);
    if (known !== undefined && (known.live || known.since !== null))
      return { ids: copy(known.ids), since: known.since };
    return this.#earlier.get(id) ?? null;
  }

  /** Says that snapshots are owed to a subscription after its `subscribed`; null keys: one for every key with rows. */
  expectSnapshots(id: string, keys: readonly string[] | null): void {
    this.#owed.set(id, keys === null ? 'every' : new Set(keys));
  }

  take(frame: ServerFrame): void {
    this.frames.push(frame);
    switch (frame.type) {
      case 'subscribed': {
        const before = this.#subscriptions.get(frame.id) ?? this.#earlier.get(frame.id);
        if (frame.resumed && before === undefined) broken('F6', frame, 'resumed from nothing');
        this.#subscriptions.set(frame.id, {
          keys: frame.keys,
          resumed: frame.resumed,
          ids: frame.resumed && before !== undefined ? copy(before.ids) : new Map(),
          replayed: new Map(),
          live: false,
          gap: false,
          since: frame.resumed ? (before?.since ?? null) : null,
        });
        this.#endUnwatchedChains();
        // A channel's first delta after it starts the chain anew.
        if (frame.resumed)
          for (const key of this.#chains.keys()) if (frame.keys?.includes(key) ?? true) this.#chains.delete(key);
        this.onSubscribed(frame.id, frame.keys, frame.resumed);
        return;
      }
      case 'snapshot':
        this.#snapshot(frame);
        return;
      case 'synced':
        this.#synced(frame);
        return;
      case 'delta':
        this.#delta(frame);
        return;
      case 'gap':
        this.#gap(frame);
        return;
      case 'unsubscribed':
        this.#subscriptions.delete(frame.id);
        this.#owed.delete(frame.id);
        this.#endUnwatchedChains();
        return;
      default:
    }
  }

  /** Ids that a subscription was given for a key, through snapshot and deltas. */
  ids(id: string, key: string): Set<number> {
    return this.#subscriptions.get(id)?.ids.get(key) ?? new Set();
  }

  get subscriptions(): readonly string[] {
    return [...this.#subscriptions.keys()];
  }

  /** A channel that nobody watches any more may go on anywhere when it is watched again. */
  #endUnwatchedChains(): void {
    const subscriptions = [...this.#subscriptions.values()];
    for (const key of this.#chains.keys()) {
      if (!subscriptions.some(({ keys }) => keys === null || keys.includes(key))) this.#chains.delete(key);
    }
  }

  #synced(frame: Extract<ServerFrame, { type: 'synced' }>): void {
    const known = this.#subscriptions.get(frame.id);
    if (known === undefined) broken('F2', frame, 'synced before subscribed');
    const owed = this.#owed.get(frame.id);
    if (owed instanceof Set && owed.size > 0) broken('F2', frame, `synced, but owed are ${[...owed].join()}`);
    this.#owed.delete(frame.id);
    for (const [key, ids] of known.replayed) known.ids.set(key, new Set([...(known.ids.get(key) ?? []), ...ids]));
    known.replayed.clear();
    known.live = true;
    known.gap = false;
    known.since = frame.cursor;
  }

  #gap(frame: Extract<ServerFrame, { type: 'gap' }>): void {
    const known = this.#subscriptions.get(frame.id);
    if (known === undefined) broken('F2', frame, 'a gap before subscribed');
    if (known.resumed && !known.live) broken('F6', frame, 'a gap in the middle of a replay');
    known.gap = true;
    if (frame.key === null) {
      for (const key of this.#chains.keys()) if (known.keys?.includes(key) ?? true) this.#chains.delete(key);
    } else this.#chains.set(frame.key, frame.cursor);
    this.onGap(frame.id);
  }

  #snapshot(frame: Extract<ServerFrame, { type: 'snapshot' }>): void {
    const known = this.#subscriptions.get(frame.id);
    if (known === undefined) broken('F2', frame, 'snapshot before subscribed');
    const owed = this.#owed.get(frame.id);
    if (owed instanceof Set) owed.delete(frame.key);
    // The rows of the model have their ids for rates.
    const ids = frame.series.flatMap(({ columns }) => (columns.funding_rate ?? []).map(Number));
    if (new Set(ids).size < ids.length) broken('F2', frame, 'a row twice in one snapshot');
    known.ids.set(frame.key, new Set(ids));
    this.#chains.set(frame.key, frame.cursor);
  }

  #delta(frame: Extract<ServerFrame, { type: 'delta' }>): void {
    const expected = this.#chains.get(frame.key);
    if (expected !== undefined && expected !== frame.prev) broken('F3', frame, `the chain stood at ${expected}`);
    this.#chains.set(frame.key, frame.cursor);
    let matched = false;
    for (const [id, known] of this.#subscriptions) {
      if (known.keys !== null && !known.keys.includes(frame.key)) continue;
      // What is waiting for its history after a gap is given by that.
      if (known.gap) continue;
      matched = true;
      const owed = this.#owed.get(id);
      if (owed === 'every' || owed?.has(frame.key) === true)
        broken('F2', frame, 'a delta between subscribed and snapshot');
      this.#rows(id, known, frame);
      if (known.live) known.since = frame.cursor;
    }
    if (!matched) broken('F2', frame, 'a delta that no subscription matches');
  }

  #rows(id: string, known: Known, frame: Extract<ServerFrame, { type: 'delta' }>): void {
    const taken = known.ids.get(frame.key) ?? new Set<number>();
    const into = known.live ? taken : (known.replayed.get(frame.key) ?? new Set<number>());
    (known.live ? known.ids : known.replayed).set(frame.key, into);
    if (!known.live && frame.via !== 'replay') broken('F6', frame, 'a live delta between subscribed and synced');
    for (const row of frame.rows) {
      if (taken.has(row.id) || into.has(row.id)) broken('F4', frame, `row ${row.id} was delivered twice to ${id}`);
      into.add(row.id);
    }
  }
}
