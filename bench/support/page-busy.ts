/** How busy a page's main thread is, as the browser itself counts it. */
import { setTimeout as pass } from 'node:timers/promises';
import type { CDPSession, Page } from 'playwright-core';
import { z } from 'zod';

const metrics = z.object({ metrics: z.array(z.object({ name: z.string(), value: z.number() })) });

/** Shares of the time, 0 to 1: in which the main thread ran tasks, and in which these ran script. */
export interface BusyShare {
  readonly task: number;
  readonly script: number;
}

async function read(session: CDPSession): Promise<{ task: number; script: number; at: number }> {
  const answer = metrics.parse(await session.send('Performance.getMetrics'));
  const all = new Map(answer.metrics.map(({ name, value }) => [name, value]));
  return { task: all.get('TaskDuration') ?? 0, script: all.get('ScriptDuration') ?? 0, at: performance.now() / 1000 };
}

/** Measures a page for some seconds. */
export async function busyShare(page: Page, seconds: number): Promise<BusyShare> {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  const before = await read(session);
  await pass(seconds * 1000);
  const after = await read(session);
  await session.detach();
  const took = after.at - before.at;
  return { task: (after.task - before.task) / took, script: (after.script - before.script) / took };
}
