/** Whether a message is a delta, looked at in place: what the schema in `protocol.ts` says of one, for where they come by thousands. */
import { type Frame, VIAS } from './protocol.ts';
import { areRows, isJsonObject } from './row-check.ts';

/** Whether the schema of deltas would take this. */
export function isDelta(value: unknown): value is Frame<'delta'> {
  if (!isJsonObject(value) || value.type !== 'delta') return false;
  const { stream, key, prev, cursor, time, via, rows } = value;
  return (
    typeof stream === 'string' &&
    typeof key === 'string' &&
    typeof prev === 'string' &&
    typeof cursor === 'string' &&
    Number.isFinite(time) &&
    VIAS.some((known) => known === via) &&
    areRows(stream, rows)
  );
}
