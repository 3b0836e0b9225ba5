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
});

describe('faults', () => {
  it.each<[string, RegExp[]]>([
    ['sevre', [/Unknown command "sevre"; accepted are serve, migrate/]],
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
