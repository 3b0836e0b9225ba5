/** Examples of the REST interface's document. Each is held against its schema by a test. */

/** 2026-01-15T12:30:20.123456Z, and the minute after it. */
const TIME = 1_768_480_220_123.456;
const WRITTEN_AT = 1_768_480_220_130.2;
const FROM = 1_768_435_200_000;
const TO = 1_768_478_400_000;

const anomaly = {
  id: 4711,
  timestamp: TIME,
  symbol: 'BTC/USDT',
  data_type: 'volume',
  value: 1.5,
  z_score: 3.5,
  threshold: 3,
  metadata: null,
  created_at: WRITTEN_AT,
};
const rate = {
  id: 9001,
  timestamp: TIME,
  symbol: 'BTC/USDT',
  exchange: 'binance',
  funding_rate: 0.0001,
  estimated_rate: null,
  next_funding_time: 1_768_492_800_000,
  metadata: { source: 'rest' },
  created_at: WRITTEN_AT,
};
const live = { state: 'live', newest_age_ms: 1500 } as const;

/** The examples, by what they show. */
export const EXAMPLES = {
  rows: { rows: [rate], next_cursor: 'ZnVuZGluZ19yYXRlcyAxNzY4NDgwMjIwMTIzNDU2IDkwMDE' },
  anomalies: { rows: [anomaly], next_cursor: null },
  metricRows: {
    rows: [
      {
        id: 12,
        timestamp: TIME,
        metric_name: 'cpu_usage',
        metric_value: 41.5,
        metric_unit: '%',
        metadata: null,
        created_at: WRITTEN_AT,
      },
    ],
    next_cursor: null,
  },
  symbolData: {
    symbol: 'BTC/USDT',
    hours: 24,
    funding_rates: [rate],
    anomalies: [anomaly],
    performance: [],
    predictions: [],
  },
  chart: {
    chart_type: 'funding_rates',
    symbol: 'BTC/USDT',
    hours: 24,
    from: TIME - 86_400_000,
    to: TIME,
    reduced: false,
    bucket_ms: null,
    rows_total: 1,
    data: [
      {
        name: 'binance',
        columns: { timestamp: [TIME], funding_rate: [0.0001], estimated_rate: [null], next_funding_time: [null] },
      },
    ],
  },
  checksum: {
    stream: 'funding_rates',
    key: 'BTC/USDT',
    from: FROM,
    to: TO,
    bucket_ms: 60_000,
    comparable: true,
    parts: [{ from: FROM, to: TO, rows: 240, hash: '0123456789abcdef' }],
  },
  written: { ids: [4712] },
  newAnomaly: {
    symbol: 'BTC/USDT',
    data_type: 'funding_rate',
    value: 0.0012,
    z_score: -4.5,
    metadata: { window: '7d' },
  },
  newMetrics: [
    { metric_name: 'cpu_usage', metric_value: 41.5, metric_unit: '%' },
    { metric_name: 'queue_length', metric_value: 3, timestamp: '2026-01-15T12:30:20Z' },
  ],
  symbols: { symbols: ['BTC/USDT', 'ETH/USDT'] },
  streams: {
    streams: [
      {
        name: 'funding_rates',
        key: 'symbol',
        series: 'exchange',
        values: [{ name: 'funding_rate', unit: 'fraction' }],
        ...live,
      },
    ],
  },
  keys: { stream: 'funding_rates', keys: ['BTC/USDT', 'ETH/USDT'] },
  health: {
    status: 'healthy',
    timestamp: TIME,
    uptime: 3600.5,
    requests: 1200,
    errors: 0,
    database: 'connected',
    doorbell: 'up',
    clients: 12,
    version: '0.1.0',
    streams: { funding_rates: live },
  },
  clientError: {
    page: 'wall',
    kind: 'error',
    message: 'TypeError: x is undefined',
    stack: 'at draw (https://dash.example/assets/first-1a2b3c.js:1:2345)',
    build: '5f0c2a9d41e7b386',
    count: 1,
  },
  problem: {
    type: 'about:blank',
    title: 'Bad Request',
    status: 400,
    detail: 'limit: "0" is not accepted; give a whole number from 1 to 10000, once',
    errors: [{ path: 'limit', message: '"0" is not accepted; give a whole number from 1 to 10000, once' }],
  },
} as const;
