/**
 * The subscriptions of one connection: asks for what is wanted, holds each channel's chain (F3), and passes on only what
 * belongs to the newest subscription of a stream.
 */

import { backoff } from '../../shared/backoff.ts';
import type { Frame, ServerFrame } from '../../shared/protocol.ts';
import type { StreamName } from '../../shared/streams.ts';
import { encodeClientFrame } from './frames.ts';
import { chainsOf, idOf, matches, type Phase, sameWant } from './phase.ts';
import { subscription } from './subscription.ts';
import type { Asked, Scene, Want } from './types.ts';

interface Entry {
  want: Want;
  phase: Phase;
  /** Tries in a row that failed; what was live for a while starts from 0 again. */
  attempt: number;
}

/** A subscription that was live for so long had no fault of its own when it breaks. */
const LASTED_MS = 30_000;
/** The server takes 50 frames a second; who flips through symbols faster has the ones in between left out. */
const FRAMES_A_SECOND = 40;

/** Frames that concern a subscription. */
export type SubscriptionFrame = Extract<
  ServerFrame,
  { type: 'subscribed' | 'snapshot' | 'synced' | 'delta' | 'gap' | 'unsubscribed' | 'error' }
>;

/** All subscriptions of one connection. Lives and dies with it. */
export class Subscriptions {
  readonly #entries = new Map<StreamName, Entry>();
  readonly #socket: number;
  readonly #asked: Asked;
  /** When the frames of the last second were sent, oldest first. */
  #sent: number[] = [];

  /** @param asked what the connection was asked for before the page was there to ask. */
  constructor(socket: number, asked: Asked = new Map()) {
    this.#socket = socket;
    this.#asked = asked;
  }

  /** Wants a stream's rows; replaces what was wanted of that stream before. */
  want(want: Want, scene: Scene): void {
    const entry = this.#entries.get(want.stream);
    if (entry === undefined) {
      const early = this.#asked.get(want.stream);
      const phase: Phase =
        early !== undefined && sameWant(early.want, want)
          ? { name: 'asked', id: early.id }
          : { name: 'queued', at: scene.now, drop: early?.id ?? null };
      this.#entries.set(want.stream, { want, phase, attempt: 0 });
    } else if (!sameWant(entry.want, want)) {
      entry.want = want;
      entry.attempt = 0;
      this.#requeue(entry, scene.now);
    }
    this.flush(scene);
  }

  /** Asks for a stream's history anew, as what is held of it cannot be trusted. One that is off or not asked yet will bring it. */
  renew(stream: StreamName, scene: Scene): void {
    scene.cursors.forget(stream);
    const entry = this.#entries.get(stream);
    if (entry === undefined || chainsOf(entry.phase) === null) return;
    this.#requeue(entry, scene.now);
    this.flush(scene);
  }

