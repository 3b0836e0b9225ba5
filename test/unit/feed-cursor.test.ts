/** Cursors and the positions that they name. */
import { describe, expect, it } from 'vitest';
import { clipCursor, frameCursors, highestOf, parseCursor, positionCursor } from '../../server/feed/cursor.ts';
import type { Position } from '../../server/feed/ports.ts';
import { clip, covers, formatSnapshot, isNotAfter, parseSnapshot } from '../../server/feed/position.ts';
import { seeded, seeds, withSeed } from '../support/random.ts';

const FILE = 'test/unit/feed-cursor.test.ts';

function position(snapshot: string, more: Partial<Position> = {}): Position {
  const parsed = parseSnapshot(snapshot);
  return { run: 'abc~1', all: parsed, recent: parsed, bound: null, highest: 7n, ...more };
}

describe('a cursor', () => {
  it('F6 comes back as what it was written from', () => {
    const plain = position('10:20:12,15');
    expect(parseCursor(positionCursor(plain))).toEqual({ to: plain, from: null, place: null });
    const bounded = position('10:30:', { all: parseSnapshot('5:9:'), bound: 1_700_000_000_000 });
    const first = { xid: 11n, id: '9007199254740993' };
    const last = { xid: 12n, id: '1' };
    const cursor = frameCursors(plain, bounded, first, last)(37);
    expect(parseCursor(cursor)).toEqual({ to: bounded, from: plain, place: { first, last, frame: 37 } });
  });

  it('F11 is refused where it is none', () => {
    const good = frameCursors(
      position('10:20:12'),
      position('10:21:12'),
      { xid: 1n, id: '1' },
      { xid: 2n, id: '3' },
    )(0);
    const bad = [
      '',
      'x',
      '-',
      `${good}-1`,
      good.slice(0, -2),
      'abc~1-7!a.9',
      'abc~1-7!a.k.0_0',
      'abc~1-7!a.k.5_3',
      'abc~1-7!a.k.zz',
      'ABC-7!a.k',
      'abc~1-7!a.k!a.k',
      `abc~1-7!a.k!a.k!${'z'.repeat(14)}`,
      `abc~1-7!a.${'z'.repeat(15)}`,
      `${good}${'_1'.repeat(20_000)}`,
      'abc~1-7!a.k-7!a.k-1.1.1.1',
      "abc~1-7!a.k'; drop table anomalies",
    ];
    for (const text of bad) expect(parseCursor(text), text.slice(0, 60)).toBeNull();
  });

  it('F6 of an earlier run counts ids above the highest one delivered as not seen', () => {
    const cursor = parseCursor(positionCursor(position('10:20:12,15', { highest: 14n })));
    if (cursor === null) throw new Error('it is a cursor');
    expect(clipCursor(cursor, 'abc~1')).toBe(cursor);
    const clipped = clipCursor(cursor, 'abc~2');
    expect(clipped.to).toMatchObject({ run: 'abc~2', recent: { xmin: 12n, xmax: 15n, running: [12n] } });
    expect(highestOf(cursor)).toBe(14n);
  });

  it('F6 of a frame of an earlier run is cut at the last row of its batch', () => {
    const text = frameCursors(
      position('10:14:', { highest: 9n }),
      position('10:40:20'),
      { xid: 16n, id: '1' },
      { xid: 18n, id: '2' },
    )(0);
    const cursor = parseCursor(text);
    if (cursor === null) throw new Error('it is a cursor');
    expect(highestOf(cursor)).toBe(18n);
    expect(clipCursor(cursor, 'abc~2')).toMatchObject({
      to: { recent: { xmax: 19n, running: [] } },
      from: { recent: { xmax: 10n } },
    });
  });
});

describe('a position', () => {
  it('is nested: a later snapshot covers what an earlier one does, and says so', async () => {
    for (const seed of seeds(40)) {
      await withSeed(seed, FILE, () => {
        const random = seeded(seed);
        const ended = new Set<bigint>();
        let next = 100n;
        const open: bigint[] = [];
        const snapshot = (): Position => {
          const running = [...open].sort((a, b) => (a < b ? -1 : 1));
          return position(`${running[0] ?? next}:${next}:${running.join(',')}`);
        };
        const taken = [snapshot()];
        for (let step = 0; step < 40; step += 1) {
          if (random() < 0.5 || open.length === 0) {
            open.push(next);
            next += 1n;
          } else ended.add(open.splice(Math.floor(random() * open.length), 1)[0] ?? 0n);
          if (random() < 0.3) taken.push(snapshot());
        }
        for (const [at, earlier] of taken.entries()) {
          for (const later of taken.slice(at)) {
            expect(isNotAfter(earlier, later)).toBe(true);
            const seen = (p: Position): bigint[] => [...ended].filter((xid) => covers(p, { xid, time: 0 }));
            const more = seen(later).filter((xid) => !seen(earlier).includes(xid));
            if (more.length > 0) expect(isNotAfter(later, earlier)).toBe(false);
          }
        }
      });
    }
  });

  it('judges rows on either side of its bound by different snapshots', () => {
    const bounded = position('20:20:', { all: parseSnapshot('10:10:'), bound: 1000 });
    expect(covers(bounded, { xid: 15n, time: 1000 })).toBe(true);
    expect(covers(bounded, { xid: 15n, time: 999.5 })).toBe(false);
    expect(covers(bounded, { xid: 9n, time: 0 })).toBe(true);
    expect(isNotAfter(bounded, position('20:20:'))).toBe(true);
    expect(isNotAfter(position('20:20:'), bounded)).toBe(false);
    expect(isNotAfter(position('10:10:'), { ...bounded, run: 'abc~2' })).toBe(false);
  });

  it('is written as PostgreSQL reads it', () => {
    for (const text of ['10:20:12,15', '7:7:']) expect(formatSnapshot(parseSnapshot(text))).toBe(text);
    expect(() => parseSnapshot('10:20')).toThrow('not a snapshot');
    expect(clip(parseSnapshot('5:9:'), 20n)).toEqual(parseSnapshot('5:9:'));
  });
});
