/** Looks into the memory of a program that runs with Node's inspector on (`--inspect=127.0.0.1:0`). */
import { once } from 'node:events';
import { vi } from 'vitest';
import WebSocket from 'ws';
import * as z from 'zod';
import type { Program } from './program.ts';

/** The environment that a program needs for this. */
export const INSPECTED = { NODE_OPTIONS: '--inspect=127.0.0.1:0' } as const;

const ADDRESS = /^Debugger listening on (ws:\S+)$/m;
const answer = z.object({ id: z.number(), result: z.object({ usedSize: z.optional(z.number()) }) });

/** Bytes of the program's heap that are in use after everything that is garbage was collected. */
export async function heapInUse(program: Program): Promise<number> {
  const address = await vi.waitUntil(() => ADDRESS.exec(program.stderr)?.[1], { timeout: 10_000, interval: 20 });
  const inspector = new WebSocket(address);
  const results = new Map<number, number | undefined>();
  inspector.on('message', (data) => {
    const parsed = answer.safeParse(JSON.parse(String(data)));
    if (parsed.success) results.set(parsed.data.id, parsed.data.result.usedSize);
  });
  await once(inspector, 'open');
  try {
    // Twice, because what a finalizer lets go is garbage only the next time.
    const calls = ['HeapProfiler.collectGarbage', 'HeapProfiler.collectGarbage', 'Runtime.getHeapUsage'];
    for (const [id, method] of calls.entries()) {
      inspector.send(JSON.stringify({ id, method }));
      await vi.waitUntil(() => results.has(id), { timeout: 10_000, interval: 5 });
    }
    const used = results.get(2);
    if (used === undefined) throw new Error('the inspector told no heap usage');
    return used;
  } finally {
    inspector.close();
    await once(inspector, 'close');
  }
}
