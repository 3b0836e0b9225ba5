/** Which of the connected pages hang. */
import { expect, it } from 'vitest';
import { screensNow } from '../../server/screens.ts';

const NOW = 1_000_000;
const screen = {
  connection: 'c-1',
  address: '127.0.0.1',
  page: 'wall' as const,
  build: 'b',
  symbol: 'A/B',
  painted: NOW - 1000,
  visible: true,
  told: NOW - 1000,
};

it.each([
  ['that was just painted', {}, false],
  ['that was painted a minute and a half ago', { painted: NOW - 90_000 }, false],
  ['that was painted before that', { painted: NOW - 90_001 }, true],
  ['that is hidden', { painted: NOW - 900_000, visible: false }, false],
  ['that was never painted, and is new', { painted: null }, false],
  ['that was never painted, and told so long ago', { painted: null, told: NOW - 90_001 }, true],
  ['whose clock runs ahead', { painted: NOW + 5000, told: NOW }, false],
])('a page %s', (_name, more, stuck) => {
  const [one] = screensNow([{ ...screen, ...more }], NOW);
  expect(one?.stuck).toBe(stuck);
  expect(one?.painted_age_ms ?? 0).toBeGreaterThanOrEqual(0);
  expect(one?.told_age_ms).toBeGreaterThanOrEqual(0);
});
