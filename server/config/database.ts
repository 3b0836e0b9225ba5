/**
 * Where the database is: a URL or the DB_ variables, read as libpq reads its own, into the plain object that node-postgres
 * takes.
 *
 * TLS, by `sslmode`: `disable` is plain. `allow` and `prefer` take TLS where the server offers it and plain where not,
 * without looking at the certificate; node-postgres has no such mode, so `tlsIfOffered` is set and whoever connects asks
 * the server first. `require` is TLS without a look at the certificate, unless an authority is given, which makes it
 * `verify-ca`, as in libpq. `verify-ca` and `verify-full` check against the given authority or, without one, against
 * Node's own list (where libpq would look for ~/.postgresql/root.crt).
 */
import { messageOf } from '../errors.ts';
import type { Findings } from './faults.ts';
import { SSL_MODES, type SslMode } from './variables.ts';

/** Options of TLS, as Node's `tls.connect` takes them. */
export interface TlsOptions {
  readonly rejectUnauthorized: boolean;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** Set where the certificate's name does not matter (`verify-ca`). */
  readonly checkServerIdentity?: () => undefined;
}

/** How to connect, in the words of node-postgres. */
export interface DatabaseConnection {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  /** Absent: node-postgres looks into the password file, as libpq does. */
  readonly password?: string;
  readonly ssl: false | TlsOptions;
  /** True for `allow` and `prefer`: `ssl` is to be used where the server offers TLS, else none. */
  readonly tlsIfOffered: boolean;
  readonly options?: string;
  readonly connectionTimeoutMillis?: number;
}

/** The database: our own, or one that is there already. */
export type DatabaseConfig =
  | { readonly kind: 'embedded'; readonly dataDir: string }
  | {
      readonly kind: 'external';
      readonly connection: DatabaseConnection;
      /** The connection that listens; the same unless a pooler stands in between. */
      readonly listen: DatabaseConnection;
    };

/** What is asked of the system while a configuration is read. */
export interface System {
  /** The text of a file; throws where it cannot be read. */
  readFile(path: string): string;
  /** The name of the user whom this process runs as. */
  userName(): string;
  /** A fresh secret for a token. */
  randomToken(): string;
}

/** The parts of an address, each as it was written. */
export interface Address {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly database?: string | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly sslMode?: SslMode | undefined;
  readonly sslRootCert?: string | undefined;
  readonly sslCert?: string | undefined;
  readonly sslKey?: string | undefined;
  readonly options?: string | undefined;
  readonly connectTimeoutMs?: number | undefined;
}

/** The names under which faults of an address are reported: the address's own, and that of its certificate authority. */
export interface Source {
  readonly name: string;
  readonly caName: string;
}

/** Fills an address up with libpq's defaults and reads the files that it names. */
export function connectionOf(source: Source, address: Address, system: System, findings: Findings): DatabaseConnection {
  const user = address.user ?? system.userName();
  const host = address.host ?? 'localhost';
  const mode = address.sslMode ?? 'prefer';
  // libpq never asks for TLS on a Unix socket.
  const plain = mode === 'disable' || host.startsWith('/');
  return {
    host,
    port: address.port ?? 5432,
    database: address.database ?? user,
    user,
    ...(address.password === undefined ? {} : { password: address.password }),
    ssl: plain ? false : tlsOf(source, mode, address, system, findings),
    tlsIfOffered: !plain && (mode === 'allow' || mode === 'prefer'),
    ...(address.options === undefined ? {} : { options: address.options }),
    ...(address.connectTimeoutMs === undefined ? {} : { connectionTimeoutMillis: address.connectTimeoutMs }),
  };
}

function tlsOf(source: Source, mode: SslMode, address: Address, system: System, findings: Findings): TlsOptions {
  const read = (name: string, what: string, path: string | undefined): string | undefined => {
    if (path === undefined) return undefined;
    try {
      return system.readFile(path);
    } catch (error) {
      findings.fault(name, path, `the ${what} cannot be read (${messageOf(error)})`);
      return undefined;
    }
  };
  // `system` is libpq's word for the authorities that the machine trusts, which is what no `ca` means to Node.
  const ca = read(
    source.caName,
    'certificate authority',
    address.sslRootCert === 'system' ? undefined : address.sslRootCert,
  );
  const cert = read(source.name, 'client certificate', address.sslCert);
  const key = read(source.name, 'client key', address.sslKey);
  const verifies =
    mode === 'verify-ca' || mode === 'verify-full' || (mode === 'require' && address.sslRootCert !== undefined);
  return {
    rejectUnauthorized: verifies,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(verifies && mode !== 'verify-full' ? { checkServerIdentity: () => undefined } : {}),
  };
}

const URL_HELP =
  'accepted is postgres://user:password@host:5432/database?sslmode=require, special characters percent-encoded (@ is %40, / is %2F)';
/** Parameters of a URL that are understood. */
const URL_PARAMETERS = [
  'host',
  'port',
  'dbname',
  'user',
  'password',
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'options',
  'connect_timeout',
] as const;
/** Parameters that are harmless to leave out, so that nobody is warned of them. */
const URL_IGNORED: ReadonlySet<string> = new Set(['application_name', 'fallback_application_name', 'gssencmode']);

