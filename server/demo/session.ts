/** The demo market beside a serving dashboard: made ready before it listens, writing rows of its own while it does. */
import type { Logger } from 'pino';
import { systemClock } from '../clock.ts';
import type { DemoConfig } from '../config.ts';
import { messageOf } from '../errors.ts';
import { createDemo, type Measured, type Sql } from './demo.ts';
import { readRecording } from './recording.ts';
import { DEFAULT_SPEED } from './replay.ts';

/** The same market every time. */
const SEED = 20_260;
/** Between two lines of progress. */
const PROGRESS_MS = 500;

/** What the demo writes through and tells to. */
export interface DemoSession {
  readonly config: Exclude<DemoConfig, { kind: 'off' }>;
  readonly sql: Sql;
  readonly measured: () => Measured;
  readonly log: Logger;
  /** Takes a line for people while history is made. */
  readonly progress: (line: string) => void;
}

/** Fills the history and begins to write. The result ends it. */
export async function startDemo({ config, sql, measured, log, progress }: DemoSession): Promise<() => Promise<void>> {
  const replay =
    config.kind === 'replay'
      ? { recording: await readRecording(config.file), speed: config.speed ?? DEFAULT_SPEED }
      : null;
  const demo = createDemo({
    sql,
    clock: systemClock,
    seed: SEED,
    measured,
    log,
    ...(replay === null ? {} : { replay }),
  });
  let told = 0;
  try {
    await demo.backfill((done, total) => {
      const now = Date.now();
      if (done < total && now - told < PROGRESS_MS) return;
      told = now;
      progress(`Making seven days of demo history: ${Math.floor((100 * done) / Math.max(1, total))} %`);
    });
  } catch (error) {
    await demo.stop();
    throw error;
  }
  log.info({ kind: config.kind }, 'the demo writes rows');
  demo.start();
  return () => demo.stop().catch((error: unknown) => log.warn(`the demo did not stop: ${messageOf(error)}`));
}
