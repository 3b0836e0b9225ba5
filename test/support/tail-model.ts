/**
 * A feed on paper for `tail`: a server that keeps the contract (or, where a test has it so, leaves a delta out), a
 * connection that can be cut at any frame, and an output that takes its time. There are no timers: a test moves it all.
 */

import type { Exit } from '../../server/tail/exit.ts';
import { Follow } from '../../server/tail/follow.ts';
import { Ledger } from '../../server/tail/ledger.ts';
import type { Effect, FollowEvent, Place } from '../../server/tail/types.ts';
import type { SubscribeFrame } from '../../shared/protocol.ts';
import type { StreamName } from '../../shared/streams.ts';

export const HEARTBEAT_MS = 1000;
/** Ids begin where JavaScript's numbers no longer tell neighbours apart. */
const FIRST_ID = 9_007_199_254_740_993n;
const EPOCH_MS = 1_700_000_000_000;
/** Texts that an output holds before it says that it takes no more. */
const ROOM = 3;

interface ModelRow {
  readonly id: string;
  readonly key: string;
  readonly json: string;
}

/** The frames of one look, one for each key, in the order in which the keys first come. */
interface ModelFrame {
  readonly key: string;
  readonly cursor: string;
  readonly rows: readonly ModelRow[];
}

/** What a cursor says: rows before `start`, and of the look from there to `end` the frames up to `frame`. */
interface ModelCursor {
  readonly epoch: number;
  readonly start: number;
  readonly end: number;
  readonly frame: number;
}

class ModelStream {
  readonly rows: ModelRow[] = [];
  /** Rows that looks have read so far. */
  position = 0;
  readonly heads = new Map<string, string>();
  /** Rows that a gap has excused. */
  readonly excused = new Set<string>();
  /** From where on rows are owed to the follower: the position of the first `synced` that it received. */
  owedFrom: number | null = null;
}

interface Session {
  readonly socket: number;
  readonly toClient: string[];
  readonly toServer: SubscribeFrame[];
  readonly subscriptions: Map<string, SubscribeFrame>;
}

function cursorText({ epoch, start, end, frame }: ModelCursor): string {
  return `${epoch}:${start}:${end}:${frame}`;
}

function parseCursor(text: string): ModelCursor {
  const [epoch = -1, start = 0, end = 0, frame = 0] = text.split(':').map(Number);
  return { epoch, start, end, frame };
}

export class TailWorld {
  readonly streams: ReadonlyMap<StreamName, ModelStream>;
  readonly said: string[] = [];
  /** Lines that have left, in order. */
  readonly lines: string[] = [];
  now = 0;
  epoch = 1;
  /** Oldest row from which a cursor is resumed. */
  floor = 0;
  serving = true;
  database: 'up' | 'down' = 'up';
  readonly off = new Set<StreamName>();
  session: Session | null = null;
  follow: Follow;
  ended: Exit | null = null;
  /** Whether any run of the follower has told of a loss. */
  lostTold = false;
  readonly #random: () => number;
  readonly #keys: readonly string[] | null;
  #ledger = new Ledger(new Map());
  #queue: { text: string; effect: Extract<Effect, { type: 'print' }> }[] = [];
  #blocked = false;
  #wakeAt = Number.POSITIVE_INFINITY;
  #nextId = FIRST_ID;

  constructor(random: () => number, streams: readonly StreamName[], keys: readonly string[] | null) {
    this.#random = random;
    this.#keys = keys;
    this.streams = new Map(streams.map((name) => [name, new ModelStream()]));
    this.follow = this.#run(new Map());
    this.tell({ type: 'start' });
  }

  #run(from: ReadonlyMap<StreamName, Place>): Follow {
    const wanted = {
      streams: [...this.streams.keys()],
      keys: this.#keys,
      detail: 'full',
      from,
      waitMs: 1e9,
      staleMs: null,
    } as const;
    return new Follow(wanted, this.#random);
  }

