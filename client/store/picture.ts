/** What is to be loaded of a stream for a choice of symbols and range. Pure. */
import { bucketFor } from '../../shared/m4.ts';
import { STREAMS, type StreamName } from '../../shared/streams.ts';
import { RANGE_MS, type RangeName } from '../model.ts';
import { columnsHeld } from '../painters/span.ts';
import type { Picture } from '../series.ts';

/** Pixel columns that a chart's history is asked for before its width is known. */
export const COLUMNS_USUAL = 1200;
/** Streams whose rows are summed up: loaded in two buckets a pixel, they come whole longer. */
const FINER: ReadonlySet<StreamName> = new Set(['performance_metrics'] as const);

/** The picture of a stream over so many pixel columns. `symbols`: those that are shown. */
export function pictureFor(name: StreamName, columns: number, range: RangeName, symbols: readonly string[]): Picture {
  const pixelMs = bucketFor(RANGE_MS[range], columns);
  const finer = pixelMs % 2 === 0 && FINER.has(name) ? 2 : 1;
  // Metrics belong to the system, not to a symbol: all of them are shown.
  const keys = STREAMS[name].key.name === 'symbol' ? symbols : null;
  return { keys, range, pixelMs, bucketMs: pixelMs / finer, points: columnsHeld(columns, RANGE_MS[range]) * finer };
}
