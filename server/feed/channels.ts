/** The channels of one stream: batches are cut into one frame a channel, and every frame is chained to the one before. */
import type { Via } from '../../shared/protocol.ts';
import type { RowCodec } from '../../shared/rows.ts';
import type { StreamName } from '../../shared/streams.ts';
import { DeltaFrame } from './frames.ts';
import type { Batch, ChangedRow, Position } from './ports.ts';
import { frameCursors, positionCursor } from './position.ts';

export class Channels {
  readonly #stream: StreamName;
  readonly #codec: RowCodec;
  /** Cursor of each channel's last delta. */
  readonly #heads = new Map<string, string>();
  #beginning = '';

  constructor(stream: StreamName, codec: RowCodec) {
    this.#stream = stream;
    this.#codec = codec;
  }

  /** Starts every chain anew at a position, after which only later rows come. */
  beginAt(position: Position): void {
    this.#heads.clear();
    this.#beginning = positionCursor(position);
  }

  /** The cursor of the channel's last delta or, before its first, that of the stream's beginning (F3). */
  head(key: string): string {
    return this.#heads.get(key) ?? this.#beginning;
  }

  /** One frame for each channel with rows in the batch, in the order in which the channels first appear in it. */
  cut(batch: Batch, via: Via, time: number): DeltaFrame[] {
    const rowsByKey = new Map<string, ChangedRow[]>();
    for (const row of batch.rows) {
      const rows = rowsByKey.get(row.key);
      if (rows === undefined) rowsByKey.set(row.key, [row]);
      else rows.push(row);
    }
    const last = batch.rows.at(-1);
    if (last === undefined) return [];
    const cursorAt = frameCursors(batch.from, batch.to);
    return [...rowsByKey].map(([key, rows], frame) => {
      const prev = this.head(key);
      const cursor = cursorAt({ xid: last.xid, id: last.id, frame });
      this.#heads.set(key, cursor);
      return new DeltaFrame({ stream: this.#stream, key, prev, cursor, time, via }, rows, this.#codec);
    });
  }
}
