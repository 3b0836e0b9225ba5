/**
 * Everything that can be set from outside, in one table: the parser and `--help` both derive from it. An entry is a
 * variable, a flag, or a flag that overrides a variable.
 */
import type { Kind } from './kinds.ts';
import * as kind from './kinds.ts';

/** One thing that can be set. */
export interface Setting<T> {
  /** The environment's variable; null for what only a flag sets. */
  readonly variable: string | null;
  /** The flag's name without its dashes; null for what only the environment sets. */
  readonly flag: string | null;
  readonly kind: Kind<T>;
  /** What holds when it is not set, as it would be written; null for nothing. */
  readonly fallback: string | null;
  /** What `--help` prints where `fallback` is null. */
  readonly fallbackHelp: string;
  /** True where the value must never be shown. */
  readonly secret: boolean;
  readonly meaning: string;
}

/** A setting that always has a value. */
export interface SettingWithFallback<T> extends Setting<T> {
  readonly fallback: string;
}

/** A setting that may be absent. */
export interface OptionalSetting<T> extends Setting<T> {
  readonly fallback: null;
}

interface Extras {
  readonly flag?: string;
  readonly secret?: boolean;
}

function preset<T>(
  variable: string,
  kind: Kind<T>,
  fallback: string,
  meaning: string,
  { flag, secret }: Extras = {},
): SettingWithFallback<T> {
  return { variable, flag: flag ?? null, kind, fallback, fallbackHelp: fallback, secret: secret ?? false, meaning };
}

function optional<T>(
  variable: string | null,
  kind: Kind<T>,
  fallbackHelp: string,
  meaning: string,
  { flag, secret }: Extras = {},
): OptionalSetting<T> {
  return { variable, flag: flag ?? null, kind, fallback: null, fallbackHelp, secret: secret ?? false, meaning };
}

/** The modes of TLS that libpq knows, weakest first. */
export const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
export type SslMode = (typeof SSL_MODES)[number];

/** Whether access is by token, or open on purpose. */
export const AUTH_MODES = ['token', 'off'] as const;

const url = kind.text('a URL like postgres://user:password@host:5432/database?sslmode=require');
const seconds = kind.seconds;
const whole = kind.whole;
const tokenFile = kind.text('a file of name:secret or name:sha256:HEX lines; it is read again when it changes');

