/**
 * One stream's subscription over all its connections: where to go on from (F6), the chains of its channels (F3), and
 * which rows of a replay that was cut have been printed before. Pure; what it wants done it emits.
 */
import { backoff } from '../../shared/backoff.ts';
import type { Frame } from '../../shared/protocol.ts';
import type { StreamName } from '../../shared/streams.ts';
import { lineHead, type RowFrame, rowIdentity, rowLine } from './frames.ts';
import type { Link, Place, Progress, Scene, Wanted } from './types.ts';

/** How long the server may take to answer a subscription: longer than its own patience with the database. */
const ANSWER_MS = 60_000;

type Phase =
  /** Without a connection. */
  | { readonly name: 'idle' }
  | { readonly name: 'asked'; readonly deadline: number }
  /** What is owed is on its way. */
  | { readonly name: 'owed'; readonly start: 'resumed' | 'fresh' | 'refused' }
  | { readonly name: 'live' }
  /** The server cannot serve the stream for now. */
  | { readonly name: 'refused'; readonly retryAt: number };

/** What a frame came to: all is well, the connection cannot be relied on any more, or nothing can be done at all. */
export type Outcome =
  | { readonly kind: 'well' }
  | { readonly kind: 'distrust'; readonly reason: string }
  | { readonly kind: 'hopeless'; readonly reason: string; readonly exit: 'refused' | 'unauthorized' };

const WELL: Outcome = { kind: 'well' };

const GAPS: Readonly<Record<Frame<'gap'>['reason'], string>> = {
  slow_consumer: 'this reader was too slow, and what it missed could not be replayed',
  replay_exhausted: 'more was missed than the server replays',
  epoch_changed: 'the cursor belongs to another database, or to one that was restored or rewound',
};

export class Subscription {
  readonly stream: StreamName;
  /** Whether rows were lost that nobody will send any more. */
  lost = false;
  readonly #wanted: Wanted;
  #phase: Phase = { name: 'idle' };
  #cursor: string | null;
  /** Whether the cursor came from outside and no server has accepted it yet. */
  #given: boolean;
  /** Rows behind the cursor that earlier replays have printed, and those that this one has. */
  readonly #before: Set<string>;
  #now: string[] = [];
  readonly #chains = new Map<string, string>();
  /** Server clock when the stream was last known to be whole, epoch ms: a loss is dated by it. */
  #wholeAt: number | null = null;
  /** Server clock when the connection began that it was last asked for on, epoch ms. */
  #askedAt = 0;
  #attempt = 0;
  /** Whether the chain broke and nothing has come of asking again yet. */
  #broken = false;
  #trouble: string | null = null;

  constructor(stream: StreamName, wanted: Wanted, from: Place | undefined) {
    this.stream = stream;
    this.#wanted = wanted;
    this.#cursor = from?.cursor ?? null;
    this.#given = from !== undefined;
    this.#before = new Set(from?.printed);
  }

  get phase(): Phase['name'] {
    return this.#phase.name;
  }

