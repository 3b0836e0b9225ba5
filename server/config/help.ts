/** What `--help` prints: the commands, the flags, and every setting out of the one table. */
import { CONSOLE_HELP } from '../../console/arguments.ts';
import { TAIL_HELP } from '../tail/arguments.ts';
import { describeExits } from '../tail/exit.ts';
import { SETTING_LIST, type Setting } from './variables.ts';

const USAGE = `AlphaPulse dashboard: what a trading pipeline commits to PostgreSQL, on every screen at once.

Usage: alphapulse-dashboard [serve] [flags]      serve the dashboard; without a database, the embedded one with a demo
       alphapulse-dashboard migrate [flags]      bring a configured database up to date; safe to run again
       alphapulse-dashboard doctor [flags]       say what of the database and the configuration is right or wrong, and the mend
       alphapulse-dashboard tail STREAM... [flags]
                                                 follow a running server's feed as JSON lines on standard output
       alphapulse-dashboard token NAME           make a secret, and the line that lets its holder in
       alphapulse-dashboard console [flags]      the dashboard in a terminal, over a running server's feed
       alphapulse-dashboard --help | --version

Flags of migrate:
  --dry-run          print the SQL, run nothing
  --leave TABLE      do not touch that table (may be repeated)
  --no-doorbell      install no triggers (writers that use two-phase commit)
  --remove           take every trace of the dashboard out, the rows of the five tables excepted

Flags of doctor:
  --verify           compare the rollups with the rows that they were made of; may take minutes
  --mend             with --verify: delete the packs that differ, so that they are made anew
  --json             everything as one JSON document
Doctor ends with 1 where a stream cannot work or a pack is wrong, else with 0.
`;

/** Flags that are words without a value. */
const SWITCHES: ReadonlySet<string> = new Set(['debug', 'demo']);

/** The whole text of `--help`, with a line end at its end. */
export function helpText(): string {
  const flags = SETTING_LIST.flatMap((setting) => (setting.flag === null ? [] : [{ setting, flag: setting.flag }])).map(
    ({ setting, flag }) => {
      const name = SWITCHES.has(flag) ? `--${flag}` : `--${flag} ${flag === 'replay' ? 'FILE' : flag.toUpperCase()}`;
      const instead = setting.variable === null ? '' : ` (instead of ${setting.variable})`;
      return `  ${name.padEnd(17)}  ${setting.meaning}${instead}`;
    },
  );
  const variables = SETTING_LIST.flatMap((setting) =>
    setting.variable === null ? [] : [describe(setting.variable, setting)],
  );
  return [
    USAGE,
    'Flags of serve:',
    ...flags,
    `  ${'--no-demo'.padEnd(17)}  an embedded database that stays empty`,
    '',
    TAIL_HELP,
    'Exit codes of tail: it ended, because',
    ...describeExits(),
    '',
    CONSOLE_HELP,
    'Environment (an empty value counts as unset):',
    ...variables,
    '',
  ].join('\n');
}

function describe(variable: string, { kind, fallbackHelp, meaning }: Setting<unknown>): string {
  return `  ${variable}\n      ${meaning}; default: ${fallbackHelp}\n      ${kind.accepted}`;
}
