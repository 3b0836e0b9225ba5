/** Turns arguments into a command, or into everything that is wrong with them. */
import { parseArgs } from 'node:util';
import { CONSOLE_FLAGS, type ConsoleArguments, consoleArguments } from '../console/arguments.ts';
import { STREAM_LIST } from '../shared/streams.ts';
import { isHolderName } from './config/tokens.ts';
import type { Flags } from './config.ts';
import { CodedError } from './errors.ts';
import { type GivenFlags, TAIL_FLAGS, type TailArguments, tailArguments } from './tail/arguments.ts';

/** What the program was asked to do. */
export type Command =
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | { readonly kind: 'serve'; readonly flags: Flags }
  | {
      readonly kind: 'migrate';
      readonly flags: Flags;
      /** Tables that are not to be touched. */
      readonly leave: readonly string[];
      readonly doorbell: boolean;
      readonly remove: boolean;
      readonly dryRun: boolean;
    }
  | {
      readonly kind: 'doctor';
      readonly flags: Flags;
      /** Compare the rollups with the rows. */
      readonly verify: boolean;
      /** Delete the packs that differ. */
      readonly mend: boolean;
      readonly json: boolean;
    }
  | { readonly kind: 'tail'; readonly args: TailArguments }
  /** Make a token for a holder. */
  | { readonly kind: 'token'; readonly name: string }
  | { readonly kind: 'console'; readonly args: ConsoleArguments };

/** Arguments that are no command of this program. The message names each and what is accepted. */
export class UsageError extends CodedError {
  constructor(faults: readonly string[]) {
    super('usage', faults.join('\n'), { mend: 'alphapulse-dashboard --help explains every command and flag.' });
    this.name = 'UsageError';
  }
}

type FlagKind = 'switch' | 'value' | 'list';

type CommandName = 'serve' | 'migrate' | 'doctor' | 'tail' | 'token' | 'console';

const COMMANDS: Readonly<Record<CommandName, Readonly<Record<string, FlagKind>>>> = {
  serve: {
    host: 'value',
    port: 'value',
    workers: 'value',
    debug: 'switch',
    demo: 'switch',
    'no-demo': 'switch',
    replay: 'value',
    speed: 'value',
  },
  migrate: { 'dry-run': 'switch', leave: 'list', 'no-doorbell': 'switch', remove: 'switch', debug: 'switch' },
  doctor: { verify: 'switch', mend: 'switch', json: 'switch', debug: 'switch' },
  tail: TAIL_FLAGS,
  token: {},
  console: CONSOLE_FLAGS,
};
const COMMAND_NAMES = Object.keys(COMMANDS);
const TABLES = STREAM_LIST.map(({ table }) => table);

/**
 * Parses the arguments after the program's name. No command means `serve`.
 *
 * @throws UsageError with every fault at once.
 */
export function parseCommandLine(args: readonly string[]): Command {
  const name = args.find((argument, index) => !argument.startsWith('-') && !takesValue(args[index - 1])) ?? 'serve';
  const command = isCommand(name) ? name : null;
  const faults: string[] = [];
  if (command === null)
    faults.push(`Unknown command ${JSON.stringify(name)}; accepted are ${COMMAND_NAMES.join(', ')}.`);
  const given = readFlags(args, command, faults);
  if (given.switches.has('help')) return { kind: 'help' };
  if (given.switches.has('version')) return { kind: 'version' };
  const [, ...names] = given.positionals;
  const asked = command === 'tail' ? tailArguments(names, given, faults) : null;
  const [holder = ''] = names;
  if (command === 'token' && !isHolderName(holder))
    faults.push(
      `token needs the name of one holder (letters, digits, _ . -), and was given ${JSON.stringify(holder)}.`,
    );
  const extras = command === 'tail' ? [] : names.slice(command === 'token' ? 1 : 0);
  if (extras.length > 0)
    faults.push(...extras.map((extra) => `Unexpected argument ${JSON.stringify(extra)} after the command.`));
  if (command === null || faults.length > 0) throw new UsageError(faults);
  if (asked !== null) return { kind: 'tail', args: asked };
  if (command === 'token') return { kind: 'token', name: holder };
  if (command === 'console') return { kind: 'console', args: consoleArguments(given) };
  if (command === 'serve') return { kind: 'serve', flags: serveFlags(given) };
  const flags: Flags = given.switches.has('debug') ? { debug: 'true' } : {};
  if (command === 'doctor') {
    const has = (name: string): boolean => given.switches.has(name);
    return { kind: 'doctor', flags, verify: has('verify'), mend: has('mend'), json: has('json') };
  }
  return {
    kind: 'migrate',
    flags,
    leave: given.lists.get('leave') ?? [],
    doorbell: !given.switches.has('no-doorbell'),
    remove: given.switches.has('remove'),
    dryRun: given.switches.has('dry-run'),
  };
}