  /** Sends what is due. */
  flush(scene: Scene): void {
    for (const entry of this.#entries.values()) {
      const { phase, want } = entry;
      const due =
        phase.name === 'queued' ? phase.at : phase.name === 'off' && phase.asking === null ? phase.retryAt : null;
      if (due === null || due > scene.now || this.#nextSlot(scene.now) > scene.now) continue;
      if (phase.name === 'queued' && phase.drop !== null) this.#send({ type: 'unsubscribe', id: phase.drop }, scene);
      const id = scene.nextId(want.stream);
      entry.phase = phase.name === 'off' ? { ...phase, asking: id } : { name: 'asked', id };
      const cursor = scene.cursors.since(want.stream, scene.now);
      this.#send({ ...subscription(id, want), ...(cursor === null ? {} : { since: cursor }) }, scene);
    }
  }

  /** When `flush` has something to do next (epoch ms); Infinity where nothing is waiting. */
  nextAt(now: number): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { phase } of this.#entries.values()) {
      if (phase.name === 'queued') next = Math.min(next, Math.max(phase.at, this.#nextSlot(now)));
      if (phase.name === 'off' && phase.asking === null)
        next = Math.min(next, Math.max(phase.retryAt, this.#nextSlot(now)));
    }
    return next;
  }

  /** The connection is heard: what is live has missed nothing. */
  confirm(scene: Scene): void {
    for (const [stream, { phase }] of this.#entries)
      if (phase.name === 'live') scene.cursors.confirm(stream, scene.now);
  }

  /** Asks again at once for every stream that is off: what kept them off may have gone. */
  retryOff(scene: Scene): void {
    for (const entry of this.#entries.values()) {
      const { phase } = entry;
      if (phase.name === 'off' && phase.asking === null) entry.phase = { ...phase, retryAt: scene.now };
    }
    this.flush(scene);
  }

  /** Takes a frame in; what is fit to be shown is emitted. */
  receive(frame: SubscriptionFrame, scene: Scene): void {
    if (frame.type === 'unsubscribed') return;
    if (frame.type === 'delta') {
      this.#delta(frame, scene);
      return;
    }
    const entry = this.#byId(frame.id);
    if (entry === null) {
      if (frame.type !== 'error') scene.counts.late += 1;
      else if (frame.id === undefined && frame.code === 'limit') this.#askAgain(scene);
      return;
    }
    switch (frame.type) {
      case 'subscribed':
        this.#subscribed(entry, frame, scene);
        break;
      case 'snapshot':
        this.#snapshot(entry, frame, scene);
        break;
      case 'gap':
        this.#gap(entry, frame, scene);
        break;
      case 'synced':
        this.#synced(entry, frame, scene);
        break;
      case 'error':
        this.#refused(entry, frame, scene);
    }
    this.flush(scene);
  }

  /** Where a stream's subscription stands; null where it was never wanted. */
  phase(stream: StreamName): Phase | null {
    return this.#entries.get(stream)?.phase ?? null;
  }

  /** `live` once everything is live or off, `off` where nothing can be had at all, else `syncing`. */
  summary(): 'syncing' | 'live' | 'off' {
    let live = 0;
    let off = 0;
    for (const { phase } of this.#entries.values()) {
      if (phase.name === 'live') live += 1;
      if (phase.name === 'off') off += 1;
    }
    if (this.#entries.size === 0 || live + off < this.#entries.size) return 'syncing';
    return live > 0 ? 'live' : 'off';
  }

  #delta(frame: Frame<'delta'>, scene: Scene): void {
    const entry = this.#entries.get(frame.stream);
    const chains = entry === undefined ? null : chainsOf(entry.phase);
    if (entry === undefined || chains === null || !matches(entry.want, frame.key)) {
      scene.counts.late += 1;
      return;
    }
    const { phase } = entry;
    const head = chains.get(frame.key);
    // A channel whose snapshot is still owed has no deltas; where none is owed it starts with its first delta.
    const awaits = phase.name === 'receiving' && !phase.resumed && entry.want.keys !== null;
    const fits = head === undefined ? !awaits : head === frame.prev;
    if (!fits) {
      this.#breach(entry, scene);
      return;
    }
    chains.set(frame.key, frame.cursor);
    let { rows } = frame;
    if (phase.name === 'live') {
      scene.cursors.note(frame.stream, frame.cursor, scene.now);
    } else if (phase.name === 'receiving' && phase.resumed) {
      rows = scene.cursors.unheld(frame);
      scene.counts.repeats += frame.rows.length - rows.length;
    }
    // A delta without rows ends a replay: it moves the chain and nothing else.
    if (rows.length > 0) scene.emit({ type: 'delta', frame: rows === frame.rows ? frame : { ...frame, rows } });
  }

  #subscribed(entry: Entry, { id, resumed }: Frame<'subscribed'>, scene: Scene): void {
    const { stream } = entry.want;
    entry.phase = { name: 'receiving', id, chains: new Map(), resumed };
    if (resumed) {
      scene.counts.resumes += 1;
    } else {
      scene.cursors.forget(stream);
      scene.emit({ type: 'restart', stream });
    }
  }

  #refused(entry: Entry, { code, message }: Frame<'error'>, scene: Scene): void {
    const { stream } = entry.want;
    if (code === 'bad_cursor' && scene.cursors.has(stream)) {
      // The cursor alone is refused, so the history is to be had.
      scene.cursors.forget(stream);
      entry.phase = { name: 'queued', at: scene.now, drop: null };
      return;
    }
    // Rows that came while the stream was off are owed when it is back.
    if (chainsOf(entry.phase) !== null) scene.emit({ type: 'lost', stream });
    const retryAt = scene.now + backoff(entry.attempt, scene.random);
    entry.attempt += 1;
    entry.phase = { name: 'off', reason: message, retryAt, asking: null };
  }

  #snapshot(entry: Entry, frame: Frame<'snapshot'>, scene: Scene): void {
    const chains = chainsOf(entry.phase);
    if (chains === null || !matches(entry.want, frame.key)) {
      this.#breach(entry, scene);
      return;
    }
    chains.set(frame.key, frame.cursor);
    scene.emit({ type: 'snapshot', frame });
  }

  #gap(entry: Entry, frame: Frame<'gap'>, scene: Scene): void {
    const chains = chainsOf(entry.phase);
    if (chains === null) {
      this.#breach(entry, scene);
      return;
    }
    scene.counts.gaps += 1;
    // Snapshots are owed: after a cut before they came they are asked for, and nothing is replayed into half of them.
    scene.cursors.forget(entry.want.stream);
    scene.emit({ type: 'lost', stream: entry.want.stream });
    if (frame.key === null) {
      chains.clear();
      scene.emit({ type: 'restart', stream: entry.want.stream });
    } else {
      chains.set(frame.key, frame.cursor);
    }
    entry.phase = { name: 'gap', id: frame.id, chains };
  }

