/** Holds the demo market to what it claims: repeatable by seed, within the table's types, and its anomalies real z-scores. */
import { describe, expect, it } from 'vitest';
import { STRATEGIES } from '../../server/demo/desk.ts';
import { createDetector } from '../../server/demo/detector.ts';
import { EXCHANGES, INSTRUMENTS } from '../../server/demo/instruments.ts';
import { createMarket, roundRate } from '../../server/demo/market.ts';
import { createRandom, createWanderer } from '../../server/demo/random.ts';
import { type Batch, emptyBatch } from '../../server/demo/rows.ts';
import { createSimulation, THRESHOLD, WINDOW } from '../../server/demo/simulation.ts';

const START = Date.UTC(2026, 10, 15);
const MINUTE = 60_000;

/** What is written at each sparse poll, and less often than the close ones come. */
const SPARSE = { scoreMs: 5 * MINUTE, signalMs: 5 * MINUTE };
const CLOSE = { scoreMs: MINUTE, signalMs: MINUTE };

/** Polls of some symbols, five minutes apart for three days, then twenty seconds apart for an hour. */
function simulate(seed: number, symbols = 4): Batch {
  const instruments = INSTRUMENTS.slice(0, symbols);
  const simulation = createSimulation({ seed, instruments, rates: true });
  const batch = emptyBatch();
  const end = START + 3 * 1_440 * MINUTE;
  for (let time = START; time < end; time += 5 * MINUTE) {
    for (const symbol of simulation.symbols) simulation.poll(symbol, time, SPARSE, batch);
  }
  for (let time = end; time < end + 60 * MINUTE; time += MINUTE / 3) {
    for (const symbol of simulation.symbols) simulation.poll(symbol, time, CLOSE, batch);
  }
  return batch;
}

/** The plain definition: mean and sample deviation of the last value of each earlier bar of the window. */
function plainScore(series: readonly { time: number; value: number }[], at: number): { z: number; samples: number } {
  const bar = (time: number): number => Math.floor(time / WINDOW.barMs) * WINDOW.barMs;
  const now = series[at];
  if (now === undefined) throw new RangeError(`no value at ${at}`);
  const bars = new Map<number, number>();
  for (const { time, value } of series.slice(0, at)) bars.set(bar(time), value);
  const window = [...bars].filter(([time]) => time < bar(now.time) && time >= bar(now.time) - WINDOW.windowMs);
  const values = window.map(([, value]) => value);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  return { z: (now.value - mean) / Math.sqrt(variance), samples: values.length };
}

describe('the market', () => {
  it('is the same for the same seed, and another for another', () => {
    const first = simulate(7);
    expect(simulate(7)).toEqual(first);
    expect(simulate(8).funding_rates).not.toEqual(first.funding_rates);
  });

  it('trades 24 symbols and more, the five of old and a perpetual with a colon among them, on three exchanges', () => {
    const symbols = INSTRUMENTS.map(({ symbol }) => symbol);
    expect(new Set(symbols).size).toBe(symbols.length);
    expect(symbols.length).toBeGreaterThanOrEqual(24);
    expect(symbols).toEqual(expect.arrayContaining(['BTC/USDT', 'ETH/USDT', 'BNB/USDT', 'ADA/USDT', 'SOL/USDT']));
    expect(symbols).toContain('BTC/USDT:USDT');
    expect(Math.max(...symbols.map((symbol) => symbol.length))).toBeLessThanOrEqual(20);
    expect(EXCHANGES).toEqual(['binance', 'bybit', 'okx']);
  });

  it('writes rates of eight decimals within decimal(10,8), and payments on the 8 h grid to come', () => {
    const { funding_rates: rows } = simulate(11);
    expect(rows.length).toBe((3 * 288 + 180) * 4 * 3);
    const eightHours = 8 * 60 * MINUTE;
    const wrong = rows.filter((row) => {
      const ahead = (row.next_funding_time ?? 0) - row.timestamp;
      const onGrid = (row.next_funding_time ?? 1) % eightHours === 0 && ahead > 0 && ahead <= eightHours;
      const rates = [row.funding_rate, row.estimated_rate ?? ''];
      return !onGrid || row.metadata.interval_hours !== 8 || !rates.every((rate) => /^-?0\.00\d{6}$/.test(rate));
    });
    expect(wrong).toEqual([]);
  });

  it('returns to its mean: over weeks the rates stay around a basis point', () => {
    const market = createMarket(3, INSTRUMENTS.slice(0, 3));
    const rates: number[] = [];
    for (let time = START; time < START + 60 * 1_440 * MINUTE; time += 60 * MINUTE) {
      for (const { rate } of market.quote('BTC/USDT', time).rates) rates.push(rate);
    }
    const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
    expect(mean).toBeGreaterThan(-1e-4);
    expect(mean).toBeLessThan(3e-4);
    const half = rates.length / 2;
    const meanOf = (list: number[]): number => list.reduce((sum, rate) => sum + rate, 0) / list.length;
    expect(Math.abs(meanOf(rates.slice(0, half)) - meanOf(rates.slice(half)))).toBeLessThan(1e-4);
  });

  it('caps a rate at what exchanges allow', () => {
    expect(roundRate(1)).toBe(0.0075);
    expect(roundRate(-1)).toBe(-0.0075);
    expect(roundRate(0.000123456789)).toBe(0.00012346);
  });
});

