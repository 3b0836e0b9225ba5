/** How busy a page's main thread is, as the browser itself counts it. */
import { setTimeout as pass } from 'node:timers/promises';
import type { CDPSession, Page } from 'playwright-core';
import { z } from 'zod';

const metrics = z.object({ metrics: z.array(z.object({ name: z.string(), value: z.number() })) });

/** Shares of the time, 0 to 1. */
export interface BusyShare {
  /** In which the main thread ran tasks, by the clock: what others on the machine took meanwhile is in it. */
  readonly task: number;
  /** Of it, in which the tasks ran script. */
  readonly script: number;
  /** In which a processor worked on these tasks. */
  readonly processor: number;
}

/** Measures a page for some seconds. */
export async function busyShare(page: Page, seconds: number): Promise<BusyShare> {
  // A session counts either by the clock or by the processor's time of the thread.
  const [clock, thread] = await Promise.all([begun(page, 'timeTicks'), begun(page, 'threadTicks')]);
  const start = performance.now();
  const before = await Promise.all([read(clock), read(thread)]);
  await pass(seconds * 1000);
  const after = await Promise.all([read(clock), read(thread)]);
  const took = (performance.now() - start) / 1000;
  await Promise.all([clock.detach(), thread.detach()]);
  return {
    task: (after[0].task - before[0].task) / took,
    script: (after[0].script - before[0].script) / took,
    processor: (after[1].task - before[1].task) / took,
  };
}

async function begun(page: Page, timeDomain: 'timeTicks' | 'threadTicks'): Promise<CDPSession> {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain });
  return session;
}

async function read(session: CDPSession): Promise<{ task: number; script: number }> {
  const answer = metrics.parse(await session.send('Performance.getMetrics'));
  const all = new Map(answer.metrics.map(({ name, value }) => [name, value]));
  return { task: all.get('TaskDuration') ?? 0, script: all.get('ScriptDuration') ?? 0 };
}
