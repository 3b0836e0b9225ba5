/** Reads a recording of funding rates: CSV with the header `timestamp,symbol,exchange,funding_rate`, plain or gzip. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { CsvError, parse } from 'csv-parse';
import { CodedError, messageOf } from '../errors.ts';

/** One recorded payment. */
export interface RecordedRate {
  /** Epoch ms. */
  readonly time: number;
  readonly symbol: string;
  readonly exchange: string;
  /** The fraction with eight decimals, rounded half away from zero as the table's `decimal(10,8)` does. */
  readonly rate: string;
}

/** A recording, whole and in the order of time. It has one row at least. */
export interface Recording {
  readonly path: string;
  readonly rates: readonly RecordedRate[];
  /** Sorted. */
  readonly symbols: readonly string[];
  readonly start: number;
  readonly end: number;
  /** Hours between the payments of a symbol on an exchange, by `seriesKey`: the median distance, at least 1. */
  readonly intervalHours: ReadonlyMap<string, number>;
}

const HEADER = ['timestamp', 'symbol', 'exchange', 'funding_rate'] as const;
const HOUR = 3_600_000;
const ZONED = /(Z|[+-]\d\d(:?\d\d)?)$/i;
const MEND = `write ${HEADER.join(',')} as the first line and in every row, e.g. 2021-01-01T00:00:00Z,BTC/USDT,binance,0.0001`;

/** Names a symbol on an exchange. */
export const seriesKey = (symbol: string, exchange: string): string => `${symbol} ${exchange}`;

/**
 * Reads a recording. Rows may come in any order; a time without zone is UTC.
 *
 * @throws CodedError `replay_file` where it cannot be read, `replay_line` with the number of the first bad line and its value.
 */
export async function readRecording(path: string): Promise<Recording> {
  const rates: RecordedRate[] = [];
  const parser = parse({ bom: true, skip_empty_lines: true, trim: true, info: true, relax_column_count: true });
  const collect = async (records: AsyncIterable<{ record: string[]; info: { lines: number } }>): Promise<void> => {
    let header: readonly string[] | null = null;
    const names = new Map<string, string>();
    // The same few names come in every row: one string each serves them all.
    const one = (name: string): string => {
      if (!names.has(name)) names.set(name, name);
      return names.get(name) ?? name;
    };
    for await (const { record, info } of records) {
      if (header === null) header = checkHeader(path, record, info.lines);
      else rates.push(parseRow(path, header, record, info.lines, one));
    }
  };
  try {
    const packed = await isGzip(path);
    const source = createReadStream(path);
    const steps: [Readable, ...NodeJS.ReadWriteStream[]] = packed ? [source, createGunzip(), parser] : [source, parser];
    await Promise.all([pipeline(steps), collect(parser)]);
  } catch (error) {
    if (error instanceof CodedError) throw error;
    if (error instanceof CsvError) throw badLine(path, Number(error.lines ?? 0), error.message, undefined);
    throw new CodedError('replay_file', `the recording ${path} cannot be read: ${messageOf(error)}`, {
      value: path,
      mend: 'give the path of a CSV file, plain or gzip',
      cause: error,
    });
  }
  rates.sort((a, b) => a.time - b.time);
  const [first] = rates;
  const last = rates.at(-1);
  if (first === undefined || last === undefined) {
    throw new CodedError('replay_file', `the recording ${path} holds no rates`, { value: path, mend: MEND });
  }
  const symbols = [...new Set(rates.map((rate) => rate.symbol))].sort();
  return { path, rates, symbols, start: first.time, end: last.time, intervalHours: intervals(rates) };
}

async function isGzip(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
  } finally {
    await file.close();
  }
}

function checkHeader(path: string, record: readonly string[], line: number): readonly string[] {
  const names = record.map((name) => name.toLowerCase());
  const missing = HEADER.filter((name) => !names.includes(name));
  if (missing.length === 0) return names;
  throw badLine(path, line, `the header lacks ${missing.join(', ')}`, record.join(','));
}

function parseRow(
  path: string,
  header: readonly string[],
  record: readonly string[],
  line: number,
  intern: (name: string) => string,
): RecordedRate {
  const cell = (name: (typeof HEADER)[number]): string => record[header.indexOf(name)] ?? '';
  const stamp = cell('timestamp');
  const time = Date.parse(ZONED.test(stamp) ? stamp : `${stamp.replace(' ', 'T')}Z`);
  if (!Number.isFinite(time)) throw badLine(path, line, `"${stamp}" is not a time`, stamp);
  const symbol = cell('symbol');
  const exchange = cell('exchange');
  for (const [name, value] of [
    ['symbol', symbol],
    ['exchange', exchange],
  ]) {
    if (!value || value.length > 20)
      throw badLine(path, line, `the ${name} "${value}" has not 1 to 20 characters`, value);
  }
  const text = cell('funding_rate');
  const rate = roundDecimal(text, 8);
  if (rate === null) throw badLine(path, line, `"${text}" is not a decimal number`, text);
  if (Math.abs(Number(rate)) >= 100)
    throw badLine(path, line, `the rate ${text} is not below 100, as the table has it`, text);
  return { time, symbol: intern(symbol), exchange: intern(exchange), rate };
}

function badLine(path: string, line: number, message: string, value: unknown): CodedError {
  return new CodedError('replay_line', `${path}, line ${line}: ${message}`, { value, mend: MEND });
}

/**
 * Rounds the text of a decimal number to so many decimals, half away from zero, as PostgreSQL's numeric does; null where
 * it is none. Done on the digits: a binary fraction cannot tell on which side of a half it lies.
 */
export function roundDecimal(text: string, decimals: number): string | null {
  const match = /^([+-]?)(\d*)\.?(\d*)(?:e([+-]?\d{1,3}))?$/i.exec(text);
  const digits = `${match?.[2] ?? ''}${match?.[3] ?? ''}`;
  if (match === null || digits === '') return null;
  // The value is digits x 10^-scale.
  const scale = (match[3] ?? '').length - Number(match[4] ?? 0);
  let units: bigint;
  if (scale <= decimals) {
    units = BigInt(digits) * 10n ** BigInt(decimals - scale);
  } else {
    const divisor = 10n ** BigInt(scale - decimals);
    units = (BigInt(digits) * 2n + divisor) / (2n * divisor);
  }
  const padded = String(units).padStart(decimals + 1, '0');
  const sign = match[1] === '-' && units !== 0n ? '-' : '';
  return `${sign}${padded.slice(0, -decimals)}.${padded.slice(-decimals)}`;
}

function intervals(rates: readonly RecordedRate[]): Map<string, number> {
  const times = new Map<string, number[]>();
  for (const { symbol, exchange, time } of rates) {
    const key = seriesKey(symbol, exchange);
    const known = times.get(key);
    if (known === undefined) times.set(key, [time]);
    else known.push(time);
  }
  const result = new Map<string, number>();
  for (const [key, list] of times) {
    const gaps = list.slice(1).map((time, index) => time - (list[index] ?? time));
    gaps.sort((a, b) => a - b);
    const median = gaps[gaps.length >> 1] ?? 8 * HOUR;
    result.set(key, Math.max(1, Math.round(median / HOUR)));
  }
  return result;
}
