/** Frames on their way out: encoded once, whoever gets them. */
import type { Frame, ServerFrame, Via } from '../../shared/protocol.ts';
import type { Detail, RowCodec } from '../../shared/rows.ts';
import type { StreamName } from '../../shared/streams.ts';
import type { ChangedRow, ChannelSnapshot } from './ports.ts';

/** A frame's text. The transport keeps here what it makes of the text, so that it is made once for all clients. */
export interface OutFrame {
  readonly text: string;
  prepared?: Uint8Array;
}

/** Encodes a frame that carries no rows. Its `type` must come first in the literal. */
export function controlFrame(frame: Exclude<ServerFrame, Frame<'snapshot'> | Frame<'delta'>>): OutFrame {
  return { text: JSON.stringify(frame) };
}

/** Encodes a snapshot around a body that may be shared. `cursor` is the head of the channel. */
export function snapshotFrame(
  id: string,
  stream: StreamName,
  cursor: string,
  { key, body }: ChannelSnapshot,
): OutFrame {
  const head = JSON.stringify({ type: 'snapshot', id, stream, key, cursor });
  return { text: `${head.slice(0, -1)},${body}}` };
}

/** One channel's rows of one batch, encoded at most once a detail (F15). */
export class DeltaFrame {
  readonly stream: StreamName;
  readonly key: string;
  readonly cursor: string;
  /** Cursor of the channel's frame before this one. */
  readonly prev: string;
  readonly #time: number;
  readonly #via: Via;
  readonly #rows: readonly ChangedRow[];
  readonly #codec: RowCodec;
  readonly #encoded: { values?: OutFrame; full?: OutFrame } = {};

  constructor(
    place: { stream: StreamName; key: string; prev: string; cursor: string; time: number; via: Via },
    rows: readonly ChangedRow[],
    codec: RowCodec,
  ) {
    this.stream = place.stream;
    this.key = place.key;
    this.cursor = place.cursor;
    this.prev = place.prev;
    this.#time = place.time;
    this.#via = place.via;
    this.#rows = rows;
    this.#codec = codec;
  }

  get rowCount(): number {
    return this.#rows.length;
  }

  /** The frame in the given detail. */
  encoded(detail: Detail): OutFrame {
    const known = this.#encoded[detail];
    if (known !== undefined) return known;
    const head = JSON.stringify({
      type: 'delta',
      stream: this.stream,
      key: this.key,
      prev: this.prev,
      cursor: this.cursor,
      time: this.#time,
      via: this.#via,
    });
    const rows = this.#rows.map((row) => this.#codec.encode(row, detail)).join(',');
    const frame: OutFrame = { text: `${head.slice(0, -1)},"rows":[${rows}]}` };
    this.#encoded[detail] = frame;
    return frame;
  }
}
