/**
 * Asks for one thing at a time and shows the newest answer: an older one never takes its place, in whatever order they
 * come. What fails is asked again, later and later. It knows no network and no clock; both are passed in.
 */
import { backoff } from '../../shared/backoff.ts';

/** What loads need from outside. */
export interface LoadsDeps<Question, Answer> {
  /** Rejects with what a visitor can be told. What it brings after `signal` was aborted is not looked at. */
  fetch(question: Question, signal: AbortSignal): Promise<Answer>;
  /** Calls back after so many ms; the result cancels that. */
  after(ms: number, action: () => void): () => void;
  /** Epoch ms. */
  now(): number;
  /** In [0, 1). */
  random(): number;
  /** A request leaves: what happens from now on may be missing in its answer. */
  onLeave(question: Question): void;
  /** The newest question's answer. */
  onAnswer(question: Question, answer: Answer): void;
  /** `state` has changed. */
  onState(): void;
}

/** Where the newest question stands. `failed`: it is asked again by itself. */
export type LoadState =
  | { readonly name: 'idle' | 'loading' | 'loaded' }
  | { readonly name: 'failed'; readonly reason: string };

/** The least time between two requests, so that who pans does not ask at every step. */
const PACE_MS = 150;

export class Loads<Question, Answer> {
  readonly #deps: LoadsDeps<Question, Answer>;
  /** Grows with every question; what belongs to an older one is not heard any more. */
  #generation = 0;
  #attempt = 0;
  #leftAt = Number.NEGATIVE_INFINITY;
  #abort: AbortController | null = null;
  #cancel: (() => void) | null = null;
  #state: LoadState = { name: 'idle' };

  constructor(deps: LoadsDeps<Question, Answer>) {
    this.#deps = deps;
  }

  get state(): LoadState {
    return this.#state;
  }

  /** Asks; what was asked before is given up. Null: nothing is wanted any more. */
  ask(question: Question | null): void {
    this.#generation += 1;
    this.#attempt = 0;
    this.#abort?.abort();
    this.#abort = null;
    this.#cancel?.();
    this.#cancel = null;
    this.#become({ name: question === null ? 'idle' : 'loading' });
    if (question === null) return;
    const waitMs = this.#leftAt + PACE_MS - this.#deps.now();
    // A clock that was set back must not hold a request for as long.
    if (waitMs <= 0 || waitMs > PACE_MS) this.#leave(question);
    else this.#later(waitMs, question);
  }

  #later(ms: number, question: Question): void {
    this.#cancel = this.#deps.after(ms, () => {
      this.#cancel = null;
      this.#leave(question);
    });
  }

  #leave(question: Question): void {
    const generation = this.#generation;
    const abort = new AbortController();
    this.#abort = abort;
    this.#leftAt = this.#deps.now();
    this.#deps.onLeave(question);
    this.#deps.fetch(question, abort.signal).then(
      (answer) => {
        if (generation !== this.#generation) return;
        this.#abort = null;
        this.#deps.onAnswer(question, answer);
        this.#become({ name: 'loaded' });
      },
      (error: unknown) => {
        if (generation !== this.#generation) return;
        this.#abort = null;
        this.#later(
          backoff(this.#attempt, () => this.#deps.random()),
          question,
        );
        this.#attempt += 1;
        this.#become({ name: 'failed', reason: error instanceof Error ? error.message : String(error) });
      },
    );
  }

  #become(state: LoadState): void {
    if (state.name === this.#state.name && state.name !== 'failed') return;
    this.#state = state;
    this.#deps.onState();
  }
}
