/** What the demo market trades: symbols with their ordinary prices, sizes and tempers. */

/** A symbol of the demo market. */
export interface Instrument {
  readonly symbol: string;
  /** Price in the quote currency that the market returns to. */
  readonly price: number;
  /** Standard deviation of a day's log return, as a fraction. */
  readonly volatility: number;
  /** How strongly the symbol follows the whole market; 1 is as the market. */
  readonly beta: number;
  /** Ordinary open interest and hourly volume, in the quote currency. */
  readonly openInterest: number;
  readonly volume: number;
}

/** The exchanges that list every instrument. */
export const EXCHANGES = ['binance', 'bybit', 'okx'] as const;

const table: readonly (readonly [symbol: string, price: number, volatility: number, beta: number, size: number])[] = [
  ['BTC/USDT', 96_400, 0.022, 0.9, 8e9],
  ['ETH/USDT', 3_420, 0.028, 1, 5e9],
  ['BNB/USDT', 672, 0.024, 0.8, 7e8],
  ['ADA/USDT', 0.91, 0.042, 1.2, 3e8],
  ['SOL/USDT', 236, 0.038, 1.2, 2e9],
  ['XRP/USDT', 1.47, 0.045, 1.1, 1e9],
  ['DOGE/USDT', 0.41, 0.052, 1.3, 9e8],
  ['AVAX/USDT', 42.6, 0.043, 1.2, 3e8],
  ['DOT/USDT', 8.3, 0.041, 1.1, 2e8],
  ['LINK/USDT', 17.8, 0.039, 1.1, 3e8],
  ['MATIC/USDT', 0.52, 0.044, 1.2, 1.5e8],
  ['LTC/USDT', 94.1, 0.034, 0.9, 2e8],
  ['TRX/USDT', 0.2, 0.025, 0.6, 1.2e8],
  ['BCH/USDT', 512, 0.037, 1, 2e8],
  ['ATOM/USDT', 8.7, 0.042, 1.1, 1e8],
  ['UNI/USDT', 11.2, 0.046, 1.2, 1e8],
  ['NEAR/USDT', 6.4, 0.048, 1.3, 2e8],
  ['APT/USDT', 12.1, 0.05, 1.3, 1.5e8],
  ['ARB/USDT', 0.83, 0.05, 1.3, 1.2e8],
  ['OP/USDT', 2.05, 0.052, 1.3, 1.1e8],
  ['FIL/USDT', 5.3, 0.045, 1.1, 1e8],
  ['SUI/USDT', 3.5, 0.058, 1.4, 4e8],
  ['INJ/USDT', 27.4, 0.055, 1.3, 9e7],
  ['AAVE/USDT', 178, 0.047, 1.2, 1.3e8],
  ['BTC/USDT:USDT', 96_450, 0.022, 0.9, 9e9],
  ['ETH/USDT:USDT', 3_422, 0.028, 1, 6e9],
];

/** The instruments of the demo market, the best known first. */
export const INSTRUMENTS: readonly Instrument[] = table.map(([symbol, price, volatility, beta, size]) => ({
  symbol,
  price,
  volatility,
  beta,
  openInterest: size,
  volume: size / 6,
}));

/** The instrument of that symbol, or an ordinary one for a symbol that the market does not know. */
export function instrumentOf(symbol: string): Instrument {
  return (
    INSTRUMENTS.find((instrument) => instrument.symbol === symbol) ?? {
      symbol,
      price: 10,
      volatility: 0.04,
      beta: 1,
      openInterest: 1e8,
      volume: 2e7,
    }
  );
}
