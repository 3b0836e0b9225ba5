/** The configuration: what is accepted, and that every fault is named at once and shows no secret. */
import { describe, expect, it } from 'vitest';
import type { System } from '../../server/config/database.ts';
import { helpText } from '../../server/config/help.ts';
import { SETTING_LIST } from '../../server/config/variables.ts';
import { type Config, ConfigError, type Environment, type Flags, parseConfig } from '../../server/config.ts';

const TOKEN = 'a-fresh-token';
const system: System = {
  readFile(path) {
    if (path === '/ca.pem') return 'PEM';
    throw new Error(`ENOENT: no such file, open '${path}'`);
  },
  userName: () => 'pulse',
  randomToken: () => TOKEN,
};
const read = (env: Environment, flags: Flags = {}): Config => parseConfig(env, flags, system).config;
const warningsOf = (env: Environment, flags: Flags = {}): readonly string[] => parseConfig(env, flags, system).warnings;

function faultOf(env: Environment, flags: Flags = {}): ConfigError {
  try {
    parseConfig(env, flags, system);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('the configuration was accepted');
}

function externalOf(env: Environment) {
  const { database } = read(env);
  if (database.kind !== 'external') throw new Error('no external database');
  return database;
}

describe('defaults', () => {
  it('serve the embedded database and the demo at the loopback address', () => {
    const config = read({});
    expect(config).toMatchObject({
      host: '127.0.0.1',
      port: 8050,
      workers: 1,
      debug: false,
      database: { kind: 'embedded', dataDir: '.alphapulse' },
      poolSize: 8,
      statementTimeoutMs: 15_000,
      retentionDays: null,
      tickMs: 10_000,
      heartbeatMs: 5000,
      demo: { kind: 'market' },
      access: { kind: 'open', meant: false },
      allowedOrigins: [],
      trustProxy: false,
    });
    expect(config.limits).toEqual({
      pointsPerSubscription: 500_000,
      keysPerSubscription: 1000,
      keysPerConnection: 10_000,
      subscriptionsPerConnection: 64,
      frameBytes: 65_536,
      framesPerSecond: 50,
      errorsPerMinute: 20,
      connectionsPerAddress: 200,
      connectionsPerToken: 1000,
      pageRows: 10_000,
      bodyBytes: 4_194_304,
      replayRows: 100_000,
      replayBytes: 67_108_864,
      replayAgeMs: 3_600_000,
    });
    expect(config.budgets).toEqual({
      readsPerAddress: 6000,
      readsPerToken: 12_000,
      writesPerAddress: 6000,
      writesPerToken: 12_000,
      failedSignIns: 20,
    });
    expect(config.timeouts).toEqual({ headersMs: 10_000, requestMs: 30_000, keepAliveMs: 72_000, idleMs: 120_000 });
  });

  it('hold for empty values too', () => {
    const empty = Object.fromEntries(
      SETTING_LIST.flatMap(({ variable }) => (variable === null ? [] : [[variable, '']])),
    );
    expect(read(empty)).toEqual(read({}));
    expect(warningsOf(empty)).toEqual([]);
  });

  it.each(SETTING_LIST.flatMap(({ variable }) => (variable === null ? [] : [variable])))(
    '%s is in the help',
    (variable) => {
      expect(helpText()).toContain(`\n  ${variable}\n`);
    },
  );

  it.each(SETTING_LIST.flatMap(({ flag }) => (flag === null ? [] : [flag])))('--%s is in the help', (flag) => {
    expect(helpText()).toContain(`\n  --${flag} `);
  });
});

describe('faults', () => {
  const bad: readonly [name: string, value: string, accepted: RegExp][] = [
    ['DASHBOARD_PORT', '80x', /whole number from 0 to 65535/],
    ['DASHBOARD_PORT', '65536', /whole number from 0 to 65535/],
    ['DASHBOARD_PORT', '-1', /whole number/],
    ['DASHBOARD_PORT', '8e3', /whole number/],
    ['DASHBOARD_HOST', 'http://127.0.0.1', /IP address or a host name/],
    ['DASHBOARD_HOST', '256.1.1.1', /IP address or a host name/],
    ['DASHBOARD_HOST', 'a b', /IP address or a host name/],
    ['DASHBOARD_DEBUG', 'ja', /true or false/],
    ['DASHBOARD_DEMO', 'maybe', /true or false/],
    ['DASHBOARD_TICK_SECONDS', '0', /from 1 to 60/],
    ['DASHBOARD_TICK_SECONDS', '61', /from 1 to 60/],
    ['DASHBOARD_TICK_SECONDS', 'ten', /from 1 to 60/],
    ['DASHBOARD_HEARTBEAT_SECONDS', 'Infinity', /number of seconds/],
    ['DASHBOARD_POOL_SIZE', '1', /from 2 to 500/],
    ['DASHBOARD_STATEMENT_TIMEOUT_SECONDS', '0.5', /from 1 to 3600/],
    ['DASHBOARD_AUTH', 'none', /token, off/],
    ['DASHBOARD_ALLOWED_ORIGINS', 'desk.example.com', /origins/],
    ['DASHBOARD_ALLOWED_ORIGINS', 'https://desk.example.com/path', /origins/],
    ['DASHBOARD_TRUST_PROXY', '10.0.0.0/33', /IP addresses and networks/],
    ['DASHBOARD_TRUST_PROXY', 'proxy', /IP addresses and networks/],
    ['DASHBOARD_MAX_POINTS', '1e6', /whole number from 1000/],
    ['DASHBOARD_MAX_FRAME_BYTES', '1', /whole number from 1024/],
    ['DB_PORT', '0', /from 1 to 65535/],
    ['DB_HOST', 'postgres://db', /host name, an IP address or the folder/],
    ['DB_HOST', 'db:5432', /host name, an IP address or the folder/],
    ['DB_SSLMODE', 'on', /disable, allow, prefer, require, verify-ca, verify-full/],
  ];

  it.each(bad)('%s=%s is named with its value and what is accepted', (name, value, accepted) => {
    const { faults, message } = faultOf({ [name]: value });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatchObject({ name, value });
    expect(faults[0]?.problem).toMatch(accepted);
    expect(message).toContain(`${name}=${JSON.stringify(value)}`);
  });

  it('are reported all at once', () => {
    // One fault a variable: a later entry of the same name takes the place of an earlier.
    const env = Object.fromEntries(bad.map(([name, value]) => [name, value]));
    expect(
      faultOf(env)
        .faults.map(({ name }) => name)
        .sort(),
    ).toEqual(Object.keys(env).sort());
  });

  it('are named by the flag where a flag was used', () => {
    const { faults } = faultOf({ DASHBOARD_PORT: '1' }, { port: 'x', host: '', speed: 'fast', replay: 'f.csv' });
    expect(faults.map(({ name, value }) => [name, value])).toEqual([
      ['--host', ''],
      ['--port', 'x'],
      ['--speed', 'fast'],
    ]);
  });
});

describe('secrets', () => {
  const SECRET = 'hunter2';
  it.each<[string, Environment]>([
    ['a URL of another scheme', { DATABASE_URL: `mysql://me:${SECRET}@db/pulse` }],
    ['a URL with a bad port', { DATABASE_URL: `postgres://me:${SECRET}@db:99999/pulse` }],
    ['a URL with a bad sslmode', { DATABASE_URL: `postgres://me:${SECRET}@db/pulse?sslmode=x` }],
    ['a URL with the parameter ssl', { DATABASE_URL: `postgres://me:${SECRET}@db/pulse?ssl=true` }],
    ['a URL with its password as a parameter', { DATABASE_URL: `postgres://db/pulse?password=${SECRET}&ssl=1` }],
    ['a slash in the password', { DATABASE_URL: `postgres://me:12/${SECRET}@db/pulse` }],
    ['a question mark in the password', { DATABASE_URL: `postgres://me:12?${SECRET}@db/pulse` }],
    ['an ampersand in the password', { DATABASE_URL: `postgres://me:12?a=b&${SECRET}=@db/pulse` }],
    ['a hash in the password', { DATABASE_URL: `postgres://me:12#${SECRET}@db/pulse` }],
    ['an at sign and a slash in the password', { DATABASE_URL: `postgres://me:a@12/${SECRET}@db/pulse` }],
    ['a percent sign in the password', { DATABASE_URL: `postgres://me:%zz${SECRET}@db/pulse` }],
    ['a listen URL', { DB_HOST: 'db', DASHBOARD_LISTEN_URL: `${SECRET}` }],
    ['tokens without names', { DASHBOARD_VIEW_TOKENS: SECRET }],
    ['a token with a space', { DASHBOARD_WRITE_TOKENS: `me:${SECRET} x` }],
    ['a name twice', { DASHBOARD_VIEW_TOKENS: `me:${SECRET},me:${SECRET}2` }],
  ])('%s: the fault shows nothing of it', (_case, env) => {
    const error = faultOf({ ...env, DB_PASSWORD: `${SECRET}-too` });
    expect(error.faults.map(({ name }) => name)).toEqual([Object.keys(env).at(-1)]);
    expect(JSON.stringify([error.message, error.value, error.mend, error.faults])).not.toContain(SECRET);
  });

  it('are not in warnings either', () => {
    const warnings = warningsOf({
      DATABASE_URL: `postgres://me:${SECRET}@db/pulse?channel=1`,
      DB_PASSWORD: SECRET,
      DASHBOARD_VIEW_TOKENS: `me:${SECRET}`,
      DASHBOARD_SECRET: SECRET,
    });
    expect(warnings).toHaveLength(4);
    expect(warnings.join()).not.toContain(SECRET);
  });
});

describe('the database', () => {
  it('is the embedded one only when nothing names another', () => {
    for (const name of ['DB_HOST', 'DB_NAME', 'DB_USER', 'DB_PASSWORD']) {
      expect(read({ [name]: 'x' }).database.kind).toBe('external');
    }
    expect(read({ DB_SSLMODE: 'require' }).database.kind).toBe('embedded');
    expect(warningsOf({ DB_SSLMODE: 'require' })[0]).toContain('DB_SSLMODE');
  });

  it('has the defaults of libpq', () => {
    expect(externalOf({ DB_HOST: 'db' }).connection).toEqual({
      host: 'db',
      port: 5432,
      database: 'pulse',
      user: 'pulse',
      ssl: { rejectUnauthorized: false },
      tlsIfOffered: true,
    });
    expect(externalOf({ DB_USER: 'me' }).connection).toMatchObject({ host: 'localhost', user: 'me', database: 'me' });
    expect(externalOf({ DB_HOST: '/run/postgresql' }).connection).toMatchObject({ ssl: false, tlsIfOffered: false });
  });

  it.each<[string, object]>([
    ['postgres://me:p%40ss@db:5433/pulse', { host: 'db', port: 5433, user: 'me', password: 'p@ss', database: 'pulse' }],
    ['postgresql://db', { host: 'db', port: 5432, user: 'pulse', database: 'pulse' }],
    ['postgresql+asyncpg://me:x@db/pulse', { host: 'db', user: 'me', password: 'x' }],
    ['postgres://me@[::1]:5433/pulse', { host: '::1', port: 5433 }],
    ['postgres://me@%2Frun%2Fpg/pulse', { host: '/run/pg', ssl: false }],
    ['postgres://me:x@/pulse?host=/run/pg', { host: '/run/pg', user: 'me', password: 'x', database: 'pulse' }],
    [
      'postgres://db/?dbname=pulse&user=me&password=x&port=1',
      { port: 1, user: 'me', password: 'x', database: 'pulse' },
    ],
    [
      'postgres://db/pulse?connect_timeout=7&options=-c%20jit%3Doff',
      { connectionTimeoutMillis: 7000, options: '-c jit=off' },
    ],
  ])('%s is understood', (url, expected) => {
    expect(externalOf({ DATABASE_URL: url }).connection).toMatchObject(expected);
  });

  it('of DATABASE_URL goes before DB_*, with a warning', () => {
    const env = { DATABASE_URL: 'postgres://one/pulse', DB_HOST: 'two', DB_NAME: 'x' };
    expect(externalOf(env).connection).toMatchObject({ host: 'one', database: 'pulse' });
    expect(warningsOf(env)).toEqual(['DATABASE_URL is set, so DB_HOST, DB_NAME have no effect.']);
  });

  it('is listened to over the direct connection where one is given', () => {
    const { connection, listen } = externalOf({ DB_HOST: 'pooler', DASHBOARD_LISTEN_URL: 'postgres://db/pulse' });
    expect([connection.host, listen.host]).toEqual(['pooler', 'db']);
    const same = externalOf({ DB_HOST: 'db' });
    expect(same.listen).toBe(same.connection);
  });

  it.each<[string, object | false, boolean]>([
    ['disable', false, false],
    ['allow', { rejectUnauthorized: false }, true],
    ['prefer', { rejectUnauthorized: false }, true],
    ['require', { rejectUnauthorized: false }, false],
    ['verify-full', { rejectUnauthorized: true }, false],
  ])('sslmode %s', (mode, ssl, tlsIfOffered) => {
    expect(externalOf({ DB_HOST: 'db', DB_SSLMODE: mode }).connection).toMatchObject({ ssl, tlsIfOffered });
    expect(
      externalOf({ DATABASE_URL: `postgres://db/x?sslmode=${mode}`, DB_SSLMODE: 'require' }).connection,
    ).toMatchObject({
      ssl,
      tlsIfOffered,
    });
  });

  it('is verified without its name by verify-ca, and by require with an authority, as in libpq', () => {
    for (const mode of ['verify-ca', 'require']) {
      const { ssl } = externalOf({ DB_HOST: 'db', DB_SSLMODE: mode, DB_SSL_CA: '/ca.pem' }).connection;
      expect(ssl).toMatchObject({ rejectUnauthorized: true, ca: 'PEM', checkServerIdentity: expect.any(Function) });
    }
    const { ssl } = externalOf({ DB_HOST: 'db', DB_SSLMODE: 'verify-full', DB_SSL_CA: '/ca.pem' }).connection;
    expect(ssl).toEqual({ rejectUnauthorized: true, ca: 'PEM' });
  });

  it('needs the files that are named', () => {
    expect(faultOf({ DB_HOST: 'db', DB_SSL_CA: '/none.pem' }).faults).toMatchObject([
      { name: 'DB_SSL_CA', value: '/none.pem' },
    ]);
    const url = 'postgres://db/x?sslmode=verify-full&sslrootcert=/none.pem';
    expect(faultOf({ DATABASE_URL: url }).faults).toMatchObject([{ name: 'DATABASE_URL', value: '/none.pem' }]);
  });
});

describe('the demo', () => {
  it('writes into a configured database only when that was said', () => {
    expect(read({ DB_HOST: 'db' }).demo).toEqual({ kind: 'off' });
    expect(read({ DB_HOST: 'db' }, { demo: 'true' }).demo).toEqual({ kind: 'market' });
    expect(read({ DB_HOST: 'db', DASHBOARD_DEMO: '1' }).demo).toEqual({ kind: 'market' });
    expect(read({ DASHBOARD_DEMO: 'true' }, { demo: 'false' }).demo).toEqual({ kind: 'off' });
  });

  it('replays a recording', () => {
    expect(read({}, { replay: 'f.csv' }).demo).toEqual({ kind: 'replay', file: 'f.csv', speed: null });
    expect(read({}, { replay: 'f.csv', speed: '3600' }).demo).toMatchObject({ speed: 3600 });
    expect(faultOf({}, { speed: '2' }).faults).toMatchObject([{ name: '--speed' }]);
    expect(faultOf({ DB_HOST: 'db' }, { replay: 'f.csv' }).faults).toMatchObject([{ name: '--replay' }]);
    expect(faultOf({}, { replay: 'f.csv', demo: 'false' }).faults).toMatchObject([{ name: '--replay' }]);
  });
});

describe('access', () => {
  it.each(['0.0.0.0', '::', '10.0.0.1', 'desk.example.com'])(
    '%s without a token is refused with a fresh one',
    (host) => {
      const [fault, ...others] = faultOf({ DASHBOARD_HOST: host }).faults;
      expect(others).toEqual([]);
      expect(fault).toMatchObject({ name: 'DASHBOARD_HOST', value: host });
      expect(fault?.problem).toContain(`DASHBOARD_VIEW_TOKENS=me:${TOKEN}`);
      expect(read({ DASHBOARD_HOST: host, DASHBOARD_AUTH: 'off' }).access).toEqual({ kind: 'open', meant: true });
      expect(read({ DASHBOARD_HOST: host, DASHBOARD_VIEW_TOKENS: 'me:x' }).access.kind).toBe('token');
    },
  );

  it.each(['127.0.0.1', '127.8.8.8', '::1', 'localhost'])('%s needs none', (host) => {
    expect(read({}, { host }).access).toEqual({ kind: 'open', meant: false });
  });

  it('makes a fresh token each time', () => {
    const messageOf = (): string => {
      try {
        parseConfig({ DASHBOARD_HOST: '::' });
      } catch (error) {
        return String(error);
      }
      return '';
    };
    const [one, other] = [messageOf(), messageOf()].map((message) => /me:([\w-]{32})\b/.exec(message)?.[1]);
    expect(one).toBeDefined();
    expect(one).not.toBe(other);
  });

  it('reads tokens', () => {
    const env = {
      DASHBOARD_VIEW_TOKENS: 'wall:0123456789abcdef, desk:a:b:c',
      DASHBOARD_WRITE_TOKENS: 'bot:0123456789abcdef',
    };
    expect(read(env).access).toEqual({
      kind: 'token',
      viewTokens: [
        { name: 'wall', secret: '0123456789abcdef' },
        { name: 'desk', secret: 'a:b:c' },
      ],
      writeTokens: [{ name: 'bot', secret: '0123456789abcdef' }],
    });
    expect(warningsOf(env)).toEqual(['The token of "desk" is shorter than 16 characters.']);
    expect(warningsOf({ ...env, DASHBOARD_AUTH: 'off' })[0]).toContain('guard nothing');
    expect(faultOf({ DASHBOARD_AUTH: 'token' }).faults).toMatchObject([{ name: 'DASHBOARD_AUTH' }]);
  });
});

it('warns of a misspelt variable', () => {
  expect(warningsOf({ DASHBOARD_TICK: '5', OTHER: 'x' })).toEqual([
    'DASHBOARD_TICK is no setting of this program and has no effect.',
  ]);
});
