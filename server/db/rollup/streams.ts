/** Which streams have rollups. */
import { STREAM_LIST, type StreamDeclaration, type StreamName } from '../../../shared/streams.ts';

/** The streams that are drawn as lines. The points of the others are not what M4 keeps. */
export const ROLLED_STREAMS: readonly StreamDeclaration[] = STREAM_LIST.filter(({ name }) => name !== 'anomalies');

/** Whether a stream has rollups. */
export function isRolled(name: StreamName): boolean {
  return ROLLED_STREAMS.some((stream) => stream.name === name);
}
