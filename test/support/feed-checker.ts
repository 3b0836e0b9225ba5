/** A subscriber that holds every frame against the rules of the feed and keeps the rows that it was given. */
import type { OutFrame } from '../../server/feed/frames.ts';
import type { Transport } from '../../server/feed/session.ts';
import type { ServerFrame } from '../../shared/protocol.ts';
import { serverFrame } from '../../shared/protocol.ts';

/** What one subscription knows of one key. */
interface Known {
  readonly ids: Set<number>;
}

/** Thrown where a frame breaks a rule; the message begins with the rule's number. */
function broken(rule: string, frame: ServerFrame, why: string): never {
  throw new Error(`${rule} ${why}: ${JSON.stringify(frame).slice(0, 400)}`);
}

export class FeedChecker implements Transport {
  readonly frames: ServerFrame[] = [];
  readonly writes: number[] = [];
  closedWith: number | null = null;
  /** The first breach of a rule; whoever uses the checker looks here at the end. */
  breach: Error | null = null;
  /** Called with a subscription's id when it has become live. */
  onSubscribed: (id: string, keys: readonly string[] | null) => void = () => {};
  /** Ids of rows by subscription and key: from its snapshots and all deltas after. */
  readonly #subscriptions = new Map<
    string,
    { keys: readonly string[] | null; known: Map<string, Known>; live: boolean }
  >();
  /** Cursor that a channel's next delta must name. */
  readonly #chains = new Map<string, string>();
  /** Keys whose snapshot is owed, by subscription. */
  readonly #owed = new Map<string, Set<string> | 'every'>();

  write(frames: readonly OutFrame[]): void {
    this.writes.push(frames.length);
    for (const { text } of frames) {
      if (!text.startsWith('{"type":')) throw new Error(`F1 type is not the first field: ${text.slice(0, 80)}`);
      try {
        this.take(serverFrame.parse(JSON.parse(text)));
      } catch (error) {
        this.breach ??= error instanceof Error ? error : new Error(String(error));
      }
    }
  }

  close(code: number): void {
    this.closedWith = code;
  }

  async drained(): Promise<void> {
    await Promise.resolve();
  }

  /** Says that snapshots are owed to a subscription after its `subscribed`; null keys: one for every key with rows. */
  expectSnapshots(id: string, keys: readonly string[] | null): void {
    this.#owed.set(id, keys === null ? 'every' : new Set(keys));
  }

  take(frame: ServerFrame): void {
    this.frames.push(frame);
    switch (frame.type) {
      case 'subscribed':
        this.#subscriptions.set(frame.id, { keys: frame.keys, known: new Map(), live: false });
        this.#endUnwatchedChains();
        this.onSubscribed(frame.id, frame.keys);
        return;
      case 'snapshot':
        this.#snapshot(frame);
        return;
      case 'synced': {
        const subscription = this.#subscriptions.get(frame.id);
        if (subscription === undefined) broken('F2', frame, 'synced before subscribed');
        const owed = this.#owed.get(frame.id);
        if (owed instanceof Set && owed.size > 0) broken('F2', frame, `synced, but owed are ${[...owed].join()}`);
        this.#owed.delete(frame.id);
        subscription.live = true;
        return;
      }
      case 'delta':
        this.#delta(frame);
        return;
      case 'gap':
        if (frame.key === null) this.#chains.clear();
        else this.#chains.set(frame.key, frame.cursor);
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
    return this.#subscriptions.get(id)?.known.get(key)?.ids ?? new Set();
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

  #snapshot(frame: Extract<ServerFrame, { type: 'snapshot' }>): void {
    const subscription = this.#subscriptions.get(frame.id);
    if (subscription === undefined) broken('F2', frame, 'snapshot before subscribed');
    const owed = this.#owed.get(frame.id);
    if (owed instanceof Set) owed.delete(frame.key);
    const ids = frame.series.flatMap(({ columns }) => (columns.id ?? []).map(Number));
    subscription.known.set(frame.key, { ids: new Set(ids) });
    this.#chains.set(frame.key, frame.cursor);
  }

  #delta(frame: Extract<ServerFrame, { type: 'delta' }>): void {
    const expected = this.#chains.get(frame.key);
    if (expected !== undefined && expected !== frame.prev) broken('F3', frame, `the chain stood at ${expected}`);
    this.#chains.set(frame.key, frame.cursor);
    let matched = false;
    for (const [id, { keys, known }] of this.#subscriptions) {
      if (keys !== null && !keys.includes(frame.key)) continue;
      matched = true;
      const owed = this.#owed.get(id);
      if (owed === 'every' || owed?.has(frame.key) === true)
        broken('F2', frame, 'a delta between subscribed and snapshot');
      const ids = known.get(frame.key)?.ids ?? new Set<number>();
      known.set(frame.key, { ids });
      for (const row of frame.rows) {
        if (ids.has(row.id)) broken('F4', frame, `row ${row.id} was delivered twice to ${id}`);
        ids.add(row.id);
      }
    }
    if (!matched) broken('F2', frame, 'a delta that no subscription matches');
  }
}
