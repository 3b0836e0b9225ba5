/** Cuts a batch of rows into one piece a channel. The same rows of the same look are always cut in the same way (F6). */
import type { RowCodec } from '../../shared/rows.ts';
import type { StreamName } from '../../shared/streams.ts';
import { frameCursors } from './cursor.ts';
import { ChannelRows } from './frames.ts';
import type { Batch, ChangedRow } from './ports.ts';

/** What rows are encoded with. */
export interface StreamCodec {
  readonly stream: StreamName;
  readonly codec: RowCodec;
}

/** One piece for each channel with rows in the batch, in the order in which the channels first appear in it. */
export function cutBatch({ stream, codec }: StreamCodec, { from, to, rows }: Batch): ChannelRows[] {
  const [first] = rows;
  const last = rows.at(-1);
  if (first === undefined || last === undefined) return [];
  const byKey = new Map<string, ChangedRow[]>();
  for (const row of rows) {
    const known = byKey.get(row.key);
    if (known === undefined) byKey.set(row.key, [row]);
    else known.push(row);
  }
  const cursorOf = frameCursors(from, to, first, last);
  return [...byKey].map(([key, own], frame) => new ChannelRows(stream, codec, key, cursorOf(frame), own));
}
