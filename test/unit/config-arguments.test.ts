/** The command line's arguments: commands, flags, and that each fault of them is named. */
import { describe, expect, it } from 'vitest';
import { parseCommandLine, UsageError } from '../../server/command-line.ts';

const parse = (line: string) => parseCommandLine(line.split(' ').filter((word) => word !== ''));

describe('commands', () => {
  it.each<[string, object]>([
    ['', { kind: 'serve', flags: {} }],
    ['serve --port 0 --host=::1 --debug', { kind: 'serve', flags: { port: '0', host: '::1', debug: 'true' } }],
    ['--port 8051 serve', { kind: 'serve', flags: { port: '8051' } }],
    ['--no-demo', { kind: 'serve', flags: { demo: 'false' } }],
    ['--demo --replay f.csv --speed 60', { kind: 'serve', flags: { demo: 'true', replay: 'f.csv', speed: '60' } }],
    ['--help', { kind: 'help' }],
    ['migrate -h', { kind: 'help' }],
    ['token desk.1', { kind: 'token', name: 'desk.1' }],
    ['serve --version', { kind: 'version' }],
    ['migrate', { kind: 'migrate', flags: {}, leave: [], doorbell: true, remove: false, dryRun: false }],
    [
      'migrate --leave anomalies --leave=funding_rates --no-doorbell --dry-run --remove --debug',
      {
        kind: 'migrate',
        flags: { debug: 'true' },
        leave: ['anomalies', 'funding_rates'],
        doorbell: false,
        remove: true,
        dryRun: true,
      },
    ],
  ])('"%s"', (line, command) => {
    expect(parse(line)).toEqual(command);
  });

  const tail = {
    streams: ['anomalies'],
    keys: null,
    since: new Map(),
    detail: 'full',
    url: null,
    token: null,
    cursorFile: null,
    waitMs: 10_000,
    staleMs: null,
    verbose: false,
  };
  it.each<[string, object]>([
    ['tail anomalies', {}],
    ['--values tail --wait 0.5 anomalies anomalies', { detail: 'values', waitMs: 500 }],
    ['tail --key BTC/USDT anomalies --key=ETH/USDT --key BTC/USDT', { keys: ['BTC/USDT', 'ETH/USDT'] }],
    ['tail anomalies --url http://desk --token x --verbose', { url: 'http://desk', token: 'x', verbose: true }],
    ['tail anomalies --cursor-file f --stale 90', { cursorFile: 'f', staleMs: 90_000 }],
    ['tail anomalies --since a=b', { since: new Map([['anomalies', 'a=b']]) }],
    [
      'tail anomalies funding_rates --since funding_rates=c1 --since anomalies=c2',
      {
        streams: ['anomalies', 'funding_rates'],
        since: new Map([
          ['funding_rates', 'c1'],
          ['anomalies', 'c2'],
        ]),
      },
    ],
  ])('"%s"', (line, args) => {
    expect(parse(line)).toEqual({ kind: 'tail', args: { ...tail, ...args } });
  });
});

describe('faults', () => {
  it.each<[string, RegExp[]]>([
    ['sevre', [/Unknown command "sevre"; accepted are serve, migrate, doctor, tail, token, console\./]],
    ['--prot 1', [/Unknown flag --prot; .*--port/]],
    ['serve --dry-run', [/Unknown flag --dry-run; serve accepts/]],
    ['migrate --port 1', [/Unknown flag --port; migrate accepts/]],
    ['-x', [/Unknown flag -x/]],
    ['--port', [/--port needs a value/]],
    ['--port --debug', [/--port needs a value/]],
    ['--debug=1', [/--debug takes no value.*"1"/]],
    ['serve now', [/Unexpected argument "now"/]],
    ['--demo --no-demo', [/contradict/]],
    ['migrate --leave trades', [/--leave "trades": accepted are funding_rates,/]],
    ['serve --prot=1 --debug=2 --port', [/--prot/, /--debug takes/, /--port needs/]],
    ['--constructor', [/Unknown flag --constructor/]],
    ['constructor', [/Unknown command "constructor"/]],
    ['token', [/token needs the name of one holder/]],
    ['token a:b', [/token needs the name.*"a:b"/]],
    ['token desk wall', [/Unexpected argument "wall"/]],
    ['token desk --port 1', [/Unknown flag --port; token accepts/]],
    ['tail', [/tail needs a stream; accepted are funding_rates,/]],
    ['tail anomaly trades', [/Unknown stream "anomaly"; accepted are funding_rates,/, /Unknown stream "trades"/]],
    ['tail anomalies --port 1', [/Unknown flag --port; tail accepts --key,/]],
    ['tail anomalies --wait soon --since', [/--wait "soon": accepted is a number/, /--since needs a value/]],
    ['tail anomalies --since a --since b', [/--since is given twice for anomalies/]],
    ['tail anomalies --since funding_rates=a', [/--since names funding_rates, which is not followed/]],
    ['tail anomalies funding_rates --since a', [/--since STREAM=CURSOR, once for each/]],
    ['tail anomalies --since a --cursor-file f', [/contradict/]],
  ])('"%s"', (line, messages) => {
    let error: unknown;
    try {
      parse(line);
    } catch (thrown) {
      error = thrown;
    }
    if (!(error instanceof UsageError)) throw new Error(`no usage error but ${String(error)}`);
    for (const message of messages) expect(error.message).toMatch(message);
  });
});
