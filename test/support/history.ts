/** Reads history as the feed does, and parses it as the frames that it becomes. */
import type pg from 'pg';
import { readSnapshot } from '../../server/db/history.ts';
import type { SnapshotRequest } from '../../server/feed/ports.ts';
import { type Frame, serverFrame } from '../../shared/protocol.ts';
import type { StreamDeclaration } from '../../shared/streams.ts';

/** The hour before now, for every key, at 1,200 points; a request may say otherwise. */
export async function readFrames(
  client: pg.Client,
  stream: StreamDeclaration,
  request: Partial<SnapshotRequest> & Pick<SnapshotRequest, 'now'>,
): Promise<readonly { readonly frame: Frame<'snapshot'>; readonly body: string }[]> {
  await client.query('begin isolation level repeatable read read only');
  try {
    const read: { frame: Frame<'snapshot'>; body: string }[] = [];
    const asked = {
      keys: null,
      range: { kind: 'window', ms: 3_600_000 },
      resolution: { points: 1200 },
      pointLimit: 500_000,
      ...request,
    } as const;
    for await (const { key, body } of readSnapshot(client, stream, asked)) {
      const text = `{"type":"snapshot","id":"a","stream":"${stream.name}","key":${JSON.stringify(key)},"cursor":"c",${body.text}`;
      const frame = serverFrame.parse(JSON.parse(text));
      if (frame.type !== 'snapshot') throw new Error(`a ${frame.type} came out`);
      read.push({ frame, body: body.text });
    }
    return read;
  } finally {
    await client.query('rollback');
  }
}
