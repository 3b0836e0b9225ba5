/** Who is to get the deltas of which key: an index, so that a delta touches only those who asked for it. */

/** Counts how often each target asked for each key, for several subscriptions may ask for the same. */
export class Routes<T> {
  readonly #byKey = new Map<string, Map<T, number>>();
  readonly #everything = new Map<T, number>();

  /** Null keys mean every key. */
  add(target: T, keys: ReadonlySet<string> | null): void {
    if (keys === null) {
      this.#everything.set(target, (this.#everything.get(target) ?? 0) + 1);
      return;
    }
    for (const key of keys) {
      const targets = this.#byKey.get(key) ?? new Map<T, number>();
      this.#byKey.set(key, targets.set(target, (targets.get(target) ?? 0) + 1));
    }
  }

  remove(target: T, keys: ReadonlySet<string> | null): void {
    if (keys === null) {
      countDown(this.#everything, target);
      return;
    }
    for (const key of keys) {
      const targets = this.#byKey.get(key);
      if (targets === undefined) continue;
      countDown(targets, target);
      if (targets.size === 0) this.#byKey.delete(key);
    }
  }

  /** The targets for a key, each once. */
  to(key: string): Iterable<T> {
    const targets = this.#byKey.get(key);
    if (targets === undefined) return this.#everything.keys();
    if (this.#everything.size === 0) return targets.keys();
    return new Set([...targets.keys(), ...this.#everything.keys()]);
  }
}

function countDown<T>(counts: Map<T, number>, target: T): void {
  const count = counts.get(target) ?? 0;
  if (count > 1) counts.set(target, count - 1);
  else counts.delete(target);
}
