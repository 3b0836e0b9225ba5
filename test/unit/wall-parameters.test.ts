/** What a wall's address asks for: what is valid holds, what is not is said, whatever stands beside it. */
import { signal } from '@preact/signals';
import { describe, expect, it } from 'vitest';
import type { RangeName } from '../../client/model.ts';
import type { ThemeName, ZoneName } from '../../client/view.ts';
import { wallLink } from '../../client/wall/link.ts';
import { MOST_TURNS, OVERVIEW, parseWall, turnsFor } from '../../client/wall/parameters.ts';

describe('the address of a wall', () => {
  it('without parameters shows the first symbols for half a minute each, in the dark theme', () => {
    expect(parseWall('')).toEqual({
      turns: null,
      overview: false,
      rotateMs: 30_000,
      range: '24h',
      zone: 'utc',
      theme: 'dark',
      complaints: [],
    });
  });

  it('says everything that there is to say', () => {
    const query = '?symbols=BTC/USDT,%20ETH/USDT,SOL/USDT&rotate=45&theme=light&range=6h&zone=local&overview=1';
    expect(parseWall(query)).toEqual({
      turns: [OVERVIEW, 'BTC/USDT', 'ETH/USDT', 'SOL/USDT'],
      overview: true,
      rotateMs: 45_000,
      range: '6h',
      zone: 'local',
      theme: 'light',
      complaints: [],
    });
  });

  it.each([
    ['symbols=A,,A, B', ['A', 'B']],
    ['symbols=A&symbols=B', ['A', 'B']],
    ['symbol=A', ['A']],
    ['symbols=B,overview,A', ['B', OVERVIEW, 'A']],
    ['symbols=B,overview&overview=yes', ['B', OVERVIEW]],
  ])('%s: the turns are %j', (query, turns) => {
    expect(parseWall(query)).toMatchObject({ turns, complaints: [] });
  });

  it.each([
    ['rotate=0', 0, false],
    ['rotate=5', 5000, false],
    ['rotate=3600', 3_600_000, false],
    ['rotate=12.5', 12_500, false],
    ['rotate=30s', 30_000, false],
    ['rotate=', 30_000, false],
    ['rotate=4', 5000, true],
    ['rotate=3601', 3_600_000, true],
    ['rotate=99999999999999', 30_000, true],
    ['rotate=-30', 30_000, true],
    ['rotate=1e3', 30_000, true],
    ['rotate=NaN', 30_000, true],
    ['rotate=Infinity', 30_000, true],
  ])('%s lasts %d ms', (query, rotateMs, isSaid) => {
    const parsed = parseWall(query);
    expect([parsed.rotateMs, parsed.complaints.length]).toEqual([rotateMs, isSaid ? 1 : 0]);
  });

  it('uses what is valid beside what is not, and names each fault once', () => {
    const parsed = parseWall('symbols=,&rotate=x&range=3d&zone=mars&theme=pink&overview=perhaps&symbls=A&token=s');
    expect(parsed).toMatchObject({ turns: null, rotateMs: 30_000, range: '24h', zone: 'utc', theme: 'dark' });
    expect(parsed.complaints).toHaveLength(7);
    for (const name of ['symbols', 'rotate=x', 'range=3d', 'zone=mars', 'theme=pink', 'overview=perhaps', 'symbls'])
      expect(parsed.complaints.join(' | ')).toContain(name);
  });

  it('repeats no long text, and shows no more symbols than it can follow', () => {
    const symbols = Array.from({ length: MOST_TURNS + 5 }, (_, index) => `S${index}/USDT`);
    const parsed = parseWall(`symbols=${symbols.join()}&theme=${'x'.repeat(500)}`);
    expect(parsed.turns).toEqual(symbols.slice(0, MOST_TURNS));
    expect(parsed.complaints).toHaveLength(2);
    expect(parsed.complaints.join().length).toBeLessThan(300);
  });
});

describe('the turns, held against the list of symbols', () => {
  const LIST = ['ADA/USDT', 'BTC/USDT', 'ETH/USDT', 'SOL/USDT', 'X1/USDT', 'X2/USDT', 'X3/USDT'];

  it('are what was asked for, while the list is not known', () => {
    expect(turnsFor({ turns: ['A', 'B'], overview: false }, [])).toEqual({ turns: ['A', 'B'], unknown: [] });
    expect(turnsFor({ turns: null, overview: false }, [])).toEqual({ turns: [], unknown: [] });
  });

  it('leave out what is not in the list and say so; upper and lower case are no matter', () => {
    const asked = { turns: ['btc/usdt', 'DOGE/USDT', OVERVIEW, 'BTC/USDT'], overview: false };
    expect(turnsFor(asked, LIST)).toEqual({ turns: ['BTC/USDT', OVERVIEW], unknown: ['DOGE/USDT'] });
  });

  it('stay what was asked for where nothing of it is in the list', () => {
    expect(turnsFor({ turns: ['A', 'B'], overview: false }, LIST)).toEqual({ turns: ['A', 'B'], unknown: ['A', 'B'] });
  });

  it('are the marked symbols where none were asked for, else the first of the list', () => {
    const asked = { turns: null, overview: false };
    expect(turnsFor(asked, LIST, ['SOL/USDT', 'GONE/USDT']).turns).toEqual(['SOL/USDT']);
    expect(turnsFor(asked, LIST).turns).toEqual(LIST.slice(0, 6));
    expect(turnsFor({ ...asked, overview: true }, LIST, ['SOL/USDT']).turns).toEqual([OVERVIEW, 'SOL/USDT']);
  });
});

describe('the link from a desk to its wall', () => {
  const view = (keys: string[], range: RangeName, theme: ThemeName, zone: ZoneName) => ({
    keys: signal(keys),
    range: signal(range),
    theme: signal(theme),
    zone: signal(zone),
  });

  it('shows the same symbol, and stays with it', () => {
    expect(wallLink(view(['BTC/USDT'], '6h', 'dark', 'utc'))).toBe('/wall?symbols=BTC/USDT&range=6h&rotate=0');
  });

  it('is understood by the wall whatever the symbols are called', () => {
    const link = wallLink(view(['BTC/USDT:USDT', 'A&B=C #1', 'ETH/USDT'], '7d', 'light', 'local'));
    expect(parseWall(link.slice(link.indexOf('?')))).toMatchObject({
      turns: ['BTC/USDT:USDT', 'A&B=C #1', 'ETH/USDT'],
      range: '7d',
      theme: 'light',
      zone: 'local',
      rotateMs: 30_000,
      complaints: [],
    });
  });
});
