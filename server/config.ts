/**
 * The only reader of the environment: turns variables and flags into one typed object, or into every fault at once. What
 * there is to set stands in `config/variables.ts`.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { userInfo } from 'node:os';
import type { Address, DatabaseConfig, DatabaseConnection, System } from './config/database.ts';
import { connectionOf, parseDatabaseUrl } from './config/database.ts';
import { ConfigError, Findings } from './config/faults.ts';
import {
  SHORTEST_SECRET,
  type TokenFile,
  TokenFileError,
  type TokenKind,
  type TokenSet,
  withTokenFiles,
} from './config/tokens.ts';
import type { OptionalSetting, Setting, SettingWithFallback } from './config/variables.ts';
import { SETTING_LIST, SETTINGS } from './config/variables.ts';

export type { DatabaseConfig, DatabaseConnection, TlsOptions } from './config/database.ts';
export { describeConnection } from './config/database.ts';
export { ConfigError, type Fault } from './config/faults.ts';
export type { Token, TokenFile, TokenSet } from './config/tokens.ts';

/** Bounds that a server sets for its clients (counts; bytes and ms where the name says so). */
export interface Limits {
  readonly pointsPerSubscription: number;
  readonly keysPerSubscription: number;
  readonly keysPerConnection: number;
  readonly subscriptionsPerConnection: number;
  readonly frameBytes: number;
  readonly framesPerSecond: number;
  readonly errorsPerMinute: number;
  readonly connectionsPerAddress: number;
  readonly connectionsPerToken: number;
  readonly pageRows: number;
  /** Bytes of a request that writes. */
  readonly bodyBytes: number;
  readonly replayRows: number;
  readonly replayBytes: number;
  readonly replayAgeMs: number;
}

/** Requests a minute, 0 for any number. */
export interface RequestBudgets {
  readonly readsPerAddress: number;
  readonly readsPerToken: number;
  readonly writesPerAddress: number;
  readonly writesPerToken: number;
  /** Wrong tokens from one address. */
  readonly failedSignIns: number;
}

/** How long a connection may keep the server waiting, in ms. */
export interface Timeouts {
  /** Until the head of a request has come, from the connection on. */
  readonly headersMs: number;
  /** Until all of a request has come. */
  readonly requestMs: number;
  /** Between requests. */
  readonly keepAliveMs: number;
  /** With nothing moving in either direction while a request is under way. */
  readonly idleMs: number;
}

/** What writes rows into the database from inside this program. */
export type DemoConfig =
  | { readonly kind: 'off' }
  | { readonly kind: 'market' }
  /** Another process on the same database writes them. */
  | { readonly kind: 'elsewhere' }
  /** A recording of funding rates; `speed` in recorded seconds a second, null for the replay's own. */
  | { readonly kind: 'replay'; readonly file: string; readonly speed: number | null };

/** Who may come in. `open`: everybody who reaches the server; there are no tokens then. */
export type AccessConfig =
  | { readonly kind: 'open'; readonly meant: boolean }
  | (TokenSet & {
      readonly kind: 'token';
      /** Where more tokens come from. */
      readonly files?: {
        /** The tokens of the variables alone. */
        readonly fixed: TokenSet;
        readonly list: readonly TokenFile[];
      };
    });

/** The whole configuration. */
export interface Config {
  readonly host: string;
  readonly port: number;
  /** Processes that serve behind the one port. */
  readonly workers: number;
  readonly debug: boolean;
  readonly database: DatabaseConfig;
  readonly poolSize: number;
  readonly statementTimeoutMs: number;
  /** Age in days from which rows of the dashboard's own tables are deleted; null for never. */
  readonly retentionDays: number | null;
  readonly tickMs: number;
  readonly heartbeatMs: number;
  readonly demo: DemoConfig;
  readonly access: AccessConfig;
  /** Origins allowed beside the server's own; `*` for any. */
  readonly allowedOrigins: readonly string[];
  readonly trustProxy: boolean | readonly string[];
  readonly limits: Limits;
  readonly budgets: RequestBudgets;
  readonly timeouts: Timeouts;
}

export type Environment = Readonly<Record<string, string | undefined>>;
/** Values of flags by name without dashes, as text (`{ port: '8051', debug: 'true' }`). */
export type Flags = Readonly<Record<string, string | undefined>>;

