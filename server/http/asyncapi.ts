/** The feed as an AsyncAPI 3.0 document at /api/asyncapi.json, made from the very schemas that parse its frames. */
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { bundleFrame } from '../../shared/bundle.ts';
import { BOUNDS, CLIENT_FRAMES, CLOSE, PROTOCOL_VERSION, serverFrame } from '../../shared/protocol.ts';
import { RANGE_HELP } from '../../shared/range.ts';
import { rowSchema } from '../../shared/row-schema.ts';
import { STREAM_NAMES } from '../../shared/streams.ts';
import type { Limits } from '../config.ts';
import {
  BUNDLE_WORDS,
  CLIENT_FRAME_WORDS,
  CLOSE_WORDS,
  ERROR_WORDS,
  SERVER_FRAME_WORDS,
  WEBSOCKET_CLOSE_WORDS,
} from './asyncapi-frames.ts';
import { SESSION_COOKIE } from './auth.ts';
import { isJson, type Json, mapObject, schemaOf } from './json-schema.ts';

/** What the document tells of this server. */
export interface AsyncApiAbout {
  readonly version: string;
  readonly limits: Limits;
}

/** Registers the route. It is guarded as everything is that is read. */
export const asyncApiRoutes: FastifyPluginAsync<AsyncApiAbout> = async (app, about) => {
  app.get('/api/asyncapi.json', async (request, reply) => {
    reply.header('cache-control', 'no-cache');
    return asyncApiDocument(about, addressOf(request));
  });
};

/** Where a request reached the server. */
export function addressOf(request: FastifyRequest): { host: string; secure: boolean } {
  return { host: request.host, secure: request.protocol === 'https' };
}

/** The document for a server that is reached at an address. */
export function asyncApiDocument({ version, limits }: AsyncApiAbout, server: { host: string; secure: boolean }): Json {
  const client = clientSchemas(limits);
  const single = serverSchemas();
  const sent = { ...single, bundle: bundleSchema(Object.keys(single)) };
  const schemas = { ...client, ...sent };
  const words = { ...CLIENT_FRAME_WORDS, ...SERVER_FRAME_WORDS, bundle: BUNDLE_WORDS };
  const messages = mapObject(schemas, (name) => ({ $ref: `#/components/messages/${name}` }));
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'AlphaPulse Dashboard: the feed',
      version,
      description:
        'One WebSocket. Rows that are committed to PostgreSQL reach every subscriber exactly once, as JSON objects, one a text frame or, where that is asked for, several. ' +
        'The rules F1 to F16 that the descriptions name are in docs/feed.md.',
      license: { name: 'MIT' },
    },
    defaultContentType: 'application/json',
    servers: {
      here: {
        host: server.host,
        protocol: server.secure ? 'wss' : 'ws',
        security: Object.keys(SECURITY).map((name) => ({ $ref: `#/components/securitySchemes/${name}` })),
      },
    },
    channels: {
      feed: {
        address: '/feed',
        title: 'The feed',
        description:
          'A connection. What the query string asks for is subscribed to at once, each subscription with its stream for an id.',
        servers: [{ $ref: '#/servers/here' }],
        messages,
        bindings: { ws: { method: 'GET', query: querySchema(schemas.subscribe), bindingVersion: '0.1.0' } },
        'x-close-codes': closeCodes(),
        'x-limits': limitsOf(limits),
      },
    },
    operations: operations(Object.keys(sent)),
    components: {
      messages: mapObject(words, (name, { summary, example }) => ({
        name,
        title: name,
        summary,
        contentType: 'application/json',
        payload: { $ref: `#/components/schemas/${name}` },
        examples: [{ payload: example }],
      })),
      schemas: { ...schemas, ...rowSchemas() },
      securitySchemes: SECURITY,
    },
  };
}

const SECURITY = {
  bearer: { type: 'http', scheme: 'bearer', description: 'A token, where the server asks for one.' },
  link: { type: 'httpApiKey', in: 'query', name: 'token', description: 'The same in the address.' },
  cookie: {
    type: 'httpApiKey',
    in: 'cookie',
    name: SESSION_COOKIE,
    description: 'Set by the form at /sign-in, and by a link to a page with ?token=.',
  },
} as const;

function memberOf(schema: Json, name: string): Json {
  const member = schema[name];
  if (!isJson(member)) throw new Error(`the schema has no object ${name}: ${JSON.stringify(schema).slice(0, 200)}`);
  return member;
}

/** Puts the words of each field, and what more is known of it, into an object's schema. */
function described(
  schema: Json,
  fields: Readonly<Record<string, string>>,
  more: Readonly<Record<string, Json>> = {},
): Json {
  const properties = mapObject(memberOf(schema, 'properties'), (name, field) => ({
    ...(isJson(field) ? field : {}),
    ...(fields[name] === undefined ? {} : { description: fields[name] }),
    ...more[name],
  }));
  return { ...schema, properties };
}

