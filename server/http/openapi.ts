/** The REST interface as an OpenAPI 3.1 document at /api/openapi.json, made from the very schemas that parse its requests. */
import { STATUS_CODES } from 'node:http';
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { ANSWERS } from './answers.ts';
import { SESSION_COOKIE } from './auth.ts';
import { isJson, type Json, mapObject, schemaOf } from './json-schema.ts';
import { EXAMPLES } from './openapi-examples.ts';
import { type Answer, type Operation, type OperationLimits, operations, TAGS } from './openapi-operations.ts';
import { STANDING_OPERATIONS } from './openapi-standing.ts';

/** What the document tells of this server. */
export interface OpenApiAbout {
  readonly version: string;
  readonly limits: OperationLimits;
  /** Whether a token is needed. */
  readonly guarded: boolean;
}

/** Registers the route. It is guarded as everything is that is read. */
export const openApiRoutes: FastifyPluginAsync<OpenApiAbout> = async (app, about) => {
  app.get('/api/openapi.json', async (request, reply) => {
    reply.header('cache-control', 'no-cache');
    return openApiDocument(about, originOf(request));
  });
};

/** The address that a request reached the server at, without a path. */
export function originOf(request: FastifyRequest): string {
  return `${request.protocol}://${request.host}`;
}

/** All that is documented, in the order of the document. */
export function allOperations(limits: OperationLimits): readonly Operation[] {
  return [...operations(limits), ...STANDING_OPERATIONS];
}

/** The document for a server that is reached at an address (`http://127.0.0.1:8050`). */
export function openApiDocument({ version, limits, guarded }: OpenApiAbout, origin: string): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const operation of allOperations(limits)) {
    const path = paths[operation.path] ?? {};
    path[operation.method] = describeOperation(operation, guarded);
    paths[operation.path] = path;
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'AlphaPulse Dashboard: rows, charts and health over HTTP',
      version,
      description:
        'Times come out as epoch milliseconds and go in as those or as ISO 8601. Decimals keep their digits; NaN and the ' +
        'infinities are strings. Errors are problem documents (RFC 9457). Every address that answers GET answers HEAD too. ' +
        'The live feed is described by /api/asyncapi.json.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: origin }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: mapObject(ANSWERS, (_name, schema) => schemaOf(schema, 'draft-2020-12')),
      responses: {
        Problem: {
          description: 'What was wrong, and what is accepted instead.',
          content: {
            'application/problem+json': {
              schema: { $ref: '#/components/schemas/Problem' },
              examples: { limit: { value: EXAMPLES.problem } },
            },
          },
        },
      },
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'A token, where the server asks for one.' },
        cookie: {
          type: 'apiKey',
          in: 'cookie',
          name: SESSION_COOKIE,
          description: 'Set by a link to a page with ?token=.',
        },
      },
    },
  };
}

/** A token is needed, may be sent, or is nothing to this operation. */
function securityOf({ access, path }: Operation, guarded: boolean): readonly Json[] {
  const either = [{ bearer: [] }, { cookie: [] }];
  if (access === 'open') return path === '/api/health' ? [{}, ...either] : [];
  return guarded ? either : [{}, ...either];
}

function describeOperation(operation: Operation, guarded: boolean): Json {
  const { tag, summary, description, body, method, path } = operation;
  const parameters = [...pathParameters(operation), ...queryParameters(operation)];
  return {
    operationId: operationId(method, path),
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    security: securityOf(operation, guarded),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: requestBody(body) }),
    responses: {
      ...mapObject(operation.answers, (_status, answer) => response(answer, operation)),
      ...Object.fromEntries(problemStatuses(operation, guarded).map((status) => [status, problemResponse(status)])),
    },
  };
}

/** `getApiStreamsStreamRows`. */
function operationId(method: string, path: string): string {
  const words = path.split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
  return (
    method + (words.length === 0 ? ['page'] : words).map((word) => `${word[0]?.toUpperCase()}${word.slice(1)}`).join('')
  );
}

function pathParameters({ parameters = {} }: Operation): readonly Json[] {
  return Object.entries(parameters).map(([name, { words, schema, example }]) => ({
    name,
    in: 'path',
    required: true,
    description: words,
    schema,
    example,
  }));
}

function queryParameters({ query }: Operation): readonly Json[] {
  if (query === undefined) return [];
  const { properties } = schemaOf(query.schema, 'draft-2020-12');
  if (!isJson(properties)) throw new Error('a query has no properties');
  return Object.entries(properties).map(([name, schema]) => {
    const isRequired = query.schema.shape[name]?.safeParse(undefined).success === false;
    return {
      name,
      in: 'query',
      ...(isRequired || query.required?.includes(name) ? { required: true } : {}),
      description: query.words[name],
      schema,
    };
  });
}

function requestBody({ words, schema, many, example }: NonNullable<Operation['body']>): Json {
  const row = schemaOf(schema, 'draft-2020-12');
  return {
    required: true,
    description: words,
    content: {
      'application/json': {
        schema: many === 1 ? row : { oneOf: [row, { type: 'array', items: row, maxItems: many }] },
        examples: { usual: { value: example } },
      },
    },
  };
}

function response(answer: Answer, { query }: Operation): Json {
  const description = answer.words;
  if ('type' in answer) return { description, content: { [answer.type]: { schema: { type: 'string' } } } };
  if (!('schema' in answer)) return { description };
  const { schema, example } = answer;
  const isCsvToo = query?.schema.shape.format !== undefined;
  return {
    description,
    content: {
      'application/json': {
        schema: { $ref: `#/components/schemas/${schema}` },
        ...(example === undefined ? {} : { examples: { usual: { value: example } } }),
      },
      ...(isCsvToo ? { 'text/csv': { schema: { type: 'string' } } } : {}),
    },
  };
}

/** Statuses of problems: those of the operation, and those that any route may answer. */
function problemStatuses({ access, problems = [], answers }: Operation, guarded: boolean): readonly number[] {
  const guard = guarded && access !== 'open' ? [401] : [];
  return [...new Set([...guard, ...problems, 421, 500])]
    .filter((status) => answers[status] === undefined)
    .sort((a, b) => a - b);
}

const PROBLEM_WORDS: Readonly<Record<number, string>> = {
  401: 'A token is needed.',
  403: 'This caller may not do that.',
  421: 'The host name does not belong to this server, which listens to its own machine only.',
  503: 'The database is away or took too long (`retry-after` says when to ask again), or the stream is off.',
};

function problemResponse(status: number): Json {
  const words = PROBLEM_WORDS[status];
  return words === undefined
    ? { $ref: '#/components/responses/Problem', description: STATUS_CODES[status] ?? 'A problem.' }
    : {
        description: words,
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      };
}