/**
 * Parses a database URL; `postgresql+asyncpg://` and its like, which the pipeline's Python libraries write, are taken for
 * `postgresql://`. Null, and a fault that shows no password, where it is none.
 */
export function parseDatabaseUrl(name: string, text: string, findings: Findings): Address | null {
  // The URL standard knows no empty host behind a user name, libpq does: `postgres://me@/db?host=/run/postgresql`.
  const filled = text.replace(/^([a-z+\d]+:\/\/[^/?#]*@)(?=[/?]|$)/i, '$1%20');
  const parsed = /^postgres(ql)?(\+[a-z\d]+)?:\/\//i.test(text) && URL.canParse(filled) ? new URL(filled) : null;
  if (parsed === null || isTorn(parsed)) {
    findings.fault(name, null, `is no URL of a PostgreSQL database (its value is not shown); ${URL_HELP}`);
    return null;
  }
  const shown = redacted(parsed);
  let broken = false;
  const decode = (part: string): string | undefined => {
    if (part === '' || part === '%20') return undefined;
    try {
      return decodeURIComponent(part);
    } catch (error) {
      if (!(error instanceof URIError)) throw error;
      broken = true;
      return undefined;
    }
  };
  const parameter = (key: (typeof URL_PARAMETERS)[number]): string | undefined =>
    parsed.searchParams.get(key) || undefined;
  const host = parameter('host') ?? decode(parsed.hostname.replace(/^\[|\]$/g, ''));
  const port = parameter('port') ?? decode(parsed.port);
  const timeout = parameter('connect_timeout');
  const address = {
    host,
    port: port === undefined ? undefined : Number(port),
    database: parameter('dbname') ?? decode(parsed.pathname.slice(1)),
    user: parameter('user') ?? decode(parsed.username),
    password: parameter('password') ?? decode(parsed.password),
    sslMode: sslModeOf(name, parameter('sslmode'), findings),
    sslRootCert: parameter('sslrootcert'),
    sslCert: parameter('sslcert'),
    sslKey: parameter('sslkey'),
    options: parameter('options'),
    connectTimeoutMs: timeout === undefined ? undefined : Number(timeout) * 1000,
  };
  if (broken) findings.fault(name, shown, `a % stands before something that is no code; ${URL_HELP}`);
  if (host?.includes(',')) findings.fault(name, shown, 'names several hosts; accepted is one');
  if (port !== undefined && !(Number.isInteger(address.port) && Number(port) >= 1 && Number(port) <= 65_535)) {
    findings.fault(name, shown, `port ${JSON.stringify(port)}: accepted is a whole number from 1 to 65535`);
  }
  if (timeout !== undefined && !/^\d{1,6}$/.test(timeout)) {
    findings.fault(name, shown, `connect_timeout ${JSON.stringify(timeout)}: accepted is a whole number of seconds`);
  }
  for (const key of new Set(parsed.searchParams.keys())) checkParameter(name, key, shown, findings);
  return address;
}

/**
 * Whether a `/`, `?` or `#` of a password that was not encoded has cut the URL in the wrong place: what then looks like a
 * path or a parameter is a piece of the password, and must not be shown.
 */
function isTorn(parsed: URL): boolean {
  const unknown = [...parsed.searchParams].filter(([key]) => !URL_PARAMETERS.some((known) => known === key));
  const rest = [parsed.pathname, parsed.hash, ...unknown.flat()];
  return (
    parsed.hash !== '' ||
    rest.some((part) => part.includes('@')) ||
    (parsed.username === '' && parsed.search.includes('@'))
  );
}

function sslModeOf(name: string, value: string | undefined, findings: Findings): SslMode | undefined {
  if (value === undefined) return undefined;
  const mode = SSL_MODES.find((known) => known === value);
  if (mode === undefined)
    findings.fault(name, null, `sslmode ${JSON.stringify(value)}: accepted is one of ${SSL_MODES.join(', ')}`);
  return mode;
}

function checkParameter(name: string, key: string, shown: string, findings: Findings): void {
  if (URL_PARAMETERS.some((known) => known === key) || URL_IGNORED.has(key)) return;
  if (key === 'ssl') {
    // Passing this one by would drop an encryption that somebody asked for.
    findings.fault(name, shown, 'the parameter ssl is not understood; write sslmode=require or sslmode=verify-full');
    return;
  }
  findings.warn(`${name}: the parameter ${JSON.stringify(key)} is not understood and has no effect.`);
}

/** The URL with nothing secret in it. */
function redacted(parsed: URL): string {
  const { protocol, username, hostname, port, pathname } = parsed;
  return `${protocol}//${username === '' ? '' : `${username}${parsed.password === '' ? '' : ':***'}@`}${hostname}${
    port === '' ? '' : `:${port}`
  }${pathname}`;
}

/** A connection as messages name it: `user@host:port/database`. */
export function describeConnection({ user, host, port, database }: DatabaseConnection): string {
  return `${user}@${host}:${port}/${database}`;
}
