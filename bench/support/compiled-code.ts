/**
 * How much of a page's JavaScript heap is code that the browser has compiled. It compiles what is run often, and keeps that:
 * a page on which much is done comes to have more of it, up to what there is to be compiled.
 */
import type { CDPSession } from 'playwright-core';
import { z } from 'zod';

/** A heap snapshot, of which only its nodes' types and sizes matter here: numbers in groups, one group a node. */
const snapshot = z.object({
  snapshot: z.object({
    meta: z.object({ node_fields: z.array(z.string()), node_types: z.tuple([z.array(z.string())], z.unknown()) }),
  }),
  nodes: z.custom<number[]>((value) => Array.isArray(value)),
});

/** Bytes of compiled code, with what the browser has learnt about it. */
export async function compiledCode(session: CDPSession): Promise<number> {
  const chunks: string[] = [];
  const take = ({ chunk }: { readonly chunk: string }): unknown => chunks.push(chunk);
  session.on('HeapProfiler.addHeapSnapshotChunk', take);
  await session.send('HeapProfiler.takeHeapSnapshot', { reportProgress: false });
  session.off('HeapProfiler.addHeapSnapshotChunk', take);
  const {
    snapshot: { meta },
    nodes,
  } = snapshot.parse(JSON.parse(chunks.join('')));
  const [type, size] = [meta.node_fields.indexOf('type'), meta.node_fields.indexOf('self_size')];
  const code = meta.node_types[0].indexOf('code');
  if (type < 0 || size < 0 || code < 0) throw new Error('the heap snapshot has another form than this reads');
  let bytes = 0;
  for (let at = 0; at < nodes.length; at += meta.node_fields.length)
    if (nodes[at + type] === code) bytes += nodes[at + size] ?? 0;
  return bytes;
}