  #synced(entry: Entry, frame: Frame<'synced'>, scene: Scene): void {
    const chains = chainsOf(entry.phase);
    if (chains === null) {
      this.#breach(entry, scene);
      return;
    }
    if (entry.phase.name === 'live') return;
    entry.phase = { name: 'live', id: frame.id, chains, since: scene.now };
    scene.cursors.note(entry.want.stream, frame.cursor, scene.now);
    scene.emit({ type: 'synced', stream: entry.want.stream });
  }

  /** The server left the contract for this subscription: what is held of it cannot be trusted, so ask anew. */
  #breach(entry: Entry, scene: Scene): void {
    scene.counts.breaks += 1;
    scene.cursors.forget(entry.want.stream);
    if (chainsOf(entry.phase) !== null) scene.emit({ type: 'lost', stream: entry.want.stream });
    if (entry.phase.name === 'live' && scene.now - entry.phase.since >= LASTED_MS) entry.attempt = 0;
    const delay = entry.attempt === 0 ? 0 : backoff(entry.attempt - 1, scene.random);
    entry.attempt += 1;
    this.#requeue(entry, scene.now + delay);
    this.flush(scene);
  }

  /** The server left frames of ours unread and does not say which: what waits for an answer is asked again, later. */
  #askAgain(scene: Scene): void {
    for (const entry of this.#entries.values()) {
      if (entry.phase.name !== 'asked' && !(entry.phase.name === 'off' && entry.phase.asking !== null)) continue;
      this.#requeue(entry, scene.now + 1000 + backoff(entry.attempt, scene.random));
      entry.attempt += 1;
    }
  }

  #requeue(entry: Entry, at: number): void {
    const drop = entry.phase.name === 'queued' ? entry.phase.drop : idOf(entry.phase);
    entry.phase = { name: 'queued', at, drop };
  }

  #byId(id: string | undefined): Entry | null {
    if (id === undefined) return null;
    for (const entry of this.#entries.values()) if (idOf(entry.phase) === id) return entry;
    return null;
  }

  #send(frame: Parameters<typeof encodeClientFrame>[0], scene: Scene): void {
    this.#sent.push(scene.now);
    scene.emit({ type: 'send', socket: this.#socket, text: encodeClientFrame(frame) });
  }

  /** When the next two frames may be sent. */
  #nextSlot(now: number): number {
    this.#sent = this.#sent.filter((at) => now - at < 1000 && at <= now);
    const oldest = this.#sent[this.#sent.length - FRAMES_A_SECOND + 1];
    return oldest === undefined ? now : oldest + 1000;
  }
}