const REAL_SYSTEM: System = {
  readFile: (path) => readFileSync(path, 'utf8'),
  userName: () => userInfo().username,
  randomToken: () => randomBytes(24).toString('base64url'),
};

/**
 * Reads a configuration. Empty strings count as unset.
 *
 * @returns the configuration, and sentences about what works but perhaps not as meant.
 * @throws ConfigError with every fault at once; no message shows a secret.
 */
export function parseConfig(
  env: Environment,
  flags: Flags = {},
  system: System = REAL_SYSTEM,
): { config: Config; warnings: readonly string[] } {
  const findings = new Findings();
  const read = new Reader(env, flags, findings);
  const database = readDatabase(read, system, findings);
  const host = read.value(SETTINGS.host);
  const config: Config = {
    host,
    port: read.value(SETTINGS.port),
    workers: read.value(SETTINGS.workers),
    debug: read.value(SETTINGS.debug),
    database,
    poolSize: read.value(SETTINGS.poolSize),
    statementTimeoutMs: read.value(SETTINGS.statementTimeout),
    retentionDays: read.optional(SETTINGS.retention) ?? null,
    tickMs: read.value(SETTINGS.tick),
    heartbeatMs: read.value(SETTINGS.heartbeat),
    demo: readDemo(read, database.kind, findings),
    access: readAccess(read, host, system, findings),
    allowedOrigins: read.optional(SETTINGS.allowedOrigins) ?? [],
    trustProxy: read.value(SETTINGS.trustProxy),
    limits: {
      pointsPerSubscription: read.value(SETTINGS.maxPoints),
      keysPerSubscription: read.value(SETTINGS.maxKeysPerSubscription),
      keysPerConnection: read.value(SETTINGS.maxKeysPerConnection),
      subscriptionsPerConnection: read.value(SETTINGS.maxSubscriptions),
      frameBytes: read.value(SETTINGS.maxFrameBytes),
      framesPerSecond: read.value(SETTINGS.maxFramesPerSecond),
      errorsPerMinute: read.value(SETTINGS.maxErrorsPerMinute),
      connectionsPerAddress: read.value(SETTINGS.maxConnectionsPerAddress),
      connectionsPerToken: read.value(SETTINGS.maxConnectionsPerToken),
      pageRows: read.value(SETTINGS.maxPageRows),
      bodyBytes: read.value(SETTINGS.maxBodyBytes),
      replayRows: read.value(SETTINGS.maxReplayRows),
      replayBytes: read.value(SETTINGS.maxReplayBytes),
      replayAgeMs: read.value(SETTINGS.maxReplayAge),
    },
    budgets: {
      readsPerAddress: read.value(SETTINGS.maxReadsPerAddress),
      readsPerToken: read.value(SETTINGS.maxReadsPerToken),
      writesPerAddress: read.value(SETTINGS.maxWritesPerAddress),
      writesPerToken: read.value(SETTINGS.maxWritesPerToken),
      failedSignIns: read.value(SETTINGS.maxFailedSignIns),
    },
    timeouts: readTimeouts(read, findings),
  };
  warnOfStrangers(env, findings);
  if (findings.faults.length > 0) throw new ConfigError(findings.faults);
  return { config, warnings: findings.warnings };
}

/** Whether nobody but this machine reaches a server that listens at `host`. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/** Reads single settings; a fault is noted and the fallback stands in, so that the reading goes on. */
class Reader {
  readonly #env: Environment;
  readonly #flags: Flags;
  readonly #findings: Findings;

  constructor(env: Environment, flags: Flags, findings: Findings) {
    this.#env = env;
    this.#flags = flags;
    this.#findings = findings;
  }

  /** What a setting was set to and by which name, undefined where it was not. A flag goes before a variable. */
  raw({ variable, flag }: Setting<unknown>): { name: string; text: string } | undefined {
    const flagText = flag === null ? undefined : this.#flags[flag];
    if (flagText !== undefined) return { name: `--${flag}`, text: flagText };
    const text = variable === null ? undefined : this.#env[variable];
    return variable === null || text === undefined || text === '' ? undefined : { name: variable, text };
  }

