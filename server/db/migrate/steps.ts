/** What a step of the migrations is, and how it is written for people to read. */
import type { StreamName } from '../../../shared/streams.ts';
import { fileOf, type SqlFiles } from './files.ts';

/**
 * SQL that is sent together.
 *
 * `transaction`: all or nothing. `alone`: a statement that PostgreSQL refuses inside a transaction.
 * `until none`: a statement that is repeated, each in a transaction of its own, until it changes no row.
 */
export interface Batch {
  readonly mode: 'transaction' | 'alone' | 'until none';
  readonly sql: string;
  /**
   * Ms that a statement may queue for a lock; 0 is no bound. Whoever queues for a strong lock makes every writer that
   * comes later wait behind it, so the bound is short wherever a lock that shuts writers out is asked for.
   */
  readonly lockTimeoutMs: number;
}

/** One change, small enough to be tried again as a whole. Without batches there is nothing to do. */
export interface Step {
  readonly name: string;
  /** What is brought about, for the report. */
  readonly title: string;
  /** The stream whose table it changes, null for the dashboard's own schema. */
  readonly stream: StreamName | null;
  readonly batches: readonly Batch[];
}

/** Below the 100 ms that a writer may be held up, with room for the work itself. */
export const STRONG_LOCK_TIMEOUT_MS = 50;

/** A transaction that may ask for a strong lock. */
export function strong(sql: string): Batch {
  return { mode: 'transaction', sql, lockTimeoutMs: STRONG_LOCK_TIMEOUT_MS };
}

/** A statement that waits for others without shutting anybody out, as CREATE INDEX CONCURRENTLY does. */
export function patient(sql: string): Batch {
  return { mode: 'alone', sql, lockTimeoutMs: 0 };
}

/** The step that applies a whole file. */
export function wholeFile(files: SqlFiles, name: string, needed: boolean): Step {
  return {
    name,
    title: `${name} applied`,
    stream: null,
    batches: needed ? [strong(fileOf(files, name).text.trim())] : [],
  };
}

/** The step as SQL for psql. */
export function printStep(step: Step): string {
  return [`-- ${step.title}`, ...step.batches.map(printBatch)].join('\n');
}

function printBatch(batch: Batch): string {
  const timeout = `lock_timeout = '${batch.lockTimeoutMs}ms'`;
  switch (batch.mode) {
    case 'transaction':
      return `begin;\nset local ${timeout};\n${batch.sql}\ncommit;`;
    case 'alone':
      return `set ${timeout};\n${batch.sql}`;
    case 'until none':
      return `-- repeated until it changes no row\nset ${timeout};\n${batch.sql}`;
  }
}
