/** One follower of one stream, driven event by event on a clock that a test moves. */
import type { Exit } from '../../server/tail/exit.ts';
import { Follow } from '../../server/tail/follow.ts';
import type { Effect, FollowEvent, Wanted } from '../../server/tail/types.ts';
import type { StreamName } from '../../shared/streams.ts';

export const HEARTBEAT_MS = 5000;
export const STREAM: StreamName = 'anomalies';

/** A follower, all that it has done, and a clock. */
export class Bench {
  readonly follow: Follow;
  readonly effects: Effect[] = [];
  now = 1000;

  constructor(wanted: Partial<Wanted> = {}, started = true) {
    const all: Wanted = {
      streams: [STREAM],
      keys: null,
      detail: 'full',
      from: new Map(),
      waitMs: 10_000,
      staleMs: null,
      ...wanted,
    };
    this.follow = new Follow(all, () => 0);
    if (started) this.tell({ type: 'start' });
  }

  tell(event: FollowEvent): void {
    this.effects.push(...this.follow.handle(event, this.now));
  }

  /** Moves the clock, and ticks then. */
  pass(ms: number): void {
    this.now += ms;
    this.tell({ type: 'tick' });
  }

  get socket(): number {
    return this.of('connect').at(-1)?.socket ?? 0;
  }

  frame(frame: object): void {
    this.tell({ type: 'frame', socket: this.socket, text: JSON.stringify(frame) });
  }

  close(code: number, reason = ''): void {
    this.tell({ type: 'closed', socket: this.socket, code, reason });
  }

  hello(): this {
    const rest = { version: '1', build: '', epoch: '', demo: false, streams: [] };
    this.frame({ type: 'hello', protocol: 1, time: 5, heartbeat_ms: HEARTBEAT_MS, tick_ms: 10_000, ...rest });
    return this;
  }

  /** Says hello, answers the subscription and has it live at the cursor. */
  live(cursor: string, resumed = false): this {
    this.hello();
    this.frame({ type: 'subscribed', id: STREAM, stream: STREAM, keys: null, cursor, resumed });
    this.frame({ type: 'synced', id: STREAM, cursor });
    return this;
  }

  delta(prev: string, cursor: string, ids: readonly number[], key = 'A'): void {
    const rows = ids.map((id) => ({ id, timestamp: 1 }));
    this.frame({ type: 'delta', stream: STREAM, key, prev, cursor, time: 60_000, via: 'notify', rows });
  }

  gap(cursor: string, key: string | null = null, reason = 'slow_consumer'): void {
    this.frame({ type: 'gap', id: STREAM, stream: STREAM, key, cursor, reason });
  }

  error(code: string, message = 'no'): void {
    this.frame({ type: 'error', id: STREAM, code, message });
  }

  beat(database: 'up' | 'down', doorbell: 'up' | 'down' = 'up', age: number | null = null): void {
    this.frame({ type: 'heartbeat', time: 5, database, doorbell, freshness: { [STREAM]: age } });
  }

  of<T extends Effect['type']>(type: T): Extract<Effect, { type: T }>[] {
    return this.effects.filter((effect): effect is Extract<Effect, { type: T }> => effect.type === type);
  }

  get since(): string | undefined {
    return this.of('send').at(-1)?.frame.since;
  }

  get printed(): number[] {
    return [
      ...this.of('print')
        .map(({ text }) => text)
        .join('')
        .matchAll(/"id":(\d+)/g),
    ].map(([, id]) => Number(id));
  }

  /** What everybody is told. */
  get said(): string[] {
    return this.of('say').flatMap(({ weight, text }) => (weight === 'always' ? [text] : []));
  }

  get exit(): Exit | undefined {
    return this.of('end')[0]?.exit;
  }
}