  optional<T>(setting: OptionalSetting<T>): T | undefined {
    return this.#parse(setting);
  }

  value<T>(setting: SettingWithFallback<T>): T {
    return this.#parse(setting) ?? setting.kind.schema.parse(setting.fallback);
  }

  #parse<T>(setting: Setting<T>): T | undefined {
    const raw = this.raw(setting);
    if (raw === undefined) return undefined;
    const parsed = setting.kind.schema.safeParse(raw.text);
    if (parsed.success) return parsed.data;
    this.#findings.fault(raw.name, setting.secret ? null : raw.text, `accepted is ${setting.kind.accepted}`);
    return undefined;
  }
}

function readDatabase(read: Reader, system: System, findings: Findings): DatabaseConfig {
  const dataDir = read.value(SETTINGS.dataDir);
  const sslRootCert = read.optional(SETTINGS.sslCa);
  const tls: Address = { sslMode: read.value(SETTINGS.sslMode), sslRootCert };
  const fromUrl = (setting: OptionalSetting<string>): Address | null | undefined => {
    const url = read.optional(setting);
    const address = url === undefined ? undefined : parseDatabaseUrl(setting.variable ?? '', url, findings);
    return address
      ? { ...address, sslMode: address.sslMode ?? tls.sslMode, sslRootCert: address.sslRootCert ?? sslRootCert }
      : address;
  };
  const parts = [
    SETTINGS.databaseHost,
    SETTINGS.databasePort,
    SETTINGS.databaseName,
    SETTINGS.databaseUser,
    SETTINGS.databasePassword,
  ].flatMap((setting) => read.raw(setting)?.name ?? []);
  const variables: Address = {
    ...tls,
    host: read.optional(SETTINGS.databaseHost),
    port: read.optional(SETTINGS.databasePort),
    database: read.optional(SETTINGS.databaseName),
    user: read.optional(SETTINGS.databaseUser),
    password: read.optional(SETTINGS.databasePassword),
  };
  const url = fromUrl(SETTINGS.databaseUrl);
  const listenUrl = fromUrl(SETTINGS.listenUrl);
  if (url !== undefined && parts.length > 0)
    findings.warn(`DATABASE_URL is set, so ${parts.join(', ')} have no effect.`);
  // A URL with a fault was noted; the variables stand in for it until all faults are thrown.
  const address = url === undefined && parts.length > 0 ? variables : url;
  if (address === undefined) {
    const idle = [SETTINGS.sslMode, SETTINGS.sslCa, SETTINGS.listenUrl].flatMap(
      (setting) => read.raw(setting)?.name ?? [],
    );
    if (idle.length > 0)
      findings.warn(`No database is configured, so ${idle.join(', ')} have no effect on the embedded one.`);
    return { kind: 'embedded', dataDir };
  }
  const connect = (name: string, to: Address): DatabaseConnection =>
    connectionOf({ name, caName: to.sslRootCert === sslRootCert ? 'DB_SSL_CA' : name }, to, system, findings);
  const connection = connect(url === undefined ? 'DB_HOST' : 'DATABASE_URL', address ?? variables);
  const listen = listenUrl ? connect('DASHBOARD_LISTEN_URL', listenUrl) : connection;
  return { kind: 'external', connection, listen };
}

function readDemo(read: Reader, database: DatabaseConfig['kind'], findings: Findings): DemoConfig {
  const wanted = read.optional(SETTINGS.demo);
  const file = read.optional(SETTINGS.replay);
  const speed = read.optional(SETTINGS.speed);
  if (speed !== undefined && file === undefined)
    findings.fault('--speed', String(speed), 'has a meaning only beside --replay FILE');
  // Nobody's own database gets made-up rows unless that was said in so many words.
  const on = wanted ?? database === 'embedded';
  if (file === undefined) return { kind: on ? 'market' : 'off' };
  if (wanted === false)
    findings.fault('--replay', file, 'writes rows, which --no-demo or DASHBOARD_DEMO=false forbids');
  else if (!on)
    findings.fault('--replay', file, 'would write rows into the configured database; add --demo if that is meant');
  return { kind: 'replay', file, speed: speed ?? null };
}

