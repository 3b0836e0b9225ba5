/** `console` as a shell runs it: on a real terminal, over a server that is killed and started again below it, and into a pipe. */
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { EXITS } from '../../server/tail/exit.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { type Program, runProgram, startProgram, stopProgram } from '../support/program.ts';
import { HAS_PTY, TerminalProgram } from '../support/pty.ts';

const ENV = { DASHBOARD_TICK_SECONDS: '1', DASHBOARD_HEARTBEAT_SECONDS: '0.5' };

let database: TestDatabase;
let client: pg.Client;
let server: Program;
let address: string;
let programs: Program[] = [];
let terminals: TerminalProgram[] = [];

const serve = (port: number, env: Readonly<Record<string, string>> = {}): Program => {
  const program = startProgram(['serve', '--port', String(port)], { ...ENV, DATABASE_URL: database.url, ...env });
  programs.push(program);
  return program;
};
const onTerminal = (args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): TerminalProgram => {
  const terminal = new TerminalProgram(['console', '--url', address, ...args], env);
  terminals.push(terminal);
  return terminal;
};

async function rate(symbol: string, value: number): Promise<void> {
  await client.query(
    `insert into funding_rates ("timestamp", symbol, exchange, funding_rate) values (now(), $1, 'binance', $2)`,
    [symbol, value],
  );
}

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  client = await database.connect();
  await rate('BTC/USDT', 0.0001);
  await rate('ETH/USDT', 0.0007);
  await client.query(
    `insert into anomalies ("timestamp", symbol, data_type, value, z_score) values (now(), 'ETH/USDT', 'open_interest', 7, 4.5)`,
  );
  server = serve(0);
  address = await server.ready();
});
afterEach(() => {
  for (const terminal of terminals) terminal.kill();
  terminals = [];
});
afterAll(async () => {
  await Promise.all(programs.map(stopProgram));
  programs = [];
  await database.drop();
});