interface Given extends GivenFlags {
  readonly positionals: readonly string[];
}

function isCommand(name: string): name is CommandName {
  return Object.hasOwn(COMMANDS, name);
}

/** Whether an argument is a flag that the next argument is the value of, in any command. */
function takesValue(argument: string | undefined): boolean {
  if (argument === undefined || !argument.startsWith('--')) return false;
  return Object.values(COMMANDS).some((flags) => (flags[argument.slice(2)] ?? 'switch') !== 'switch');
}

function readFlags(args: readonly string[], command: CommandName | null, faults: string[]): Given {
  const known: Readonly<Record<string, FlagKind>> = {
    // Behind an unknown command every flag is let pass: the command is the fault to name.
    ...(command === null
      ? Object.fromEntries(Object.values(COMMANDS).flatMap((flags) => Object.entries(flags)))
      : COMMANDS[command]),
    help: 'switch',
    version: 'switch',
  };
  const { tokens } = parseArgs({
    args: [...args],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: {
      ...Object.fromEntries(
        Object.entries(known).map(
          ([flag, kind]) => [flag, { type: kind === 'switch' ? 'boolean' : 'string' }] as const,
        ),
      ),
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean', short: 'v' },
    },
  });
  const switches = new Set<string>();
  const values = new Map<string, string>();
  const lists = new Map<string, string[]>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const { name, rawName, value } = token;
    const kind = Object.hasOwn(known, name) ? known[name] : undefined;
    if (kind === undefined) {
      faults.push(`Unknown flag ${rawName}; ${command ?? 'the program'} accepts ${listFlags(known)}.`);
    } else if (kind === 'switch') {
      if (value !== undefined) faults.push(`${rawName} takes no value, and was given ${JSON.stringify(value)}.`);
      switches.add(name);
    } else if (value === undefined || (value.startsWith('-') && !token.inlineValue)) {
      faults.push(`${rawName} needs a value.`);
    } else if (kind === 'value') {
      values.set(name, value);
    } else {
      if (name === 'leave' && !TABLES.includes(value))
        faults.push(`${rawName} ${JSON.stringify(value)}: accepted are ${TABLES.join(', ')}.`);
      lists.set(name, [...(lists.get(name) ?? []), value]);
    }
  }
  if (switches.has('mend') && !switches.has('verify')) faults.push('--mend has a meaning only beside --verify.');
  if (switches.has('demo') && switches.has('no-demo')) faults.push('--demo and --no-demo contradict each other.');
  return { switches, values, lists, positionals };
}

function listFlags(known: Readonly<Record<string, FlagKind>>): string {
  return Object.keys(known)
    .map((flag) => `--${flag}`)
    .join(', ');
}

function serveFlags({ switches, values }: Given): Flags {
  return {
    ...Object.fromEntries(values),
    ...(switches.has('debug') ? { debug: 'true' } : {}),
    ...(switches.has('demo') ? { demo: 'true' } : {}),
    ...(switches.has('no-demo') ? { demo: 'false' } : {}),
  };
}
