/**
 * Holds what the page has against what the server has, one channel at a time and slowly. It knows no network, no clock and no
 * page; all come in. What differs for certain is loaded anew, and looked at again once it has come.
 */
import type { PartSum, SummedSpan } from '../../shared/checksum.ts';
import type { StreamName } from '../../shared/streams.ts';
import { certain, differing } from './held.ts';

/** One channel to be checked: a stream and a key. */
export interface Target {
  readonly stream: StreamName;
  readonly key: string;
  readonly span: SummedSpan;
}

/** What a check found. */
export interface Finding {
  /** When, epoch ms on the server's clock. */
  readonly at: number;
  readonly stream: StreamName;
  readonly key: string;
  /**
   * `same`: checked, and as it should be. `reloaded`: it differed, and was loaded anew. `persists`: it differs still after it was
   * loaded anew. `moving`: rows of the past were being written meanwhile. `uncounted`: there are too many points to tell.
   * `failed`: the server could not say.
   */
  readonly outcome: 'same' | 'reloaded' | 'persists' | 'moving' | 'uncounted' | 'failed';
  /** Rows that were compared. */
  readonly rows: number;
  /** The first and the last moment that differed; null where none did. */
  readonly where: { readonly from: number; readonly to: number } | null;
  /** Why it failed; null where it did not. */
  readonly reason: string | null;
}

/** The server's answer. */
export interface Told {
  readonly comparable: boolean;
  readonly parts: readonly PartSum[];
}

/** Everything that a check has from outside. */
export interface CheckWorld {
  /** Epoch ms, the server's clock. */
  now(): number;
  after(ms: number, action: () => void): () => void;
  /** Streams with the keys that can be checked now; empty while the page is not live, loads, or is not looked at. */
  candidates(): ReadonlyMap<StreamName, readonly string[]>;
  /** What of a channel can be checked now; null where nothing can. */
  target(stream: StreamName, key: string): Target | null;
  /** The sums of what is held of it; null where it is not held any more, or not as it was. */
  held(target: Target, parts: number): readonly PartSum[] | null;
  /** Rejects with what can be told. */
  ask(target: Target, parts: number): Promise<Told>;
  resync(stream: StreamName): void;
  report(finding: Finding): void;
}

/** Between two checks: a page takes five minutes for its five streams. */
export const PACE_MS = 60_000;
/** Before a difference is looked at again: late rows have come by then. */
export const AGAIN_MS = 4000;
/** Before what was loaded anew is looked at. */
const RELOADED_MS = 15_000;
/** A channel that differed after it was loaded anew is not loaded anew again for so long. */
const PATIENCE_MS = 3_600_000;
export const PARTS = 24;

export class Checker {
  readonly #world: CheckWorld;
  #turn = 0;
  readonly #keyTurns = new Map<StreamName, number>();
  /** When a channel was loaded anew for a difference. */
  readonly #reloadedAt = new Map<string, number>();
  #cancel: (() => void) | null = null;
  #isBusy = false;
  #isStopped = false;

  constructor(world: CheckWorld) {
    this.#world = world;
  }

  /** Begins; the first check is a part of the pace later, so that pages that were opened together do not ask together. */
  start(random: () => number): void {
    this.#later(PACE_MS * (0.25 + 0.75 * random()));
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }

  /** Checks everything that can be checked, now. */
  async all(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      for (const [stream, keys] of this.#world.candidates()) {
        for (const key of keys) if (!this.#isStopped) await this.#check(stream, key);
      }
    } finally {
      this.#isBusy = false;
    }
  }

  #later(ms: number): void {
    if (this.#isStopped) return;
    this.#cancel = this.#world.after(ms, () => {
      void this.#next().finally(() => this.#later(PACE_MS));
    });
  }

  /** One channel of the next stream, the keys of each in turn. */
  async #next(): Promise<void> {
    const candidates = [...this.#world.candidates()].filter(([, keys]) => keys.length > 0);
    const chosen = candidates[this.#turn % Math.max(1, candidates.length)];
    if (chosen === undefined || this.#isBusy) return;
    this.#turn += 1;
    const [stream, keys] = chosen;
    const turn = this.#keyTurns.get(stream) ?? 0;
    this.#keyTurns.set(stream, turn + 1);
    const key = keys[turn % keys.length];
    if (key === undefined) return;
    this.#isBusy = true;
    try {
      await this.#check(stream, key);
    } finally {
      this.#isBusy = false;
    }
  }

  async #check(stream: StreamName, key: string): Promise<void> {
    const target = this.#world.target(stream, key);
    if (target === null) return;
    const first = await this.#look(target);
    if (first === null) return;
    if (differing(first.held, first.told).length === 0) {
      this.#found(target, 'same', first.told);
      this.#reloadedAt.delete(nameOf(target));
      return;
    }
    await this.#wait(AGAIN_MS);
    const second = await this.#look(target);
    if (second === null) return;
    const differs = differing(second.held, second.told);
    if (differs.length === 0) {
      this.#found(target, 'same', second.told);
      return;
    }
    const sure = certain(first, second);
    if (sure.length === 0) {
      this.#found(target, 'moving', second.told, differs);
      return;
    }
    const now = this.#world.now();
    const before = this.#reloadedAt.get(nameOf(target));
    if (before !== undefined && now - before < PATIENCE_MS) {
      this.#found(target, 'persists', second.told, sure);
      return;
    }
    this.#reloadedAt.set(nameOf(target), now);
    this.#found(target, 'reloaded', second.told, sure);
    this.#world.resync(stream);
    this.#world.after(RELOADED_MS, () => {
      if (!this.#isStopped && !this.#isBusy) void this.#check(stream, key);
    });
  }

  /** What both sides have at one moment, as nearly as can be; null where that cannot be had, which is told where it is a fault. */
  async #look(target: Target): Promise<{ held: readonly PartSum[]; told: readonly PartSum[] } | null> {
    if (this.#isStopped) return null;
    let told: Told;
    try {
      told = await this.#world.ask(target, PARTS);
    } catch (error) {
      this.#found(target, 'failed', [], [], error instanceof Error ? error.message : String(error));
      return null;
    }
    const held = this.#world.held(target, PARTS);
    if (held === null || this.#isStopped) return null;
    if (told.comparable) return { held, told: told.parts };
    this.#found(target, 'uncounted', []);
    return null;
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#world.after(ms, resolve);
    });
  }

  #found(
    { stream, key }: Target,
    outcome: Finding['outcome'],
    told: readonly PartSum[],
    differs: readonly PartSum[] = [],
    reason: string | null = null,
  ): void {
    const [first] = differs;
    const last = differs.at(-1);
    this.#world.report({
      at: this.#world.now(),
      stream,
      key,
      outcome,
      rows: told.reduce((sum, { rows }) => sum + rows, 0),
      where: first === undefined || last === undefined ? null : { from: first.from, to: last.to },
      reason,
    });
  }
}

function nameOf({ stream, key }: Target): string {
  return JSON.stringify([stream, key]);
}
