/** `tail`: the machine that follows the feed, wired to a socket, to standard output and to the signals that end it. */
import type { Writable } from 'node:stream';
import type { StreamName } from '../../shared/streams.ts';
import type { FeedTarget } from '../connect/target.ts';
import { openWire, type Wire } from '../connect/wire.ts';
import type { TailArguments } from './arguments.ts';
import { CursorFile } from './cursor-file.ts';
import { EXITS, type Exit } from './exit.ts';
import { Follow } from './follow.ts';
import { Ledger } from './ledger.ts';
import { Output } from './output.ts';
import type { Effect, FollowEvent, Place } from './types.ts';

/** What `tail` needs of the process; tests bring their own. */
export interface TailHost {
  readonly stdout: Writable;
  /** Prints one line on standard error. */
  complain(line: string): void;
  /** Whether somebody watches, who wants to be told what was made good, too. */
  readonly watched: boolean;
  /** Calls the listener at each signal to end. */
  onSignal(listener: () => void): void;
}

/** A signal this soon after the first, in ms, is the same one once more: Ctrl-C reaches npm and its child alike. */
const ECHO_MS = 500;

/**
 * Follows the feed until a signal, the reader's going away or a fault ends it.
 *
 * @returns the exit code, once everything that was printed has left.
 * @throws CodedError `cursor_file` where that cannot be read.
 */
export async function runTail(args: TailArguments, target: FeedTarget, host: TailHost): Promise<number> {
  const run = new TailRun(args, target, host);
  return EXITS[await run.start()].code;
}

class TailRun {
  readonly #args: TailArguments;
  readonly #target: FeedTarget;
  readonly #host: TailHost;
  readonly #output: Output;
  #file: CursorFile | null = null;
  #ledger = new Ledger(new Map());
  #follow: Follow | null = null;
  #wire: Wire | null = null;
  #timer: NodeJS.Timeout | undefined;
  #wakeAt = Number.POSITIVE_INFINITY;
  #blocked = false;
  /** True once the reader went away: nobody asked for last words. */
  #quiet = false;
  #over = false;
  #signalledAt: number | null = null;
  #finish: (exit: Exit) => void = () => undefined;
  #fail: (error: unknown) => void = () => undefined;

  constructor(args: TailArguments, target: FeedTarget, host: TailHost) {
    this.#args = args;
    this.#target = target;
    this.#host = host;
    this.#output = new Output(host.stdout, {
      blocked: () => this.#block(true),
      drained: () => this.#block(false),
      failed: (error, gone) => {
        this.#quiet ||= gone;
        if (gone) this.#handle({ type: 'stop' });
        else this.#giveUp(`standard output cannot be written: ${error.message}`);
      },
    });
  }

  async start(): Promise<Exit> {
    const { cursorFile, streams, keys, detail, since, waitMs, staleMs } = this.#args;
    if (cursorFile !== null) {
      this.#file = await CursorFile.open(cursorFile, (error) => this.#giveUp(error.message));
    }
    const from: ReadonlyMap<StreamName, Place> =
      this.#file?.places ?? new Map([...since].map(([stream, cursor]) => [stream, { cursor, printed: [] }]));
    this.#ledger = new Ledger(from);
    this.#follow = new Follow({ streams, keys, detail, from, waitMs, staleMs }, Math.random);
    const ended = new Promise<Exit>((resolve, reject) => {
      this.#finish = resolve;
      this.#fail = reject;
    });
    this.#host.onSignal(() => this.#signal());
    this.#handle({ type: 'start' });
    try {
      return await ended;
    } finally {
      clearTimeout(this.#timer);
      this.#wire?.close();
    }
  }

  #handle(event: FollowEvent): void {
    if (this.#follow === null) return;
    try {
      for (const effect of this.#follow.handle(event, performance.now())) this.#act(effect);
    } catch (error) {
      this.#fail(error);
    }
  }

  #act(effect: Effect): void {
    switch (effect.type) {
      case 'connect':
        this.#wire = openWire(this.#target, effect.socket, (event) => this.#handle(event), { compressed: false });
        break;
      case 'close':
        this.#wire?.close();
        this.#wire = null;
        break;
      case 'send':
        this.#wire?.send(JSON.stringify(effect.frame));
        break;
      case 'print':
        this.#output.print(effect.text, () => {
          this.#ledger.note(effect.stream, effect.progress);
          this.#file?.save(this.#ledger.places);
        });
        break;
      case 'say':
        if (effect.weight === 'always' || this.#host.watched || this.#args.verbose) this.#say(effect.text);
        break;
      case 'wake':
        this.#wake(effect.afterMs);
        break;
      case 'end':
        void this.#end(effect.exit).catch(this.#fail);
    }
  }

  #wake(afterMs: number): void {
    const at = performance.now() + afterMs;
    // An event within an event may have asked for an earlier one already; that must not be put off.
    if (at >= this.#wakeAt) return;
    clearTimeout(this.#timer);
    this.#wakeAt = at;
    this.#timer = setTimeout(() => {
      this.#wakeAt = Number.POSITIVE_INFINITY;
      this.#handle({ type: 'tick' });
    }, afterMs);
  }

  /** What is printed and not taken stops the reading, so that the server waits instead of this process growing. */
  #block(blocked: boolean): void {
    if (blocked === this.#blocked) return;
    this.#blocked = blocked;
    if (blocked) this.#wire?.pause();
    else this.#wire?.resume();
    this.#handle({ type: blocked ? 'blocked' : 'drained' });
  }

  #signal(): void {
    const now = performance.now();
    if (this.#signalledAt === null) {
      this.#signalledAt = now;
      this.#handle({ type: 'stop' });
    } else if (now - this.#signalledAt >= ECHO_MS) {
      this.#giveUp('ended before all that was read had been printed');
    }
  }

  #giveUp(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#say(reason);
    this.#lastWords();
    this.#finish('failed');
  }

  async #end(exit: Exit): Promise<void> {
    await this.#output.idle();
    await this.#file?.settled();
    if (this.#over) return;
    this.#over = true;
    this.#lastWords();
    this.#finish(exit);
  }

  /** Says where a later run goes on. */
  #lastWords(): void {
    const flags = this.#ledger.sinceFlags(this.#args.streams);
    if (this.#quiet || flags === null) return;
    this.#say(`go on with ${flags}`);
    const { repeated } = this.#ledger;
    if (repeated > 0 && this.#file === null)
      this.#say(`${repeated} rows that were printed come again there: this ended within a replay`);
  }

  #say(text: string): void {
    this.#host.complain(`tail: ${text}`);
  }
}