  /** When something is to be done without any event; infinite where never. */
  get deadline(): number {
    if (this.#phase.name === 'asked') return this.#phase.deadline;
    return this.#phase.name === 'refused' ? this.#phase.retryAt : Number.POSITIVE_INFINITY;
  }

  /** Subscribes on a connection, from where the last one ended. */
  ask({ socket, helloTime }: Link, scene: Scene): void {
    this.#askedAt = helloTime;
    this.#phase = { name: 'asked', deadline: scene.now + ANSWER_MS };
    const { keys, detail } = this.#wanted;
    scene.emit({
      type: 'send',
      socket,
      frame: {
        type: 'subscribe',
        id: this.stream,
        stream: this.stream,
        detail,
        ...(keys === null ? {} : { keys: [...keys] }),
        ...(this.#cursor === null ? {} : { since: this.#cursor }),
      },
    });
  }

  /** The connection is gone. */
  disconnected(): void {
    this.#phase = { name: 'idle' };
    this.#attempt = 0;
  }

  /** Nothing was read for a while because nothing could be printed: the server's time to answer begins anew. */
  restartClock(now: number): void {
    if (this.#phase.name === 'asked') this.#phase = { name: 'asked', deadline: now + ANSWER_MS };
  }

  /** Does what has fallen due. */
  tick(link: Link, scene: Scene): Outcome {
    if (scene.now < this.deadline) return WELL;
    if (this.#phase.name === 'asked') return { kind: 'distrust', reason: `no answer about ${this.stream}` };
    this.ask(link, scene);
    return WELL;
  }

  /** The database is back, says the server: a stream that was refused may be asked for again. */
  encourage(link: Link, scene: Scene): void {
    if (this.#phase.name === 'refused') this.ask(link, scene);
  }

  subscribed(frame: Frame<'subscribed'>, scene: Scene): Outcome {
    if (this.#phase.name !== 'asked') return WELL;
    this.#phase = { name: 'owed', start: frame.resumed ? 'resumed' : this.#cursor === null ? 'fresh' : 'refused' };
    // A subscription's first deltas start its chains anew, also where they are replayed.
    this.#chains.clear();
    for (const row of this.#now) this.#before.add(row);
    this.#now = [];
    this.#given = false;
    if (this.#trouble !== null) this.#say('always', 'is served again', scene);
    this.#trouble = null;
    return WELL;
  }

  delta(frame: RowFrame, link: Link, scene: Scene): Outcome {
    const phase = this.#phase.name;
    // What still arrives of a subscription that is being replaced is sent again by its successor.
    if (phase !== 'owed' && phase !== 'live') return WELL;
    const head = this.#chains.get(frame.key);
    if (head !== undefined && head !== frame.prev) return this.#mend(frame, head, link, scene);
    this.#chains.set(frame.key, frame.cursor);
    this.#wholeAt = frame.time;
    const { rows } = frame;
    if (phase === 'live') {
      this.#cursor = frame.cursor;
      this.#broken = false;
      this.#print(frame, rows, { kind: 'reached', cursor: frame.cursor }, scene);
      return WELL;
    }
    const identified = rows.map((row) => ({ row, identity: rowIdentity(row) }));
    const fresh = identified.filter(({ identity }) => !this.#before.has(identity));
    const printed = fresh.map(({ identity }) => identity);
    this.#now.push(...printed);
    if (fresh.length > 0)
      this.#print(
        frame,
        fresh.map(({ row }) => row),
        { kind: 'printed', rows: printed },
        scene,
      );
    return WELL;
  }

  gap(frame: Frame<'gap'>, scene: Scene): Outcome {
    if (this.#phase.name !== 'owed' && this.#phase.name !== 'live') return WELL;
    this.#lose(`${GAPS[frame.reason]} (${frame.reason})`, frame.key, scene);
    if (this.#phase.name === 'owed') this.#phase = { name: 'owed', start: 'fresh' };
    if (frame.key !== null) {
      this.#chains.set(frame.key, frame.cursor);
      return WELL;
    }
    this.#chains.clear();
    // Without a range no snapshot is owed: what comes from here on is whole again.
    if (this.#phase.name === 'live') this.#reach(frame.cursor, scene);
    return WELL;
  }

  synced(frame: Frame<'synced'>, scene: Scene): Outcome {
    if (this.#phase.name !== 'owed') return WELL;
    // A gap should have said so; without one it is no less a loss.
    if (this.#phase.start === 'refused') this.#lose('the server did not go on from the cursor', null, scene);
    this.#say('detail', this.#phase.start === 'resumed' ? 'is live, and missed nothing' : 'is live', scene);
    this.#phase = { name: 'live' };
    this.#attempt = 0;
    this.#broken = false;
    this.#wholeAt = Math.max(this.#wholeAt ?? 0, this.#askedAt);
    this.#reach(frame.cursor, scene);
    return WELL;
  }

  error(frame: Frame<'error'>, scene: Scene): Outcome {
    const { code, message } = frame;
    if (code === 'unavailable') {
      this.#phase = { name: 'refused', retryAt: scene.now + backoff(this.#attempt, scene.random) };
      this.#attempt += 1;
      // Said once, however often it is asked for again.
      if (this.#trouble !== message) this.#say('always', `is not served: ${message}`, scene);
      this.#trouble = message;
      return WELL;
    }
    if (code === 'bad_cursor' && this.#cursor !== null && !this.#given) {
      this.#lose(`the server does not know its own cursor any more (${message})`, null, scene);
      this.#cursor = null;
      this.#forget();
      return { kind: 'distrust', reason: `the cursor of ${this.stream} was refused` };
    }
    const exit = code === 'unauthorized' ? 'unauthorized' : 'refused';
    return { kind: 'hopeless', reason: `${this.stream} was refused: ${message} [${code}]`, exit };
  }

  /**
   * A break of the chain (F3), which no server should leave. Everything after the cursor is asked for again; where that
   * did not help, on another connection. What is missing lies behind the cursor unless other channels have moved that on.
   */
  #mend(frame: RowFrame, head: string, link: Link, scene: Scene): Outcome {
    if (this.#phase.name === 'live' && head !== this.#cursor)
      this.#lose('the server left a delta out', frame.key, scene);
    if (this.#broken) return { kind: 'distrust', reason: `the chain of ${this.stream} ${frame.key} is broken` };
    this.#broken = true;
    this.#say('detail', `${frame.key}: a delta is missing; asking for it again`, scene);
    this.ask(link, scene);
    return WELL;
  }

  #print(frame: RowFrame, rows: readonly string[], progress: Progress, scene: Scene): void {
    const head = lineHead(this.stream, frame.key);
    const text = rows.map((row) => `${rowLine(head, row)}\n`).join('');
    scene.emit({ type: 'print', stream: this.stream, text, progress });
  }

  #reach(cursor: string, scene: Scene): void {
    this.#cursor = cursor;
    this.#forget();
    scene.emit({ type: 'print', stream: this.stream, text: '', progress: { kind: 'reached', cursor } });
  }

  /** Whatever was replayed lies before the cursor now, and is not sent again. */
  #forget(): void {
    this.#before.clear();
    this.#now = [];
  }

  #lose(why: string, key: string | null, scene: Scene): void {
    this.lost = true;
    const which = key === null ? '' : ` of ${key}`;
    const since =
      this.#wholeAt === null ? 'after the cursor' : `committed after ${new Date(this.#wholeAt).toISOString()}`;
    this.#say('always', `rows${which} ${since} were lost: ${why}`, scene);
  }

  #say(weight: 'always' | 'detail', text: string, scene: Scene): void {
    scene.emit({ type: 'say', weight, text: `${this.stream} ${text}` });
  }
}
