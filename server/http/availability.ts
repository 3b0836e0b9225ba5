/** Which streams a request may read now: named ones that are on, while the database is up. Everything else is a problem. */
import type { StreamDeclaration, StreamName } from '../../shared/streams.ts';
import { isStreamName, STREAM_NAMES, STREAMS } from '../../shared/streams.ts';
import type { ServiceStatus } from '../status.ts';
import { Problem, RETRY_AFTER } from './problem.ts';
import { shown } from './validation.ts';

/** Short names of streams, as charts and documents have always been called. */
export const SHORT_NAMES = {
  funding_rates: 'funding_rates',
  anomalies: 'anomalies',
  performance: 'performance_metrics',
  predictions: 'signal_predictions',
  system_metrics: 'system_metrics',
} as const satisfies Readonly<Record<string, StreamName>>;

/** Whether a stream cannot be read, and says why. */
export function isOff(status: ServiceStatus, stream: StreamDeclaration): boolean {
  return status.stream(stream.name).state === 'off';
}

/** @throws Problem 503 while the database is away. */
export function requireDatabase(status: ServiceStatus): void {
  if (status.database === 'up') return;
  throw new Problem(503, 'the database cannot be reached at the moment; the server goes on trying', {
    headers: RETRY_AFTER,
  });
}

/** @throws Problem 503 where the stream cannot be read now, with the reason and the mend. */
export function requireUsable(status: ServiceStatus, stream: StreamDeclaration): void {
  requireDatabase(status);
  const state = status.stream(stream.name);
  if (state.state !== 'off') return;
  throw new Problem(503, `stream ${stream.name} is off: ${state.reason}. ${state.mend}`, {
    members: { stream: stream.name, reason: state.reason, mend: state.mend },
  });
}

/** @throws Problem 404 for a name that no stream has. */
export function streamNamed(name: string): StreamDeclaration {
  if (isStreamName(name)) return STREAMS[name];
  const message = `${shown(name)} is no stream; there are ${STREAM_NAMES.join(', ')}`;
  throw new Problem(404, message, { errors: [{ path: 'stream', message }] });
}
