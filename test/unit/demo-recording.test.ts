/** Holds the reading and the playing of recordings to what they promise: lines, rounding, clocks, and z-scores. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Recording, readRecording, roundDecimal } from '../../server/demo/recording.ts';
import { createReplay } from '../../server/demo/replay.ts';
import { emptyBatch } from '../../server/demo/rows.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const HEADER = 'timestamp,symbol,exchange,funding_rate';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'alphapulse-recording-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function file(content: string | Buffer, name = 'rates.csv'): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

describe('a recording', () => {
  it('is read plain and compressed, in the order of time, with the interval of each series', async () => {
    const text = [
      HEADER,
      '2021-01-01T08:00:00Z,BTC/USDT,binance,0.0001',
      '2021-01-01T00:00:00Z,BTC/USDT,binance,-0.00012359',
      '2021-01-01T16:00:00Z,BTC/USDT,binance,1e-05',
      '2021-01-01 00:00:00,ETH/USDT,dydx,0.000000125',
      '2021-01-01T02:00:00+01:00,ETH/USDT,dydx,.5',
      '2021-01-01T02:00:00Z,ETH/USDT,dydx,0',
      '',
    ].join('\n');
    const plain = await readRecording(await file(text));
    const packed = await readRecording(await file(gzipSync(text), 'rates.csv.gz'));
    expect({ ...packed, path: plain.path }).toEqual(plain);
    expect(plain.rates.map((rate) => [new Date(rate.time).toISOString(), rate.exchange, rate.rate])).toEqual([
      ['2021-01-01T00:00:00.000Z', 'binance', '-0.00012359'],
      ['2021-01-01T00:00:00.000Z', 'dydx', '0.00000013'],
      ['2021-01-01T01:00:00.000Z', 'dydx', '0.50000000'],
      ['2021-01-01T02:00:00.000Z', 'dydx', '0.00000000'],
      ['2021-01-01T08:00:00.000Z', 'binance', '0.00010000'],
      ['2021-01-01T16:00:00.000Z', 'binance', '0.00001000'],
    ]);
    expect(plain.symbols).toEqual(['BTC/USDT', 'ETH/USDT']);
    expect([...plain.intervalHours]).toEqual([
      ['BTC/USDT binance', 8],
      ['ETH/USDT dydx', 1],
    ]);
  });

  it('takes a byte order mark, CRLF, quotes, and columns in another order beside further ones', async () => {
    const text =
      '\uFEFFexchange,note,funding_rate,symbol,timestamp\r\nokx,"a, b",0.0002,"SOL/USDT",2021-01-01T00:00:00Z\r\n';
    expect((await readRecording(await file(text))).rates).toEqual([
      { time: Date.UTC(2021, 0, 1), symbol: 'SOL/USDT', exchange: 'okx', rate: '0.00020000' },
    ]);
  });

  it.each([
    ['a time', '2021-13-01T00:00:00Z,BTC/USDT,okx,0.1', '2021-13-01T00:00:00Z'],
    ['no symbol', '2021-01-01T00:00:00Z,,okx,0.1', ''],
    ['a symbol over 20 characters', '2021-01-01T00:00:00Z,ABCDEFGHIJKLMNOPQRSTU,okx,0.1', 'ABCDEFGHIJKLMNOPQRSTU'],
    ['a rate', '2021-01-01T00:00:00Z,BTC/USDT,okx,abc', 'abc'],
    ['a rate of nothing', '2021-01-01T00:00:00Z,BTC/USDT,okx,', ''],
    ['NaN', '2021-01-01T00:00:00Z,BTC/USDT,okx,NaN', 'NaN'],
    ['a rate that the table cannot hold', '2021-01-01T00:00:00Z,BTC/USDT,okx,100', '100'],
    ['a short row', '2021-01-01T00:00:00Z,BTC/USDT', ''],
  ])('names the line and the value of %s that is wrong', async (_, line, value) => {
    const path = await file(`${HEADER}\n2021-01-01T00:00:00Z,BTC/USDT,okx,0.1\n${line}\n`);
    await expect(readRecording(path)).rejects.toMatchObject({
      code: 'replay_line',
      message: expect.stringContaining('line 3'),
      value,
      mend: expect.stringContaining(HEADER),
    });
  });

  it('names a header that lacks a column, quotes that never close, no rows, no file and a broken gzip', async () => {
    await expect(readRecording(await file('timestamp,symbol,rate\n'))).rejects.toMatchObject({
      code: 'replay_line',
      message: expect.stringContaining('line 1: the header lacks exchange, funding_rate'),
    });
    await expect(readRecording(await file(`${HEADER}\n"2021`))).rejects.toMatchObject({ code: 'replay_line' });
    await expect(readRecording(await file(`${HEADER}\n`))).rejects.toMatchObject({ code: 'replay_file' });
    await expect(readRecording(join(folder, 'absent.csv'))).rejects.toMatchObject({
      code: 'replay_file',
      value: join(folder, 'absent.csv'),
    });
    const cut = gzipSync(`${HEADER}\n${'2021-01-01T00:00:00Z,BTC/USDT,okx,0.1\n'.repeat(2_000)}`).subarray(0, 90);
    await expect(readRecording(await file(cut, 'cut.gz'))).rejects.toMatchObject({ code: 'replay_file' });
  });
});

it.each([
  ['0.000000005', '0.00000001'],
  ['0.0000000049999', '0.00000000'],
  ['-0.000000005', '-0.00000001'],
  ['-0.000000001', '0.00000000'],
  ['0.000014285', '0.00001429'],
  ['1.5e-8', '0.00000002'],
  ['-1E+1', '-10.00000000'],
  ['+7', '7.00000000'],
  ['5.', '5.00000000'],
  ['.', null],
  ['', null],
  ['1e', null],
  ['0x10', null],
  ['1_000', null],
])('rounds %s to %s', (text, rounded) => {
  expect(roundDecimal(text, 8)).toBe(rounded);
});

describe('a replay', () => {
  const START = Date.UTC(2021, 0, 1);
  const NOW = Date.UTC(2026, 10, 22, 12);

  /** A payment every 8 h; every fiftieth is a shock. */
  function recording(payments: number): Recording {
    const rates = Array.from({ length: payments }, (_, index) => ({
      time: START + index * 8 * HOUR,
      symbol: 'BTC/USDT',
      exchange: 'binance',
      rate: (index % 50 === 49 ? 0.002 : 0.0001 + (index % 7) * 0.00001).toFixed(8),
    }));
    const end = START + (payments - 1) * 8 * HOUR;
    const intervalHours = new Map([['BTC/USDT binance', 8]]);
    return { path: 'rates.csv', rates, symbols: ['BTC/USDT'], start: START, end, intervalHours };
  }
  const fill = (replay: ReturnType<typeof createReplay>, to: number): ReturnType<typeof emptyBatch> => {
    const batch = emptyBatch();
    replay.fill(to, batch);
    return batch;
  };
  const recordedAt = (rows: ReturnType<typeof emptyBatch>): number[] =>
    rows.funding_rates.map((row) => Date.parse(row.metadata.recorded_at ?? ''));

  it('at its own pace shows the seven days before its position, one to one', () => {
    const replay = createReplay({ recording: recording(1_000), speed: 1, now: NOW, newest: null });
    replay.skip(NOW - 7 * DAY);
    const { funding_rates: rows } = fill(replay, NOW);
    expect(rows.length).toBe(21);
    const position = START + 7 * DAY;
    for (const row of rows) {
      expect(NOW - row.timestamp).toBe(position - Date.parse(row.metadata.recorded_at ?? ''));
      expect(row.metadata.interval_hours).toBe(8);
    }
    expect(fill(replay, NOW + 8 * HOUR).funding_rates.map((row) => row.timestamp)).toEqual([NOW + 8 * HOUR]);
  });

  it('at a speed of 3,600 passes an hour a second; the history is clipped at the start, and a quarter is left to play', () => {
    const replay = createReplay({ recording: recording(1_001), speed: 3_600, now: NOW, newest: null });
    const rows = fill(replay, NOW);
    expect(recordedAt(rows)[0]).toBe(START);
    expect(rows.funding_rates.length).toBe(751);
    expect(rows.funding_rates.at(-1)?.timestamp).toBe(NOW);
    expect(rows.funding_rates.at(-2)?.timestamp).toBe(NOW - 8_000);
    expect(fill(replay, NOW + 7_999).funding_rates).toEqual([]);
    expect(fill(replay, NOW + 16_000).funding_rates.map((row) => row.timestamp)).toEqual([NOW + 8_000, NOW + 16_000]);
  });

  it('begins anew an interval after its end', () => {
    const replay = createReplay({ recording: recording(11), speed: 3_600, now: NOW, newest: null });
    const rows = fill(replay, NOW + 13 * 8_000);
    const steps = recordedAt(rows).map((time) => (time - START) / (8 * HOUR));
    expect(steps).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const gaps = rows.funding_rates
      .slice(1)
      .map((row, index) => row.timestamp - (rows.funding_rates[index]?.timestamp ?? 0));
    expect(new Set(gaps)).toEqual(new Set([8_000]));
  });

  it('goes on where the newest row says that the recording stood, with the scores of an unbroken play', () => {
    const unbroken = createReplay({ recording: recording(1_001), speed: 3_600, now: NOW, newest: null });
    const first = fill(unbroken, NOW + 10_000);
    const last = first.funding_rates.at(-1);
    const newest = { time: last?.timestamp ?? 0, recordedAt: Date.parse(last?.metadata.recorded_at ?? '') };
    const later = createReplay({ recording: recording(1_001), speed: 3_600, now: NOW + 900_000, newest });
    later.skip(newest.time);
    expect(fill(later, NOW + 1_800_000)).toEqual(fill(unbroken, NOW + 1_800_000));
  });

  it('finds the recorded shocks, by the payments of the thirty days before', () => {
    const source = recording(1_001);
    const batch = fill(createReplay({ recording: source, speed: 3_600, now: NOW, newest: null }), NOW);
    const shocks = batch.anomalies.filter((row) => Math.abs(row.z_score) >= row.threshold);
    expect(shocks.map((row) => row.value)).toEqual(Array.from({ length: 15 }, () => 0.002));
    const [shock] = shocks;
    const at = 49;
    const values = source.rates.slice(0, at).map((rate) => Number(rate.rate));
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
    expect(shock?.z_score).toBeCloseTo((0.002 - mean) / deviation, 6);
    expect(shock?.metadata.samples).toBe(at);
    expect(shocks[5]?.metadata.samples).toBe(90);
  });
});