function clientSchemas(limits: Limits): { readonly subscribe: Json; readonly unsubscribe: Json; readonly ping: Json } {
  const { least, most, usual } = BOUNDS.points;
  // What the parser leaves to later steps, so that each has an error code of its own.
  const more = {
    stream: { enum: STREAM_NAMES },
    keys: { maxItems: limits.keysPerSubscription },
    range: { pattern: '^(latest|[1-9][0-9]{0,4}[mhd])$', 'x-accepted': RANGE_HELP },
    points: { type: 'integer', minimum: least, maximum: most, default: usual },
    bucket_ms: { minimum: 1 },
    detail: { default: 'full' },
  };
  return {
    subscribe: described(schemaOf(CLIENT_FRAMES.subscribe, 'draft-7'), CLIENT_FRAME_WORDS.subscribe.fields, more),
    unsubscribe: described(schemaOf(CLIENT_FRAMES.unsubscribe, 'draft-7'), CLIENT_FRAME_WORDS.unsubscribe.fields),
    ping: described(schemaOf(CLIENT_FRAMES.ping, 'draft-7'), CLIENT_FRAME_WORDS.ping.fields),
  };
}

/** The server's frames by type, out of the union that parses them. */
function serverSchemas(): Readonly<Record<string, Json>> {
  const byType = new Map<string, Json>();
  for (const option of serverFrame.def.options) {
    const schema = schemaOf(option, 'draft-7');
    const { const: type } = memberOf(memberOf(schema, 'properties'), 'type');
    byType.set(String(type), schema);
  }
  return mapObject(SERVER_FRAME_WORDS, (type, { fields }) => {
    const schema = byType.get(type);
    if (schema === undefined) throw new Error(`no frame ${type} is parsed`);
    if (type === 'error') return described(schema, fields, { code: { 'x-codes': ERROR_WORDS } });
    return type === 'delta' ? withRows(described(schema, fields)) : described(schema, fields);
  });
}

/** A bundle of frames of these types but those that come by themselves. */
function bundleSchema(types: readonly string[]): Json {
  const bundled = types
    .filter((type) => type !== 'hello' && type !== 'snapshot')
    .map((type) => ({ $ref: `#/components/schemas/${type}` }));
  const more = { frames: { type: 'array', minItems: 2, items: { oneOf: bundled } } };
  return described(schemaOf(bundleFrame, 'draft-7'), BUNDLE_WORDS.fields, more);
}

/** A delta's rows are its stream's: the check that zod makes beside the shape, as JSON Schema says it. */
function withRows(delta: Json): Json {
  const rules = STREAM_NAMES.map((stream) => ({
    if: { properties: { stream: { const: stream } } },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema, in a plain document that nobody awaits.
    then: { properties: { rows: { items: { $ref: `#/components/schemas/${rowName(stream)}` } } } },
  }));
  return { ...delta, allOf: rules };
}

const rowName = (stream: string): string => `${stream}_row`;

function rowSchemas(): Json {
  return Object.fromEntries(STREAM_NAMES.map((stream) => [rowName(stream), schemaOf(rowSchema(stream), 'draft-7')]));
}

/** The query string: the same fields as a subscribe frame, with lists written with commas. */
function querySchema(subscribe: Json): Json {
  const { range, points, since, detail } = memberOf(subscribe, 'properties');
  const list = { type: 'string', pattern: '^[^,]+(,[^,]+)*$' };
  return {
    type: 'object',
    properties: {
      streams: { ...list, description: `Streams to subscribe to, by commas: ${STREAM_NAMES.join(', ')}.` },
      keys: { ...list, description: 'Keys, by commas, for each of the streams; absent: every key.' },
      range,
      points,
      detail,
      since,
      subscribe: { type: 'string', description: 'A subscribe frame as it would be sent, in JSON; any number of them.' },
      protocol: { type: 'string', const: String(PROTOCOL_VERSION), description: 'The version that the client speaks.' },
      token: { type: 'string', description: 'A token, where the client cannot send headers.' },
      bundle: { type: 'string', const: '1', description: 'Several frames may come as one message, a `bundle` (F16).' },
    },
  };
}

function closeCodes(): Json {
  const own = Object.entries(CLOSE_WORDS).map(([name, words]) => {
    const code = Object.entries(CLOSE).find(([known]) => known === name)?.[1];
    return [String(code), words] as const;
  });
  return { ...Object.fromEntries(own), ...WEBSOCKET_CLOSE_WORDS };
}

function limitsOf(limits: Limits): Json {
  return {
    frame_bytes: limits.frameBytes,
    frames_per_second: limits.framesPerSecond,
    errors_per_minute: limits.errorsPerMinute,
    subscriptions: limits.subscriptionsPerConnection,
    keys_per_subscription: limits.keysPerSubscription,
    keys_per_connection: limits.keysPerConnection,
    points_per_subscription: limits.pointsPerSubscription,
    connections_per_address: limits.connectionsPerAddress,
    connections_per_token: limits.connectionsPerToken,
  };
}

/** What goes which way. `receive` is what the server receives: AsyncAPI tells it from the described program's side. */
function operations(sent: readonly string[]): Json {
  const channel = { $ref: '#/channels/feed' };
  const message = (name: string): Json => ({ $ref: `#/channels/feed/messages/${name}` });
  const taking = (name: string, summary: string, answers: readonly string[]): Json => ({
    action: 'receive',
    channel,
    summary,
    messages: [message(name)],
    reply: { channel, messages: answers.map(message) },
  });
  const { subscribe, unsubscribe, ping } = CLIENT_FRAME_WORDS;
  return {
    send: { action: 'send', channel, summary: 'All that the server sends.', messages: sent.map(message) },
    subscribe: taking('subscribe', subscribe.summary, ['subscribed', 'snapshot', 'delta', 'gap', 'synced', 'error']),
    unsubscribe: taking('unsubscribe', unsubscribe.summary, ['unsubscribed', 'error']),
    ping: taking('ping', ping.summary, ['pong', 'error']),
  };
}