describe.runIf(HAS_PTY)('on a terminal', () => {
  it('shows rows as they come, another symbol, a server that is killed and one that is back, and gives the terminal back', async () => {
    await rate('BTC/USDT', 0.0001);
    const terminal = onTerminal();
    await terminal.sees(/BTC\/USDT {2}1h[\s\S]*● live[\s\S]*Funding +\+0\.0100%.*live \d+ s ago/);
    expect(terminal.screen).toMatchObject({ isOther: true, cursorShown: false, wraps: false });

    await rate('BTC/USDT', 0.0002);
    await terminal.sees(/Funding +\+0\.0200%.*live \d s ago/);

    terminal.press('s');
    await terminal.sees(/^Symbol: _ +2 of 2/m);
    terminal.press('eth');
    await terminal.sees(/^> ETH\/USDT/m);
    terminal.press('\r');
    await terminal.sees(/ETH\/USDT {2}1h[\s\S]*Funding +\+0\.0700%[\s\S]*! \d\d:\d\d:\d\d {2}open interest +\+4\.5σ/);

    server.signalGroup('SIGKILL');
    await server.ended;
    await terminal.sees(/○ NO CONNECTION for \d+ s: [\s\S]*Funding +\+0\.0700%.*OLD \d+ s ago/);
    expect(terminal.screen.text).not.toMatch(/live/);
    await rate('ETH/USDT', -0.0003);
    server = serve(Number(new URL(address).port));
    await server.ready();
    await terminal.sees(/● live[\s\S]*Funding +−0\.0300%.*live \d+ s ago/, 40_000);

    terminal.resize(120, 40);
    await terminal.sees(/─{120}[\s\S]*\ns symbol[^\n]*$/);
    terminal.press('?');
    await terminal.sees(/Ctrl-Z +to the shell/);
    terminal.press('x');
    await terminal.sees(/Funding/);

    terminal.press('q');
    expect(await terminal.ended).toEqual({ code: EXITS.done.code, restored: true });
    expect(terminal.screen).toMatchObject({ isOther: false, cursorShown: true, wraps: true });
  });

  it.each([
    ['Ctrl-C', (terminal: TerminalProgram) => terminal.press('\x03')],
    ['SIGTERM', (terminal: TerminalProgram) => terminal.signal('SIGTERM')],
    ['SIGHUP', (terminal: TerminalProgram) => terminal.signal('SIGHUP')],
  ])('gives the terminal back at %s', async (_name, end) => {
    const terminal = onTerminal();
    await terminal.sees(/● live/);
    end(terminal);
    expect(await terminal.ended).toEqual({ code: EXITS.done.code, restored: true });
    expect(terminal.screen).toMatchObject({ isOther: false, cursorShown: true, wraps: true });
  });

  it('gives the terminal back when it crashes, and the reason stays in sight', async () => {
    const crash = `data:text/javascript,${encodeURIComponent("process.on('SIGUSR2', () => { throw new Error('planted') })")}`;
    const terminal = onTerminal([], { NODE_OPTIONS: `--import ${crash}` });
    await terminal.sees(/● live/);
    terminal.signal('SIGUSR2');
    const { code, restored } = await terminal.ended;
    expect(code).not.toBe(0);
    expect(restored).toBe(true);
    expect(terminal.screen).toMatchObject({ isOther: false, cursorShown: true, wraps: true });
    expect(terminal.screen.text).toContain('planted');
  });

  it('gives the terminal up for a while, and draws itself anew when it goes on', async () => {
    const terminal = onTerminal();
    await terminal.sees(/● live/);
    terminal.press('\x1a');
    await vi.waitUntil(() => terminal.screen.timesLeft === 1, { timeout: 10_000, interval: 20 });
    terminal.signal('SIGCONT');
    await terminal.sees(/● live[\s\S]*Funding/);
    expect(terminal.screen).toMatchObject({ isOther: true, cursorShown: false });
    terminal.press('q');
    expect(await terminal.ended).toMatchObject({ restored: true });
  });

  it('writes lines to a terminal that can do nothing else', async () => {
    // What the tests before have written may be stale by now.
    await rate('ETH/USDT', 0.0004);
    const terminal = onTerminal(['--symbol', 'ETH/USDT'], { TERM: 'dumb' });
    await terminal.sees(/UTC {2}funding_rates {2}ETH\/USDT .* live/);
    expect(terminal.screen.isOther).toBe(false);
    terminal.signal('SIGTERM');
    expect(await terminal.ended).toEqual({ code: EXITS.done.code, restored: true });
  });
});

it('prints a line for each change into a pipe', async () => {
  const program = startProgram(['console', '--url', address], {});
  programs.push(program);
  const prints = (what: RegExp): Promise<boolean> =>
    vi.waitUntil(() => what.test(program.stdout), { timeout: 20_000, interval: 20 });
  await prints(/UTC {2}● live\n/);
  await rate('BTC/USDT', 0.0005);
  await prints(/UTC {2}funding_rates {2}BTC\/USDT .*Funding \+0\.0500% {2}live\n/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a pipe is given none.
  expect(program.stdout).not.toMatch(/\x1b/);
  program.signal('SIGTERM');
  expect(await program.ended).toBe(EXITS.done.code);
});

it('ends with the reason and its code where the server wants a token, and never shows one', async () => {
  const guarded = serve(0, { DASHBOARD_VIEW_TOKENS: 'desk:a-secret-of-sufficient-length-0123' });
  const guardedAddress = await guarded.ready();
  const refused = await runProgram([
    'console',
    '--url',
    guardedAddress,
    '--token',
    'a-wrong-secret-of-some-length-98765',
  ]);
  expect(refused).toMatchObject({ code: EXITS.unauthorized.code });
  expect(refused.stderr).toMatch(/^console: .*\[4401\]/m);
  expect(refused.stdout + refused.stderr).not.toContain('a-wrong-secret');
  const program = startProgram(['console', '--url', guardedAddress], {
    ALPHAPULSE_TOKEN: 'a-secret-of-sufficient-length-0123',
  });
  programs.push(program);
  await vi.waitUntil(() => program.stdout.includes('● live'), { timeout: 20_000, interval: 20 });
});
