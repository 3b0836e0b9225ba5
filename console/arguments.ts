/** What the arguments of `console` ask for. */
import type { GivenFlags } from '../server/tail/arguments.ts';

export interface ConsoleArguments {
  readonly url: string | null;
  readonly token: string | null;
  /** Null: BTC/USDT, or the first symbol that there is. */
  readonly symbol: string | null;
}

/** The flags of `console`. */
export const CONSOLE_FLAGS = { url: 'value', token: 'value', symbol: 'value' } as const;

/** What `--help` says of the flags of `console`. */
export const CONSOLE_HELP = `Flags of console:
  --symbol SYMBOL    the symbol to begin with (default BTC/USDT, or the first that there is)
  --url URL          the server, http(s) or ws(s) (instead of DASHBOARD_HOST and DASHBOARD_PORT)
  --token SECRET     what the server wants to be shown (instead of ALPHAPULSE_TOKEN, which no list of processes shows)
`;

/** Reads the arguments behind `console`. */
export function consoleArguments({ values }: Pick<GivenFlags, 'values'>): ConsoleArguments {
  return {
    url: values.get('url') ?? null,
    token: values.get('token') ?? null,
    symbol: values.get('symbol')?.trim() || null,
  };
}
