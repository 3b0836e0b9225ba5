/** The history of channels, read with rollups and without: the two must not differ. */
import type pg from 'pg';
import { expect } from 'vitest';
import { readSnapshot } from '../../server/db/history.ts';
import type { StreamDeclaration } from '../../shared/streams.ts';

const DAY_MS = 86_400_000;

/** What was read, so that a test can say that it was something. */
export interface ReadHistory {
  readonly rows: number;
  readonly channels: number;
}

/** Reads every channel of a stream at several ranges and widths, both ways in one snapshot, and compares what is sent. */
export async function compareHistory(
  client: pg.Client,
  stream: StreamDeclaration,
  now = Date.now(),
): Promise<ReadHistory> {
  await client.query('begin isolation level repeatable read read only');
  try {
    let found: ReadHistory = { rows: 0, channels: 0 };
    for (const { ms, points } of [
      { ms: 7 * DAY_MS, points: 1200 },
      { ms: 7 * DAY_MS, points: 100 },
      { ms: DAY_MS, points: 300 },
      { ms: 3_600_000, points: 60 },
    ]) {
      const read = async (rollups: boolean): Promise<readonly string[]> => {
        const request = {
          keys: null,
          range: { kind: 'window', ms },
          resolution: { points },
          now,
          pointLimit: 500_000,
        } as const;
        const texts: string[] = [];
        for await (const { key, body } of readSnapshot(client, stream, request, { rollups })) {
          texts.push(`${key} ${body.text}`);
        }
        return texts;
      };
      const raw = await read(false);
      expect(await read(true), `${stream.name}, ${ms} ms at ${points} points`).toEqual(raw);
      const rows = raw.reduce((sum, text) => sum + Number(/"rows_total":(\d+)/.exec(text)?.[1]), 0);
      if (found.channels === 0) found = { rows, channels: raw.length };
    }
    return found;
  } finally {
    await client.query('rollback');
  }
}