describe('the anomalies', () => {
  it('are the z-scores of the written rates against their own trailing window; none from the threshold on is left out', () => {
    const batch = simulate(5);
    const written = new Map(
      batch.anomalies
        .filter((row) => row.data_type === 'funding_rate')
        .map((row) => [`${row.symbol} ${row.metadata.exchange} ${row.timestamp}`, row]),
    );
    let checked = 0;
    for (const symbol of ['BTC/USDT', 'ADA/USDT']) {
      for (const exchange of EXCHANGES) {
        const series = batch.funding_rates
          .filter((row) => row.symbol === symbol && row.exchange === exchange)
          .map((row) => ({ time: row.timestamp, value: Number(row.funding_rate) }));
        for (let at = WINDOW.minSamples + 1; at < series.length; at += 7) {
          const plain = plainScore(series, at);
          const row = written.get(`${symbol} ${exchange} ${series[at]?.time}`);
          if (row === undefined) {
            expect(Math.abs(plain.z)).toBeLessThan(THRESHOLD);
            continue;
          }
          expect(row?.value).toBe(series[at]?.value);
          expect(row?.z_score).toBeCloseTo(plain.z, 6);
          expect(row?.metadata.samples).toBe(plain.samples);
          checked++;
        }
      }
    }
    expect(checked).toBeGreaterThan(100);
  });

  it('have a score of each data type at an even pace beside them, whatever it is, each exchange in its turn', () => {
    const { anomalies } = simulate(5);
    for (const type of ['funding_rate', 'open_interest', 'volume']) {
      const rows = anomalies.filter((row) => row.symbol === 'ETH/USDT' && row.data_type === type);
      const times = rows.map((row) => row.timestamp);
      const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
      expect(Math.max(...gaps)).toBe(5 * MINUTE);
      // A score a minute at the end, though polls come three times as often.
      const last = rows.filter((row) => row.timestamp >= START + 3 * 1_440 * MINUTE);
      const calm = last.filter((row) => Math.abs(row.z_score) < row.threshold);
      const minutes = new Set(last.map((row) => Math.floor(row.timestamp / MINUTE)));
      expect(minutes.size).toBe(60);
      expect(calm.length).toBeLessThanOrEqual(61);
    }
    const exchanges = anomalies.filter((row) => row.data_type === 'funding_rate').map((row) => row.metadata.exchange);
    expect([...new Set(exchanges)].sort()).toEqual(EXCHANGES);
  });

  it('lie on both sides of their threshold, and come of open interest and volume too', () => {
    const { anomalies } = simulate(5, 8);
    expect(anomalies.some((row) => Math.abs(row.z_score) >= row.threshold)).toBe(true);
    expect(anomalies.some((row) => Math.abs(row.z_score) < row.threshold)).toBe(true);
    expect([...new Set(anomalies.map((row) => row.data_type))].sort()).toEqual([
      'funding_rate',
      'open_interest',
      'volume',
    ]);
  });
});

describe('the detector', () => {
  it('agrees with the plain definition over many windows, whatever the size of the values', () => {
    for (const scale of [1e-5, 1, 1e9]) {
      const random = createRandom(1, `detector ${scale}`);
      const wander = createWanderer(random, 0.1 * scale, 3_600_000);
      const detector = createDetector(WINDOW);
      const series: { time: number; value: number }[] = [];
      for (let step = 0; step < 3_000; step++) {
        const time = START + Math.round(step * 2.3 * MINUTE);
        const value = scale + wander.step(2.3 * MINUTE);
        series.push({ time, value });
        const score = detector.score(time, value);
        if (step > 200 && step % 53 === 0) expect(score?.z).toBeCloseTo(plainScore(series, step).z, 6);
      }
    }
  });

  it('says nothing of too few values, nor of values that are all alike', () => {
    const detector = createDetector({ windowMs: 100, barMs: 0, minSamples: 3 });
    expect([1, 2, 3].map((value, time) => detector.score(time, value))).toEqual([null, null, null]);
    expect(detector.score(3, 5)).toEqual({ mean: 2, deviation: 1, samples: 3, z: 3 });
    const flat = createDetector({ windowMs: 1_000, barMs: 0, minSamples: 3 });
    for (let time = 0; time < 20; time++) expect(flat.score(time, 0.0001)).toBe(null);
    expect(flat.score(20, 0.0005)).toBe(null);
  });
});

