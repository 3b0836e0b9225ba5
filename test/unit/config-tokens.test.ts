/** Tokens as they are configured: hashed, in files, and made by the program; no message shows anything of a secret. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parseTokenFile, TokenFileError } from '../../server/config/tokens.ts';
import { ConfigError, type Environment, parseConfig } from '../../server/config.ts';
import { createAccess } from '../../server/http/auth.ts';
import { newToken } from '../../server/token-command.ts';

const SECRET = 'a-secret-of-some-length';
const HASH = createHash('sha256').update(SECRET).digest('hex');

/** A system whose files are these. */
const system = (files: Readonly<Record<string, string>>) => ({
  readFile: (path: string) => {
    const text = files[path];
    if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
    return text;
  },
  userName: () => 'me',
  randomToken: () => 'fresh',
});

function faultsOf(env: Environment, files: Readonly<Record<string, string>> = {}): ConfigError {
  try {
    parseConfig(env, {}, system(files));
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('the configuration was accepted');
}

describe('a hashed token', () => {
  it('is read as a hash, in small letters, and lets in who shows the secret', () => {
    const { config, warnings } = parseConfig({ DASHBOARD_VIEW_TOKENS: `desk:sha256:${HASH.toUpperCase()}` });
    expect(config.access).toEqual({ kind: 'token', viewTokens: [{ name: 'desk', sha256: HASH }], writeTokens: [] });
    expect(warnings).toEqual([]);
    const access = createAccess(config.access);
    expect(access.holderOfSecret(SECRET)).toMatchObject({ kind: 'view', name: 'desk' });
    for (const wrong of [HASH, `sha256:${HASH}`, `${SECRET} `, '']) expect(access.holderOfSecret(wrong)).toBeNull();
  });

  it.each([
    ['too short', `sha256:${HASH.slice(1)}`],
    ['too long', `sha256:${HASH}0`],
    ['other than hexadecimal', `sha256:${HASH.slice(1)}g`],
    ['empty', 'sha256:'],
  ])('that is %s is a fault and not taken for a secret', (_what, secret) => {
    const { faults } = faultsOf({ DASHBOARD_WRITE_TOKENS: `desk:${secret}` });
    expect(faults).toMatchObject([{ name: 'DASHBOARD_WRITE_TOKENS', value: null }]);
  });
});

describe('the cookie of a token', () => {
  const plain = createAccess({ kind: 'token', viewTokens: [{ name: 'desk', secret: SECRET }], writeTokens: [] });
  const hashed = createAccess({ kind: 'token', viewTokens: [{ name: 'desk', sha256: HASH }], writeTokens: [] });
  const asking = (value: string) => ({ url: '/', headers: { cookie: `alphapulse_session=${value}` } });

  it('holds where the token is configured as a hash, and the other way round', () => {
    for (const [here, there] of [
      [plain, hashed],
      [hashed, plain],
    ] as const) {
      const cookie = here.signIn(SECRET);
      expect(there.checkAccess(asking(cookie?.value ?? ''))).toBe('ok');
    }
  });

  it('has nothing of the secret or its hash in it, and is not made with the hash', () => {
    const value = hashed.signIn(SECRET)?.value ?? '';
    const bytes = Buffer.from(value.split('.')[3] ?? '', 'base64url');
    expect(bytes.length).toBeGreaterThan(SECRET.length);
    for (const part of [Buffer.from(SECRET), Buffer.from(HASH, 'hex')]) expect(bytes.includes(part)).toBe(false);
    expect(hashed.signIn(HASH)).toBeNull();
  });
});

describe('a file of tokens', () => {
  it('has one a line, with comments, empty lines and the line ends of any system', () => {
    const text = `\uFEFF# the desks\r\n\r\n  wall:${SECRET}  \r\ndesk:sha256:${HASH}\n#old:gone\n`;
    expect(parseTokenFile('tokens', text)).toEqual([
      { name: 'wall', secret: SECRET },
      { name: 'desk', sha256: HASH },
    ]);
    expect(parseTokenFile('tokens', '# nobody\n')).toEqual([]);
  });

  it('names every line that is none, and shows nothing of it', () => {
    const text = `wall:${SECRET}\n${SECRET}\na:${SECRET} x\nwall:${SECRET}2\nb:sha256:12\nc:a,b\n`;
    let error: unknown;
    try {
      parseTokenFile('/etc/tokens', text);
    } catch (thrown) {
      error = thrown;
    }
    if (!(error instanceof TokenFileError)) throw new Error(`no fault of the file but ${String(error)}`);
    expect(error.message.match(/line \d/g)).toEqual(['line 2', 'line 3', 'line 4', 'line 5', 'line 6']);
    expect(error).toMatchObject({ code: 'token_file', value: '/etc/tokens', mend: expect.stringContaining('Correct') });
    expect(error.message).not.toContain(SECRET);
  });

  it('adds to the variable of its kind', () => {
    const { config } = parseConfig(
      {
        DASHBOARD_VIEW_TOKENS: `wall:${SECRET}`,
        DASHBOARD_VIEW_TOKENS_FILE: '/v',
        DASHBOARD_DISPLAY_TOKENS_FILE: '/d',
      },
      {},
      system({ '/v': `desk:sha256:${HASH}`, '/d': `hall:${SECRET}` }),
    );
    expect(config.access).toEqual({
      kind: 'token',
      viewTokens: [
        { name: 'wall', secret: SECRET },
        { name: 'desk', sha256: HASH },
      ],
      writeTokens: [],
      displayTokens: [{ name: 'hall', secret: SECRET }],
      files: {
        fixed: { viewTokens: [{ name: 'wall', secret: SECRET }], writeTokens: [] },
        list: [
          { kind: 'viewTokens', path: '/v' },
          { kind: 'displayTokens', path: '/d' },
        ],
      },
    });
  });

  it('guards the server while it is empty, and says so', () => {
    const read = parseConfig({ DASHBOARD_VIEW_TOKENS_FILE: '/v' }, {}, system({ '/v': '' }));
    expect(read.config.access.kind).toBe('token');
    expect(read.warnings.join()).toContain('nobody can read until a file has one');
    expect(createAccess(read.config.access).checkAccess({ url: '/', headers: {} })).toBe('unauthorized');
  });

  it.each<[string, Environment, Record<string, string>, RegExp]>([
    ['is not there', { DASHBOARD_VIEW_TOKENS_FILE: '/v' }, {}, /cannot be read \(ENOENT\)/],
    ['is no file of tokens', { DASHBOARD_WRITE_TOKENS_FILE: '/v' }, { '/v': SECRET }, /line 1 is no token/],
    [
      'has a name of the variable',
      { DASHBOARD_VIEW_TOKENS: `a:${SECRET}`, DASHBOARD_VIEW_TOKENS_FILE: '/v' },
      { '/v': `a:${SECRET}2` },
      /a name that the variable beside it has too/,
    ],
  ])('that %s is a fault at start', (_what, env, files, message) => {
    const error = faultsOf(env, files);
    expect(error.faults).toMatchObject([{ name: Object.keys(env).at(-1), value: '/v' }]);
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain(SECRET);
  });
});

describe('token NAME', () => {
  it('prints a secret, and a line that lets its holder in', () => {
    const printed = newToken('desk.1');
    const secret = /^secret: (\S{32})$/m.exec(printed)?.[1] ?? '';
    const line = /^line: {3}(\S+)$/m.exec(printed)?.[1] ?? '';
    expect(line).toMatch(/^desk\.1:sha256:[\da-f]{64}$/);
    const { config } = parseConfig({ DASHBOARD_WRITE_TOKENS: line });
    expect(createAccess(config.access).holderOfSecret(secret)).toMatchObject({ kind: 'write', name: 'desk.1' });
  });

  it('makes another secret each time', () => {
    expect(newToken('a')).not.toBe(newToken('a'));
  });
});

it('a head may not take longer than the whole request', () => {
  const { faults } = faultsOf({ DASHBOARD_HEADERS_TIMEOUT_SECONDS: '31' });
  expect(faults).toMatchObject([{ name: 'DASHBOARD_HEADERS_TIMEOUT_SECONDS', value: '31' }]);
});

const COUNTS = [
  'DASHBOARD_MAX_READS_PER_ADDRESS',
  'DASHBOARD_MAX_READS_PER_TOKEN',
  'DASHBOARD_MAX_WRITES_PER_ADDRESS',
  'DASHBOARD_MAX_WRITES_PER_TOKEN',
  'DASHBOARD_MAX_FAILED_SIGN_INS',
  'DASHBOARD_MAX_CONNECTIONS_PER_TOKEN',
];
const SPANS = [
  'DASHBOARD_HEADERS_TIMEOUT_SECONDS',
  'DASHBOARD_REQUEST_TIMEOUT_SECONDS',
  'DASHBOARD_KEEP_ALIVE_SECONDS',
  'DASHBOARD_IDLE_TIMEOUT_SECONDS',
];

it.each([
  ...COUNTS.flatMap((name) => ['-1', '1.5', '1e3', 'off', '9999999999', ' '].map((value) => [name, value] as const)),
  ...SPANS.flatMap((name) =>
    ['0', '-1', '1e3', 'never', 'Infinity', '99999999'].map((value) => [name, value] as const),
  ),
])('%s=%j is a fault that names what is accepted', (name, value) => {
  const { faults } = faultsOf({ [name]: value });
  expect(faults).toMatchObject([{ name, value, problem: expect.stringMatching(/^accepted is a (whole )?number/) }]);
});
