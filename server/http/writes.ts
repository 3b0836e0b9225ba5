/** The REST routes that write: anomalies and system metrics, one row or many, all or nothing. */
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import type * as z from 'zod';
import { STREAMS, type StreamDeclaration } from '../../shared/streams.ts';
import { type Database, errorCode } from '../db/queryable.ts';
import { insertRows, type NewRow } from '../db/writes.ts';
import type { ServiceStatus } from '../status.ts';
import type { Access } from './auth.ts';
import { requireUsable } from './availability.ts';
import { json } from './json.ts';
import { badRequest, Problem, type ProblemFault } from './problem.ts';
import { shown } from './validation.ts';
import { MOST_ROWS, rowToWrite } from './write-schema.ts';

/** What the routes write into, and who may. */
export interface WriteDeps {
  readonly db: Database;
  readonly status: ServiceStatus;
  readonly access: Pick<Access, 'required' | 'checkAccess' | 'checkWrite'>;
  /** Whether a page of this origin may write. */
  readonly originAllowed: (origin: string, request: FastifyRequest) => boolean;
  /** Whether the server listens where only this machine reaches it. */
  readonly isLoopback: boolean;
  /** Bytes of a body at most. */
  readonly bodyLimit: number;
}

/** Streams that are written over HTTP: those whose tables the dashboard makes. */
const WRITTEN = [
  { path: '/api/anomalies', stream: STREAMS.anomalies },
  { path: '/api/system-metrics', stream: STREAMS.system_metrics },
] as const;

/** What PostgreSQL calls a row that a table does not take: too long, out of range, null, a broken rule, text that is none. */
const REFUSED_ROWS = /^(22...|23...|54001)$/;

/** Registers the routes. */
export const writeRoutes: FastifyPluginAsync<WriteDeps> = async (app, deps) => {
  for (const { path, stream } of WRITTEN) {
    const row = rowToWrite(stream);
    app.post(
      path,
      {
        bodyLimit: deps.bodyLimit,
        onRequest: async (request) => requireWriter(deps, request),
      },
      async (request, reply) => {
        requireUsable(deps.status, stream);
        const rows = parseRows(row, request.body);
        const ids = rows.length === 0 ? [] : await write(deps.db, stream, rows);
        return json(reply.code(201), JSON.stringify({ ids }));
      },
    );
  }
};

/**
 * Who may write: a write token; and, where no token is set and only this machine is listened to, any program on it, but no
 * page of another site.
 */
function requireWriter({ access, originAllowed, isLoopback }: WriteDeps, request: FastifyRequest): void {
  const { origin, 'content-type': type, 'content-encoding': encoding } = request.headers;
  // A page of another site may send forms and plain text without being asked; JSON it may not.
  if (!/^application\/json *(;|$)/i.test(type ?? ''))
    throw new Problem(415, `the content type ${shown(type ?? 'none')} is not accepted; send application/json`);
  if (encoding !== undefined && encoding !== 'identity')
    throw new Problem(415, `the content encoding ${shown(encoding)} is not accepted; send the rows as they are`);
  if (origin !== undefined && !originAllowed(origin, request))
    throw new Problem(
      403,
      `pages of ${shown(origin)} may not write here; DASHBOARD_ALLOWED_ORIGINS lists those that may`,
    );
  if (access.required) {
    if (access.checkWrite(request) === 'ok') return;
    if (access.checkAccess(request) === 'ok')
      throw new Problem(403, 'this token may read only; send one of DASHBOARD_WRITE_TOKENS');
    throw new Problem(401, 'a write token is needed: send "Authorization: Bearer SECRET"', {
      headers: { 'www-authenticate': 'Bearer realm="AlphaPulse dashboard"' },
    });
  }
  if (!isLoopback)
    throw new Problem(
      403,
      'nobody may write to a server that others can reach without a token; set DASHBOARD_WRITE_TOKENS',
    );
}

function parseRows(row: z.ZodType<NewRow>, body: unknown): readonly NewRow[] {
  if (!Array.isArray(body)) return [parseRow(row, body, [])];
  if (body.length > MOST_ROWS)
    throw badRequest([
      { path: 'body', message: `${body.length} rows are too many; send at most ${MOST_ROWS} at once` },
    ]);
  const faults: ProblemFault[] = [];
  const rows = body.flatMap((item: unknown, index) => {
    const parsed = row.safeParse(item);
    if (parsed.success) return [parsed.data];
    faults.push(...faultsOf(parsed.error, [index]));
    return [];
  });
  if (faults.length > 0) throw badRequest(faults.slice(0, MOST_FAULTS));
  return rows;
}

/** Faults of one answer at most: the first tell as much as a thousand. */
const MOST_FAULTS = 50;

function parseRow(row: z.ZodType<NewRow>, body: unknown, path: readonly number[]): NewRow {
  const parsed = row.safeParse(body);
  if (parsed.success) return parsed.data;
  throw badRequest(faultsOf(parsed.error, path));
}

function faultsOf(error: z.ZodError, at: readonly number[]): ProblemFault[] {
  return error.issues.map(({ path, message }) => ({ path: [...at, ...path.map(String)].join('.') || 'body', message }));
}

async function write(db: Database, stream: StreamDeclaration, rows: readonly NewRow[]): Promise<readonly number[]> {
  try {
    return await insertRows(db, stream, rows);
  } catch (error) {
    const code = errorCode(error);
    if (error instanceof Error && code !== undefined && REFUSED_ROWS.test(code))
      throw badRequest([{ path: 'body', message: `the table ${stream.table} does not take it: ${error.message}` }]);
    throw error;
  }
}
