/** How a page asks for a stream: the same for the feed and for what asks before it is there. Pure. */
import type { SubscribeFrame } from '../../shared/requests.ts';
import type { Want } from './types.ts';

/** The frame that asks for what is wanted, from its history on. */
export function subscription(id: string, { stream, keys, range, points, bucketMs }: Want): SubscribeFrame {
  const named = keys === null ? {} : { keys: [...keys] };
  return { type: 'subscribe', id, stream, ...named, range, points, bucket_ms: bucketMs, detail: 'values' };
}