  #stream(name: string): ModelStream {
    for (const [known, stream] of this.streams) if (known === name) return stream;
    throw new Error(`no stream ${name}`);
  }

  tell(event: FollowEvent): void {
    for (const effect of this.follow.handle(event, this.now)) this.#act(effect);
  }

  #act(effect: Effect): void {
    switch (effect.type) {
      case 'connect':
        this.session = { socket: effect.socket, toClient: [], toServer: [], subscriptions: new Map() };
        if (this.serving) this.#send(this.#hello());
        else this.cut(1006);
        break;
      case 'close':
        if (this.session?.socket === effect.socket) this.session = null;
        break;
      case 'send':
        if (this.session?.socket === effect.socket) this.session.toServer.push(effect.frame);
        break;
      case 'print':
        this.#queue.push({ text: effect.text, effect });
        if (this.#queue.length > ROOM && !this.#blocked) {
          this.#blocked = true;
          this.tell({ type: 'blocked' });
        }
        break;
      case 'say':
        if (effect.weight === 'always') this.said.push(effect.text);
        break;
      case 'wake':
        this.#wakeAt = Math.min(this.#wakeAt, this.now + effect.afterMs);
        break;
      case 'end':
        this.ended = effect.exit;
    }
  }

  #send(frame: object): void {
    this.session?.toClient.push(JSON.stringify(frame));
  }

  #hello(): object {
    const rest = { version: '1', build: '', epoch: '', demo: false, streams: [] };
    return { type: 'hello', protocol: 1, time: this.#clock(), heartbeat_ms: HEARTBEAT_MS, tick_ms: 10_000, ...rest };
  }

  #clock(): number {
    return EPOCH_MS + Math.floor(this.now);
  }

  /** Commits rows of one key; a look has to find them. */
  commit(name: StreamName, key: string, count: number): void {
    for (let i = 0; i < count; i += 1) {
      const id = String(this.#nextId);
      this.#nextId += 1n;
      const json = `{"id":${id},"timestamp":${this.#clock()}.125,"symbol":"${key}","value":0.1000000000000000000${id},"metadata":{"a": [1, "}]\\"{"],\n "b": null}}`;
      this.#stream(name).rows.push({ id, key, json });
    }
  }

  #frames(name: string, start: number, end: number): ModelFrame[] {
    const byKey = new Map<string, ModelRow[]>();
    for (const row of this.#stream(name).rows.slice(start, end)) {
      const rows = byKey.get(row.key) ?? [];
      byKey.set(row.key, rows);
      rows.push(row);
    }
    return [...byKey].map(([key, rows], frame) => ({
      key,
      rows,
      cursor: cursorText({ epoch: this.epoch, start, end, frame }),
    }));
  }

  #wants(frame: SubscribeFrame, key: string): boolean {
    return frame.keys === undefined || frame.keys.includes(key);
  }

  /** Reads what was committed, and sends it to who is subscribed. */
  look(name: StreamName, lag: 'none' | 'gap' | 'gap of a key' = 'none'): void {
    const stream = this.#stream(name);
    const start = stream.position;
    stream.position = stream.rows.length;
    if (start === stream.position) return;
    const subscription = this.session?.subscriptions.get(name);
    const frames = this.#frames(name, start, stream.position);
    if (subscription !== undefined && lag === 'gap') this.#gap(name, null, this.#position(name), 'slow_consumer');
    for (const frame of frames) {
      const prev = stream.heads.get(frame.key) ?? 'none';
      stream.heads.set(frame.key, frame.cursor);
      if (subscription === undefined || !this.#wants(subscription, frame.key)) continue;
      if (lag === 'none') this.#delta(name, frame, prev, 'notify');
      else {
        for (const { id } of frame.rows) stream.excused.add(id);
        if (lag === 'gap of a key') this.#gap(name, frame.key, frame.cursor, 'slow_consumer');
      }
    }
  }

  #position(name: string): string {
    const { position } = this.#stream(name);
    return cursorText({ epoch: this.epoch, start: position, end: position, frame: -1 });
  }

  #gap(name: string, key: string | null, cursor: string, reason: string): void {
    this.#send({ type: 'gap', id: name, stream: name, key, cursor, reason });
  }

  #delta(name: string, frame: ModelFrame, prev: string, via: string): void {
    const head = { type: 'delta', stream: name, key: frame.key, prev, cursor: frame.cursor, time: this.#clock(), via };
    const rows = frame.rows.map(({ json }) => json).join(', ');
    this.session?.toClient.push(`${JSON.stringify(head).slice(0, -1)},"rows":[ ${rows} ]}`);
  }

  /** Has the server take one frame of the client. @returns whether there was one. */
  serve(): boolean {
    const frame = this.session?.toServer.shift();
    if (frame === undefined) return false;
    const name = frame.stream;
    const stream = this.#stream(name);
    const off = [...this.off].find((other) => other === name);
    if (off !== undefined) {
      this.session?.subscriptions.delete(name);
      this.#send({ type: 'error', id: name, code: 'unavailable', message: `${name} is off` });
      return true;
    }
    this.session?.subscriptions.set(name, frame);
    const since = frame.since === undefined ? null : parseCursor(frame.since);
    const exact = since !== null && since.epoch === this.epoch && since.start >= this.floor;
    const cursor = this.#position(name);
    this.#send({ type: 'subscribed', id: name, stream: name, keys: frame.keys ?? null, cursor, resumed: exact });
    if (since !== null) {
      const missed = this.#missed(name, since).filter(({ key }) => this.#wants(frame, key));
      if (exact) this.#replay(name, missed);
      else {
        for (const { rows } of missed) for (const { id } of rows) stream.excused.add(id);
        this.#gap(name, null, cursor, since.epoch === this.epoch ? 'replay_exhausted' : 'epoch_changed');
      }
    }
    this.#send({ type: 'synced', id: name, cursor });
    return true;
  }

  #missed(name: string, since: ModelCursor): ModelFrame[] {
    const { position } = this.#stream(name);
    const rest = this.#frames(name, since.start, since.end).slice(since.frame + 1);
    // The rest of a look is grouped as that look was; what came after it may be grouped anew, as from the tables.
    const middle = since.end + Math.floor(this.#random() * (position - since.end + 1));
    return [...rest, ...this.#frames(name, since.end, middle), ...this.#frames(name, middle, position)];
  }

  #replay(name: string, frames: readonly ModelFrame[]): void {
    const { heads } = this.#stream(name);
    const chains = new Map<string, string>();
    for (const frame of frames) {
      this.#delta(name, frame, chains.get(frame.key) ?? 'unknown', 'replay');
      chains.set(frame.key, frame.cursor);
    }
    for (const [key, prev] of chains)
      this.#delta(name, { key, rows: [], cursor: heads.get(key) ?? 'none' }, prev, 'replay');
  }

  /** Hands the next frame to the follower, unless its output is blocked. @returns whether there was one. */
  deliver(): boolean {
    if (this.#blocked || this.session === null) return false;
    const { socket, toClient } = this.session;
    const text = toClient.shift();
    if (text === undefined) return false;
    if (text.startsWith('{"type":"synced"')) {
      const name = /"id":"(\w+)"/.exec(text)?.[1] ?? '';
      const stream = this.#stream(name);
      stream.owedFrom ??= parseCursor(/"cursor":"([^"]*)"/.exec(text)?.[1] ?? '').end;
    }
    this.tell({ type: 'frame', socket, text });
    return true;
  }

  /** A server that errs: the next frame is left out if it is a delta. @returns whether it was. */
  leaveOut(): boolean {
    if (!this.session?.toClient[0]?.startsWith('{"type":"delta"')) return false;
    this.session.toClient.shift();
    return true;
  }

  heartbeat(): void {
    const { database } = this;
    this.#send({ type: 'heartbeat', time: this.#clock(), database, doorbell: database, freshness: {} });
  }

  bye(retryAfterMs: number): void {
    this.#send({ type: 'bye', reason: 'restart', retry_after_ms: retryAfterMs });
  }

  garbage(): void {
    this.session?.toClient.push('{"type":"delta","stream":');
  }

  /** Cuts the connection: what was on its way is gone. */
  cut(code: number): void {
    const { session } = this;
    this.session = null;
    if (session !== null) this.tell({ type: 'closed', socket: session.socket, code, reason: '' });
  }

  /** The connection dies without a word. */
  freeze(): void {
    if (this.session !== null) this.session = { ...this.session, toClient: [], toServer: [], socket: -1 };
  }

  /** Has one text leave. @returns whether there was one. */
  flush(): boolean {
    const next = this.#queue.shift();
    if (next === undefined) return false;
    this.lines.push(...next.text.split('\n').slice(0, -1));
    this.#ledger.note(next.effect.stream, next.effect.progress);
    if (this.#queue.length === 0 && this.#blocked) {
      this.#blocked = false;
      this.tell({ type: 'drained' });
    }
    return true;
  }

  /** Ends the follower, in order or as by SIGKILL, and starts another one from where the printed lines end. */
  restart(inOrder: boolean): void {
    if (inOrder) {
      this.tell({ type: 'stop' });
      while (this.flush());
    }
    this.lostTold ||= this.follow.lost;
    this.session = null;
    this.#queue = [];
    this.#blocked = false;
    this.#wakeAt = Number.POSITIVE_INFINITY;
    this.ended = null;
    const places = new Map(this.#ledger.places);
    this.#ledger = new Ledger(places);
    // A stream without a place begins anew, with what is committed from then on.
    for (const [name, stream] of this.streams) if (!places.has(name)) stream.owedFrom = null;
    this.follow = this.#run(places);
    this.tell({ type: 'start' });
  }

  /** Lets time pass. */
  advance(ms: number): void {
    const end = this.now + ms;
    while (this.#wakeAt <= end) {
      this.now = Math.max(this.now, this.#wakeAt);
      this.#wakeAt = Number.POSITIVE_INFINITY;
      this.tell({ type: 'tick' });
    }
    this.now = end;
  }

  /** Rows that are owed and were neither printed nor excused, and what was printed twice or never committed. */
  audit(): { missing: string[]; doubled: string[]; foreign: string[]; wrong: string[] } {
    const printed = new Map<string, number>();
    for (const line of this.lines) {
      const [, stream = '', id = ''] = /^\{"stream":"(\w+)","key":"[^"]*","id":(\d+),/.exec(line) ?? [];
      printed.set(`${stream} ${id}`, (printed.get(`${stream} ${id}`) ?? 0) + 1);
    }
    const missing: string[] = [];
    const expected = new Map<string, string>();
    for (const [name, { rows, owedFrom, excused, position }] of this.streams) {
      for (const [index, { id, key, json }] of rows.entries()) {
        const text = json.replace('{', `{"stream":"${name}","key":"${key}",`).replace('\n', ' ');
        expected.set(`${name} ${id}`, text);
        const owed = owedFrom !== null && index >= owedFrom && index < position;
        if (!owed || excused.has(id) || (this.#keys !== null && !this.#keys.includes(key))) continue;
        if (!printed.has(`${name} ${id}`)) missing.push(`${name} ${id}`);
      }
    }
    const lines = new Set(this.lines);
    return {
      missing,
      doubled: [...printed].filter(([, count]) => count > 1).map(([row]) => row),
      foreign: [...printed.keys()].filter((row) => !expected.has(row)),
      wrong: [...printed.keys()].filter((row) => !lines.has(expected.get(row) ?? '')),
    };
  }
}
