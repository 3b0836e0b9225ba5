/** Errors of the REST interface as problem documents (RFC 9457): what was wrong with which value, and what is accepted. */
import { STATUS_CODES } from 'node:http';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { errorCode, isDatabaseAway } from '../db/queryable.ts';
import { LimitError } from '../feed/ports.ts';
import { withoutToken } from './auth.ts';

/** One fault: where it is (a parameter's name), and a message with the value and what is accepted instead. */
export interface ProblemFault {
  readonly path: string;
  readonly message: string;
}

/** Thrown by a route to answer with a problem document. */
export class Problem extends Error {
  readonly status: number;
  readonly errors: readonly ProblemFault[];
  /** Further members of the document. */
  readonly members: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    detail: string,
    more: {
      errors?: readonly ProblemFault[];
      members?: Readonly<Record<string, string>>;
      headers?: Readonly<Record<string, string>>;
    } = {},
  ) {
    super(detail);
    this.name = 'Problem';
    this.status = status;
    this.errors = more.errors ?? [];
    this.members = more.members ?? {};
    this.headers = more.headers ?? {};
  }
}

/** A request with faults: all of them at once, told in the detail too for those who read no further. */
export function badRequest(errors: readonly ProblemFault[]): Problem {
  return new Problem(400, errors.map(({ path, message }) => `${path}: ${message}`).join('; '), { errors });
}

/** Seconds after which a client may ask again where something is away for now. */
export const RETRY_AFTER = { 'retry-after': '5' };
/** PostgreSQL: the statement timeout ended the query. */
const QUERY_CANCELED = '57014';
/** PostgreSQL: a table or column is not there, is of another type, or may not be read. */
const NOT_AS_DECLARED = new Set(['42P01', '42703', '42804', '42883', '42501', '42809']);

/** The problem that an error stands for; null for one that nobody foresaw. */
export function problemOf(error: unknown): Problem | null {
  if (error instanceof Problem) return error;
  if (error instanceof LimitError) return badRequest([{ path: 'points', message: error.message }]);
  if (isDatabaseAway(error)) {
    return new Problem(503, 'the database cannot be reached at the moment; the server goes on trying', {
      headers: RETRY_AFTER,
    });
  }
  const code = errorCode(error);
  if (code === QUERY_CANCELED) {
    return new Problem(503, 'the database took longer than is allowed; ask for fewer rows, keys or hours', {
      headers: RETRY_AFTER,
    });
  }
  if (code !== undefined && NOT_AS_DECLARED.has(code)) {
    return new Problem(
      503,
      'a table is missing, not readable or not as it should be; /api/health tells which and why',
      {
        headers: RETRY_AFTER,
      },
    );
  }
  return null;
}

function send(reply: FastifyReply, problem: Problem): FastifyReply {
  return reply
    .code(problem.status)
    .headers({ 'cache-control': 'no-store', ...problem.headers })
    .type('application/problem+json')
    .send(
      JSON.stringify({
        type: 'about:blank',
        title: STATUS_CODES[problem.status] ?? 'Error',
        status: problem.status,
        detail: problem.message,
        ...problem.members,
        errors: problem.errors,
      }),
    );
}

/** Answers any error as a problem document; the unforeseen ones are logged, and nothing of them is told. */
export function sendProblem(error: FastifyError | Error, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = problemOf(error);
  if (problem !== null) {
    if (problem.status >= 500) request.log.warn({ err: error }, 'a request could not be answered');
    return send(reply, problem);
  }
  const status = 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : 500;
  // What the framework says of a bad request names nothing of the inside, but may repeat an address with a token in it.
  if (status >= 400 && status < 500) return send(reply, new Problem(status, withoutToken(error.message)));
  request.log.error({ err: error }, 'a request failed');
  return send(reply, new Problem(500, `the server failed at this request; its log has the reason under ${request.id}`));
}

/** The same for requests that the framework refuses before any hook: the headers that those would set come along. */
export function sendFrameworkProblem(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  reply.headers({
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'x-content-type-options': 'nosniff',
  });
  return sendProblem(error, request, reply);
}

/**
 * Makes problem documents of all errors of an app, unknown addresses (404) and wrong methods (405) included. Call it
 * before the routes are registered: it learns from them which methods an address knows.
 */
export function installProblems(app: FastifyInstance): void {
  const routes: { readonly pattern: RegExp; readonly methods: readonly string[] }[] = [];
  app.addHook('onRoute', ({ url, method }) => {
    // The files of the page and the questions of other origins answer to any address there is.
    if (url !== '/*' && url !== '*') routes.push({ pattern: patternOf(url), methods: [method].flat() });
  });
  app.setErrorHandler(sendProblem);
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] ?? '';
    const methods = [...new Set(routes.filter(({ pattern }) => pattern.test(path)).flatMap((route) => route.methods))];
    if (methods.length > 0 && !methods.includes(request.method)) {
      const allow = methods.sort().join(', ');
      return send(
        reply,
        new Problem(405, `${request.method} is not answered at ${path}; accepted: ${allow}`, { headers: { allow } }),
      );
    }
    return send(reply, new Problem(404, `nothing is at ${path}; the interface is under /api, the page at /`));
  });
}

/** A route's address (`/api/streams/:stream/keys`, `/api/data/*`) as an expression for paths. */
function patternOf(url: string): RegExp {
  const source = url
    .split(/(:[A-Za-z_]\w*|\*)/)
    .map((part) => {
      if (part === '*') return '.*';
      return part.startsWith(':') ? '[^/]+' : part.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
    })
    .join('');
  return new RegExp(`^${source}$`);
}
