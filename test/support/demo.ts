/** A demo market on a test's database, with a clock that the test moves. */
import pg from 'pg';
import { pino } from 'pino';
import { createDemo, type Demo, type DemoDependencies } from '../../server/demo/demo.ts';
import type { Clock } from '../../server/feed/ports.ts';
import type { TestDatabase } from './postgres.ts';

/** A clock that stands still until it is moved; what falls due meanwhile runs in order. */
export interface HandClock extends Clock {
  move(ms: number): void;
  set(time: number): void;
}

export function createHandClock(start: number): HandClock {
  let time = start;
  let timers: { due: number; action: () => void }[] = [];
  const run = (): void => {
    const due = timers.filter((timer) => timer.due <= time).sort((a, b) => a.due - b.due);
    timers = timers.filter((timer) => timer.due > time);
    for (const timer of due) timer.action();
  };
  return {
    now: () => time,
    after(ms, action) {
      const timer = { due: time + ms, action };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    move(ms) {
      time += ms;
      run();
    },
    set(to) {
      time = to;
      run();
    },
  };
}

/** A demo with a pool of its own; `close` ends both. */
export interface TestDemo extends Demo {
  close(): Promise<void>;
}

export function createTestDemo(
  database: TestDatabase,
  options: Pick<DemoDependencies, 'clock'> & Partial<DemoDependencies>,
): TestDemo {
  const pool = new pg.Pool({ ...database.config, max: 2, application_name: 'alphapulse demo test' });
  // Tests end backends under the demo; the query that is hit reports it.
  pool.on('error', () => undefined);
  const demo = createDemo({
    sql: { query: (text, values) => pool.query(text, values) },
    seed: 42,
    measured: () => ({ latency: { value: 3.5, unit: 'ms' }, throughput: { value: 20, unit: 'rows/s' } }),
    log: pino({ level: 'silent' }),
    ...options,
  });
  return {
    ...demo,
    async close() {
      await demo.stop();
      await pool.end();
    },
  };
}
