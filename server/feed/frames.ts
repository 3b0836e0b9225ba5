/** Frames on their way out: encoded once, whoever gets them. */
import type { Frame, ServerFrame, Via } from '../../shared/protocol.ts';
import type { Detail, RowCodec } from '../../shared/rows.ts';
import type { StreamName } from '../../shared/streams.ts';
import type { ChangedRow, ChannelSnapshot } from './ports.ts';

/** Text that many frames end with. The transport keeps here what it makes of it. */
export interface SharedText {
  readonly text: string;
  bytes?: Uint8Array;
  deflated?: Uint8Array;
}

/**
 * A frame's text, and what it shares with other frames behind it. The transport keeps in `prepared` what it makes of a
 * frame that many clients get.
 */
export interface OutFrame {
  readonly text: string;
  readonly tail?: SharedText;
  /** Whether it may wait for others that follow at once, where the client takes several as one message (F16). */
  readonly mayGather?: true;
  prepared?: readonly (readonly Uint8Array[])[];
}

/** Encodes a frame that carries no rows. Its `type` must come first in the literal. */
export function controlFrame(frame: Exclude<ServerFrame, Frame<'snapshot'> | Frame<'delta'>>): OutFrame {
  return { text: JSON.stringify(frame) };
}

/** Encodes a snapshot up to its body, which is shared. `cursor` is the head of the channel. */
export function snapshotFrame(
  id: string,
  stream: StreamName,
  cursor: string,
  { key, span, body }: ChannelSnapshot,
): OutFrame {
  const head = JSON.stringify({ type: 'snapshot', id, stream, key, cursor });
  return { text: `${head.slice(0, -1)},${span},`, tail: body };
}

/** How a delta hangs in its channel's chain (F3). */
export interface Link {
  readonly prev: string;
  readonly cursor: string;
}

/** Encodes a delta; `rows` is the JSON of its rows without brackets. */
function deltaText(
  stream: StreamName,
  key: string,
  { prev, cursor }: Link,
  time: number,
  via: Via,
  rows: string,
): string {
  const head = JSON.stringify({ type: 'delta', stream, key, prev, cursor, time, via });
  return `${head.slice(0, -1)},"rows":[${rows}]}`;
}

/** One channel's rows of one batch. */
export class ChannelRows {
  readonly key: string;
  readonly cursor: string;
  readonly rows: readonly ChangedRow[];
  readonly #stream: StreamName;
  readonly #codec: RowCodec;
  readonly #encoded: { values?: string; full?: string } = {};

  constructor(stream: StreamName, codec: RowCodec, key: string, cursor: string, rows: readonly ChangedRow[]) {
    this.#stream = stream;
    this.#codec = codec;
    this.key = key;
    this.cursor = cursor;
    this.rows = rows;
  }

  /** The delta as it is sent to one client. */
  delta(prev: string, detail: Detail, time: number, via: Via): OutFrame {
    const rows = this.#encoded[detail] ?? this.rows.map((row) => this.#codec.encode(row, detail)).join(',');
    this.#encoded[detail] = rows;
    return { text: deltaText(this.#stream, this.key, { prev, cursor: this.cursor }, time, via, rows), mayGather: true };
  }
}

/** A delta without rows, which moves a chain on after a replay from the table. */
export function joinFrame(stream: StreamName, key: string, link: Link, time: number): OutFrame {
  return { text: deltaText(stream, key, link, time, 'replay', ''), mayGather: true };
}

/** A live delta: the same bytes for every subscriber of its channel in one detail (F15). */
export class DeltaFrame {
  /** Its place in the stream's log: frames are numbered one after the other. */
  readonly number: number;
  /** Cursor of the channel's frame before this one. */
  readonly prev: string;
  /** When it was made, epoch ms. */
  readonly time: number;
  readonly #channel: ChannelRows;
  readonly #via: Via;
  readonly #encoded: { values?: OutFrame; full?: OutFrame } = {};

  constructor(channel: ChannelRows, at: { number: number; prev: string; time: number; via: Via }) {
    this.#channel = channel;
    this.number = at.number;
    this.prev = at.prev;
    this.time = at.time;
    this.#via = at.via;
  }

  get key(): string {
    return this.#channel.key;
  }

  get cursor(): string {
    return this.#channel.cursor;
  }

  get rows(): readonly ChangedRow[] {
    return this.#channel.rows;
  }

  get rowCount(): number {
    return this.#channel.rows.length;
  }

  /** About how many bytes it keeps in memory: its rows as cells, as text, and as prepared bytes. */
  get bytes(): number {
    let cells = 0;
    for (const row of this.#channel.rows) for (const cell of row.cells) cells += cell?.length ?? 0;
    return 600 + this.rowCount * 300 + cells * 4;
  }

  /** The frame as it goes to everybody at once. */
  encoded(detail: Detail): OutFrame {
    const known = this.#encoded[detail];
    if (known !== undefined) return known;
    const frame = this.#channel.delta(this.prev, detail, this.time, this.#via);
    this.#encoded[detail] = frame;
    return frame;
  }

  /** The frame for one who missed it; `time` is the server's clock at sending. */
  replayed(detail: Detail, time: number): OutFrame {
    return this.#channel.delta(this.prev, detail, time, 'replay');
  }
}
