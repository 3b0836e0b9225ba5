/** A stretch of time that a visitor types. */
import { describe, expect, test } from 'vitest';
import { askedStretch, fieldOfTime, timeOfField } from '../../client/zoom/custom.ts';

const NOW = Date.UTC(2026, 10, 29, 12, 0, 0);

describe('a typed stretch', () => {
  test.each(['utc', 'local'] as const)('a time in %s comes back from its field, to the second', (zone) => {
    for (const time of [NOW, NOW - 1000, Date.UTC(2026, 6, 1, 3, 4, 5)])
      expect(timeOfField(fieldOfTime(time, zone), zone)).toBe(time);
  });

  test('with an end it stands still, without one it follows the present', () => {
    expect(askedStretch('2026-11-29T10:00', '2026-11-29T11:30:00', 'utc', NOW)).toEqual({
      zoom: { spanMs: 5_400_000, to: Date.UTC(2026, 10, 29, 11, 30) },
    });
    expect(askedStretch('2026-11-29T10:00', '', 'utc', NOW)).toEqual({ zoom: { spanMs: 7_200_000, to: null } });
  });

  test.each([
    ['', '2026-11-29T11:30', /begins/],
    ['2026-11-29T10:00', 'x', /ends/],
    ['2026-11-29T11:00', '2026-11-29T11:00', /before/],
    ['2026-11-29T12:30', '', /before/],
    ['2026-11-29T11:00:00', '2026-11-29T11:00:02', /at least 5 s/],
    ['2026-11-20T11:00', '2026-11-29T11:00', /at most 7 days/],
  ])('from %j to %j says what to mend', (from, to, mend) => {
    expect(askedStretch(from, to, 'utc', NOW)).toEqual({ mend: expect.stringMatching(mend) });
  });
});