describe('the strategies', () => {
  const batch = simulate(21, 12);

  it('predict with a confidence that comes true: the surer, the more often', () => {
    const prices = new Map<string, { time: number; price: number }[]>();
    for (const row of batch.funding_rates) {
      if (row.metadata.mark_price === undefined) continue;
      const list = prices.get(row.symbol) ?? [];
      list.push({ time: row.timestamp, price: row.metadata.mark_price });
      prices.set(row.symbol, list);
    }
    const right = { sure: [0, 0], unsure: [0, 0] };
    for (const row of batch.signal_predictions) {
      expect(row.confidence).toBeGreaterThanOrEqual(0);
      expect(row.confidence).toBeLessThanOrEqual(1);
      const later = prices.get(row.symbol)?.find(({ time }) => time >= row.timestamp + 15 * MINUTE);
      if (later === undefined) continue;
      const isRight = later.price > row.metadata.entry_price === (row.metadata.side === 'long');
      const tally = row.confidence >= 0.7 ? right.sure : row.confidence < 0.35 ? right.unsure : [0, 0];
      tally[isRight ? 0 : 1] = (tally[isRight ? 0 : 1] ?? 0) + 1;
    }
    const share = ([yes = 0, no = 0]: number[]): number => yes / (yes + no);
    expect(right.sure[0]).toBeGreaterThan(50);
    expect(right.unsure[0]).toBeGreaterThan(50);
    expect(share(right.sure)).toBeGreaterThan(share(right.unsure) + 0.05);
    expect(batch.signal_predictions.some((row) => row.predicted_pnl === null)).toBe(true);
    expect(batch.signal_predictions.some((row) => row.predicted_pnl !== null && row.predicted_pnl !== 0)).toBe(true);
  });

  it('write one row a trade: the PnL of that trade, a win or none, the loss as drawdown', () => {
    const trades = batch.performance_metrics.filter((row) => row.strategy_id !== 'momentum');
    expect(new Set(trades.map((row) => row.strategy_id)).size).toBe(2);
    for (const row of trades) {
      const move = (row.metadata.exit_price / row.metadata.entry_price - 1) * (row.metadata.side === 'long' ? 1 : -1);
      expect(row.pnl).toBeCloseTo(row.avg_position_size * (move - 0.0002), 2);
      expect(row.win_rate).toBe(row.pnl > 0 ? 1 : 0);
      expect(row.drawdown).toBe(Math.max(0, -row.pnl));
      expect(row.trade_count).toBe(1);
      expect(row.execution_time).toBeGreaterThan(0);
    }
  });

  it('write running figures: PnL, trades and wins add up, the drawdown is that from the peak', () => {
    for (const symbol of ['BTC/USDT', 'SOL/USDT']) {
      const rows = batch.performance_metrics.filter((row) => row.symbol === symbol && row.strategy_id === 'momentum');
      expect(rows.length).toBeGreaterThan(5);
      let peak = 0;
      rows.forEach((row, index) => {
        peak = Math.max(peak, row.pnl);
        expect(row.trade_count).toBe(index + 1);
        expect(row.drawdown).toBeCloseTo(peak - row.pnl, 3);
        expect(row.win_rate * row.trade_count).toBeCloseTo(Math.round(row.win_rate * row.trade_count), 6);
      });
    }
  });

  it('predict each type of signal in its own even time, and so close the trades of each', () => {
    const end = START + 3 * 1_440 * MINUTE;
    const gapsOf = (rows: readonly { symbol: string; timestamp: number }[]): number[] => {
      const times = rows.filter((row) => row.symbol === 'ADA/USDT').map((row) => row.timestamp);
      return times.slice(1).map((time, index) => time - (times[index] ?? 0));
    };
    for (const type of Object.values(STRATEGIES)) {
      const trades = batch.performance_metrics.filter((row) => row.strategy_id === type.id && row.timestamp < end);
      const gaps = gapsOf(trades).sort((a, b) => a - b);
      expect(gaps[gaps.length >> 1]).toBe(5 * MINUTE);
      expect(gaps.filter((gap) => gap > 15 * MINUTE).length).toBeLessThan(gaps.length / 50);
    }
    for (const type of Object.keys(STRATEGIES)) {
      const rows = batch.signal_predictions.filter((row) => row.signal_type === type);
      expect(new Set(gapsOf(rows.filter((row) => row.timestamp < end)))).toEqual(new Set([5 * MINUTE]));
      for (const gap of gapsOf(rows.filter((row) => row.timestamp >= end + MINUTE))) {
        expect(gap).toBeGreaterThanOrEqual(0.6 * MINUTE);
        expect(gap).toBeLessThanOrEqual(MINUTE);
      }
    }
  });

  it('trade on what was predicted, and on nothing else', () => {
    const predicted = new Set(
      batch.signal_predictions.map((row) => `${row.symbol} ${row.metadata.side} ${row.metadata.entry_price}`),
    );
    const unpredicted = batch.performance_metrics.filter(
      ({ symbol, metadata }) => !predicted.has(`${symbol} ${metadata.side} ${metadata.entry_price}`),
    );
    expect(unpredicted).toEqual([]);
    expect(batch.performance_metrics.length).toBeGreaterThan(1_000);
  });
});