/** The settings. Order is the order of `--help`. */
export const SETTINGS = {
  databaseUrl: optional('DATABASE_URL', url, 'none', 'the database; wins over DB_*', { secret: true }),
  databaseHost: optional(
    'DB_HOST',
    kind.databaseHost,
    'localhost',
    'the database server; with none of DATABASE_URL, DB_HOST, DB_PORT, DB_NAME, DB_USER, DB_PASSWORD set, the embedded one',
  ),
  databasePort: optional('DB_PORT', whole(1, 65_535), '5432', 'its port'),
  databaseName: optional('DB_NAME', kind.text('the name of a database'), 'the user', 'the database on it'),
  databaseUser: optional('DB_USER', kind.text('the name of a user'), "the system's user", 'who to connect as'),
  databasePassword: optional('DB_PASSWORD', kind.text('a password'), 'none', 'with which password', { secret: true }),
  sslMode: preset(
    'DB_SSLMODE',
    kind.oneOf(SSL_MODES),
    'prefer',
    "TLS to the database, as libpq's sslmode; the URL's own wins",
  ),
  sslCa: optional(
    'DB_SSL_CA',
    kind.text('a file, or system'),
    "the system's",
    "PEM file of the authority that signed the database's certificate",
  ),
  listenUrl: optional(
    'DASHBOARD_LISTEN_URL',
    url,
    'the database',
    'direct connection where the main one goes through a pooler',
    {
      secret: true,
    },
  ),
  poolSize: preset('DASHBOARD_POOL_SIZE', whole(2, 500), '8', 'connections to the database'),
  statementTimeout: preset('DASHBOARD_STATEMENT_TIMEOUT_SECONDS', seconds(1, 3600), '15', 'longest query'),
  dataDir: preset('DASHBOARD_DATA_DIR', kind.text('a folder'), '.alphapulse', 'where the embedded database lives'),

  retention: optional(
    'DASHBOARD_RETENTION_DAYS',
    whole(7, 36_500),
    'off',
    'older rows are deleted, from plain tables that the dashboard made and from no others',
  ),

  host: preset('DASHBOARD_HOST', kind.hostName, '127.0.0.1', 'address to listen at', { flag: 'host' }),
  port: preset('DASHBOARD_PORT', whole(0, 65_535), '8050', 'port to listen at, 0 for any free one', { flag: 'port' }),
  workers: preset(
    'DASHBOARD_WORKERS',
    whole(1, 256),
    '1',
    'processes that serve, for machines with several cores; each has a pool and limits of its own',
    { flag: 'workers' },
  ),
  debug: preset('DASHBOARD_DEBUG', kind.bool, 'false', 'debug logs', { flag: 'debug' }),
  tick: preset(
    'DASHBOARD_TICK_SECONDS',
    seconds(1, 60),
    '10',
    'how often every table is looked at, whatever was notified',
  ),
  heartbeat: preset(
    'DASHBOARD_HEARTBEAT_SECONDS',
    seconds(0.1, 60),
    '5',
    "how often a feed's client hears from the server",
  ),

  demo: optional('DASHBOARD_DEMO', kind.bool, 'true for the embedded database', 'a simulated market writes rows', {
    flag: 'demo',
  }),
  replay: optional(
    null,
    kind.text('a CSV file'),
    'none',
    'play recorded funding rates instead (timestamp,symbol,exchange,funding_rate; .gz too)',
    {
      flag: 'replay',
    },
  ),
  speed: optional(null, kind.decimal(0.001, 1_000_000), '600', 'seconds of the recording a second', {
    flag: 'speed',
  }),

  viewTokens: optional('DASHBOARD_VIEW_TOKENS', kind.tokens, 'none', 'who may read: name:secret,...', { secret: true }),
  writeTokens: optional('DASHBOARD_WRITE_TOKENS', kind.tokens, 'none', 'who may write, and read: name:secret,...', {
    secret: true,
  }),
  displayTokens: optional(
    'DASHBOARD_DISPLAY_TOKENS',
    kind.tokens,
    'none',
    'which screens may read without ever signing in again: name:secret,...',
    { secret: true },
  ),
  viewTokensFile: optional('DASHBOARD_VIEW_TOKENS_FILE', tokenFile, 'none', 'more who may read, one a line'),
  writeTokensFile: optional('DASHBOARD_WRITE_TOKENS_FILE', tokenFile, 'none', 'more who may write, one a line'),
  displayTokensFile: optional('DASHBOARD_DISPLAY_TOKENS_FILE', tokenFile, 'none', 'more screens, one a line'),
  auth: optional(
    'DASHBOARD_AUTH',
    kind.oneOf(AUTH_MODES),
    'token where one is set',
    'off says that open access is meant',
  ),
  allowedOrigins: optional(
    'DASHBOARD_ALLOWED_ORIGINS',
    kind.origins,
    "the server's own",
    'origins whose pages may use the feed and the API',
  ),
  trustProxy: preset('DASHBOARD_TRUST_PROXY', kind.proxies, 'false', 'whose X-Forwarded-* headers are believed'),

  maxPoints: preset(
    'DASHBOARD_MAX_POINTS',
    whole(1000, 50_000_000),
    '500000',
    'points (keys x buckets) of one subscription or chart',
  ),
  maxKeysPerSubscription: preset(
    'DASHBOARD_MAX_KEYS_PER_SUBSCRIPTION',
    whole(1, 1_000_000),
    '1000',
    'keys of one subscription',
  ),
  maxKeysPerConnection: preset(
    'DASHBOARD_MAX_KEYS_PER_CONNECTION',
    whole(1, 10_000_000),
    '10000',
    'keys of one connection in all',
  ),
  maxSubscriptions: preset('DASHBOARD_MAX_SUBSCRIPTIONS', whole(1, 100_000), '64', 'subscriptions of one connection'),
  maxFrameBytes: preset(
    'DASHBOARD_MAX_FRAME_BYTES',
    whole(1024, 16_777_216),
    '65536',
    'bytes of a frame that a client sends',
  ),
  maxFramesPerSecond: preset(
    'DASHBOARD_MAX_FRAMES_PER_SECOND',
    whole(1, 100_000),
    '50',
    'frames a second that a client sends',
  ),
  maxErrorsPerMinute: preset(
    'DASHBOARD_MAX_ERRORS_PER_MINUTE',
    whole(1, 100_000),
    '20',
    'faulty frames a minute before a client is closed',
  ),
  maxConnectionsPerAddress: preset(
    'DASHBOARD_MAX_CONNECTIONS_PER_ADDRESS',
    whole(1, 1_000_000),
    '200',
    "feed connections from one client's address",
  ),
  maxConnectionsPerToken: preset(
    'DASHBOARD_MAX_CONNECTIONS_PER_TOKEN',
    whole(0, 1_000_000),
    '1000',
    'feed connections with one token, 0 for any number',
  ),
  maxReadsPerAddress: preset(
    'DASHBOARD_MAX_READS_PER_ADDRESS',
    whole(0, 100_000_000),
    '6000',
    "requests of the API a minute that read, from one client's address, 0 for any number",
  ),
  maxReadsPerToken: preset('DASHBOARD_MAX_READS_PER_TOKEN', whole(0, 100_000_000), '12000', 'the same with one token'),
  maxWritesPerAddress: preset(
    'DASHBOARD_MAX_WRITES_PER_ADDRESS',
    whole(0, 100_000_000),
    '6000',
    "requests of the API a minute that write, from one client's address, 0 for any number",
  ),
  maxWritesPerToken: preset(
    'DASHBOARD_MAX_WRITES_PER_TOKEN',
    whole(0, 100_000_000),
    '12000',
    'the same with one token',
  ),
  maxFailedSignIns: preset(
    'DASHBOARD_MAX_FAILED_SIGN_INS',
    whole(0, 1_000_000),
    '20',
    "wrong tokens a minute from one client's address before it has to wait, 0 for any number",
  ),
  headersTimeout: preset(
    'DASHBOARD_HEADERS_TIMEOUT_SECONDS',
    seconds(0.1, 3600),
    '10',
    'how long the head of a request may take, from the connection on',
  ),
  requestTimeout: preset(
    'DASHBOARD_REQUEST_TIMEOUT_SECONDS',
    seconds(0.1, 3600),
    '30',
    'how long a whole request may take to arrive',
  ),
  keepAliveTimeout: preset(
    'DASHBOARD_KEEP_ALIVE_SECONDS',
    seconds(0.1, 3600),
    '72',
    'how long a connection without a request stays open; above what a proxy in front keeps its own',
  ),
  idleTimeout: preset(
    'DASHBOARD_IDLE_TIMEOUT_SECONDS',
    seconds(0.1, 86_400),
    '120',
    'how long a request or an answer may stand still before its connection is cut; the feed has deadlines of its own',
  ),
  maxPageRows: preset('DASHBOARD_MAX_PAGE_ROWS', whole(1, 1_000_000), '10000', 'rows of one page of the API'),
  maxBodyBytes: preset(
    'DASHBOARD_MAX_BODY_BYTES',
    whole(1024, 1_073_741_824),
    '4194304',
    'bytes of a request that writes rows',
  ),
  maxReplayRows: preset(
    'DASHBOARD_MAX_REPLAY_ROWS',
    whole(0, 100_000_000),
    '100000',
    'rows that a resuming client is sent anew',
  ),
  maxReplayBytes: preset(
    'DASHBOARD_MAX_REPLAY_BYTES',
    whole(0, 17_179_869_184),
    '67108864',
    'bytes of frames kept for resuming clients',
  ),
  maxReplayAge: preset(
    'DASHBOARD_MAX_REPLAY_AGE_SECONDS',
    seconds(0, 604_800),
    '3600',
    'age of the oldest cursor that is resumed from',
  ),
} as const;

/** Every setting, for help and for finding misspelt variables. */
export const SETTING_LIST: readonly Setting<unknown>[] = Object.values(SETTINGS);