function readTimeouts(read: Reader, findings: Findings): Timeouts {
  const headersMs = read.value(SETTINGS.headersTimeout);
  const requestMs = read.value(SETTINGS.requestTimeout);
  if (headersMs > requestMs) {
    const problem = `is more than DASHBOARD_REQUEST_TIMEOUT_SECONDS (${requestMs / 1000}), of which the head is a part`;
    findings.fault('DASHBOARD_HEADERS_TIMEOUT_SECONDS', String(headersMs / 1000), problem);
  }
  return {
    headersMs,
    requestMs,
    keepAliveMs: read.value(SETTINGS.keepAliveTimeout),
    idleMs: read.value(SETTINGS.idleTimeout),
  };
}

const TOKEN_SETTINGS = {
  viewTokens: { list: SETTINGS.viewTokens, file: SETTINGS.viewTokensFile },
  writeTokens: { list: SETTINGS.writeTokens, file: SETTINGS.writeTokensFile },
  displayTokens: { list: SETTINGS.displayTokens, file: SETTINGS.displayTokensFile },
} as const;
const TOKEN_KINDS = ['viewTokens', 'writeTokens', 'displayTokens'] as const satisfies readonly TokenKind[];

function readTokens(read: Reader, system: System, findings: Findings): AccessConfig {
  const displayTokens = read.optional(SETTINGS.displayTokens) ?? [];
  const fixed: TokenSet = {
    viewTokens: read.optional(SETTINGS.viewTokens) ?? [],
    writeTokens: read.optional(SETTINGS.writeTokens) ?? [],
    ...(displayTokens.length > 0 ? { displayTokens } : {}),
  };
  const files: TokenFile[] = [];
  let all = fixed;
  for (const kind of TOKEN_KINDS) {
    const { file: setting } = TOKEN_SETTINGS[kind];
    const path = read.optional(setting);
    if (path === undefined) continue;
    files.push({ kind, path });
    try {
      all = withTokenFiles(all, [{ kind, path }], system.readFile);
    } catch (error) {
      if (!(error instanceof TokenFileError)) throw error;
      findings.fault(setting.variable ?? kind, path, error.message);
    }
  }
  const tokens = TOKEN_KINDS.flatMap((kind) => all[kind] ?? []);
  if (tokens.length === 0) findings.warn('No token is set yet, so nobody can read until a file has one.');
  for (const token of tokens) {
    if ('secret' in token && token.secret.length < SHORTEST_SECRET)
      findings.warn(`The token of ${JSON.stringify(token.name)} is shorter than ${SHORTEST_SECRET} characters.`);
  }
  return { kind: 'token', ...all, ...(files.length > 0 ? { files: { fixed, list: files } } : {}) };
}

function readAccess(read: Reader, host: string, system: System, findings: Findings): AccessConfig {
  const auth = read.optional(SETTINGS.auth);
  const given = Object.values(TOKEN_SETTINGS).flatMap(({ list, file }) =>
    [list, file].flatMap((setting) => read.raw(setting)?.name ?? []),
  );
  if (auth === 'off') {
    if (given.length > 0) findings.warn(`DASHBOARD_AUTH is off, so ${given.join(' and ')} guard nothing.`);
    return { kind: 'open', meant: true };
  }
  if (given.length > 0) return readTokens(read, system, findings);
  const ready = `DASHBOARD_VIEW_TOKENS=me:${system.randomToken()}`;
  if (auth === 'token') findings.fault('DASHBOARD_AUTH', 'token', `no token is set; set for instance ${ready}`);
  else if (!isLoopback(host)) {
    const name = read.raw(SETTINGS.host)?.name ?? 'DASHBOARD_HOST';
    findings.fault(
      name,
      host,
      `is reachable from other machines and no token is set; set ${ready} (a fresh one), or DASHBOARD_AUTH=off where open access is meant`,
    );
  }
  return { kind: 'open', meant: false };
}

/** A misspelt variable would otherwise pass for a default. */
function warnOfStrangers(env: Environment, findings: Findings): void {
  const known = new Set(SETTING_LIST.map(({ variable }) => variable));
  for (const [name, text] of Object.entries(env)) {
    if (name.startsWith('DASHBOARD_') && text !== '' && text !== undefined && !known.has(name)) {
      findings.warn(`${name} is no setting of this program and has no effect.`);
    }
  }
}
