/** What of a page's rows is held against the server's: the settled part of a window, and its checksum. Pure. */
import { type PartSum, type SummedSpan, sumLines } from '../../shared/checksum.ts';
import { bucketStart } from '../../shared/m4.ts';
import { STREAMS } from '../../shared/streams.ts';
import { type ChannelView, RANGE_MS, type StreamView } from '../model.ts';

/** Rows younger than this may be on their way, on either side. */
export const SETTLED_MS = 120_000;
/** At the left edge a window that slides lets rows go: so much is left out there, so that a check may take its time. */
const EDGE_MS = 30_000;
const EDGE_BUCKETS = 2;

/**
 * The part of a stream's window that does not change any more but for late rows; null where the window has none.
 *
 * @param viewNow where the window ends, server clock, epoch ms.
 */
export function settledSpan(view: Pick<StreamView, 'bucketMs' | 'range'>, viewNow: number): SummedSpan | null {
  const { bucketMs, range } = view;
  const from = bucketStart(viewNow - RANGE_MS[range] + EDGE_MS, bucketMs) + EDGE_BUCKETS * bucketMs;
  const to = bucketStart(viewNow - SETTLED_MS, bucketMs);
  return Number.isInteger(bucketMs) && to > from ? { from, to, bucketMs } : null;
}

/** Whether all of a span is still held by the window that ends at `viewNow`, in the same buckets. */
export function isHeld(view: Pick<StreamView, 'bucketMs' | 'range'>, viewNow: number, span: SummedSpan): boolean {
  const { bucketMs, range } = view;
  return bucketMs === span.bucketMs && span.from >= bucketStart(viewNow - RANGE_MS[range], bucketMs) + bucketMs;
}

/** The checksums of what a channel holds of a span, part by part. */
export function heldSums(channel: ChannelView, span: SummedSpan, parts: number): readonly PartSum[] {
  const lines = channel.lines.map(({ name, times, columns }) => ({
    name,
    times,
    column: (column: string) => columns[column] ?? new Float64Array(times.length).fill(Number.NaN),
  }));
  return sumLines(STREAMS[channel.stream], lines, span, parts);
}

/** The parts that are not the same on both sides. */
export function differing(held: readonly PartSum[], told: readonly PartSum[]): readonly PartSum[] {
  return told.filter((part, index) => !isSamePart(part, held[index]));
}

/**
 * The parts that differ and did not change between two looks on either side. Late rows change both sides, one after the
 * other: what stood still and differs is no row on its way.
 */
export function certain(
  first: { readonly held: readonly PartSum[]; readonly told: readonly PartSum[] },
  second: { readonly held: readonly PartSum[]; readonly told: readonly PartSum[] },
): readonly PartSum[] {
  return second.told.filter((part, index) => {
    const held = second.held[index];
    return (
      !isSamePart(part, held) &&
      isSamePart(part, first.told[index]) &&
      held !== undefined &&
      isSamePart(held, first.held[index])
    );
  });
}

function isSamePart(a: PartSum, b: PartSum | undefined): boolean {
  return b !== undefined && a.from === b.from && a.to === b.to && a.rows === b.rows && a.hash === b.hash;
}
