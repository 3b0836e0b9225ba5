/** How a line looks on a terminal: its tones as control sequences, its signs as the terminal can write them. Pure. */
import type { Line, Tone } from './cells.ts';

export interface Looks {
  readonly colour: boolean;
  /** Whether the terminal shows more than ASCII. */
  readonly unicode: boolean;
}

const COLOURED: Readonly<Record<Tone, string>> = {
  plain: '',
  dim: '2',
  strong: '1',
  good: '32',
  gain: '1;32',
  loss: '1;31',
  warn: '33',
  alarm: '1;97;41',
  chosen: '7',
};
/** Without colours: words and signs say what a tone says, these only make them easier to find. */
const PLAIN: Readonly<Record<Tone, string>> = {
  plain: '',
  dim: '2',
  strong: '1',
  good: '',
  gain: '1',
  loss: '1',
  warn: '1',
  alarm: '1;7',
  chosen: '7',
};

const IN_ASCII: Readonly<Record<string, string>> = {
  '\u00a0': ' ',
  '\u2212': '-',
  '\u2013': '-',
  '\u2019': "'",
  '─': '-',
  '●': '*',
  '○': 'o',
  '░': ':',
  '…': '~',
  '·': ',',
  σ: 's',
  '∞': 'inf',
  '▁': '_',
  '▂': '.',
  '▃': ',',
  '▄': '-',
  '▅': '=',
  '▆': '+',
  '▇': '*',
  '█': '#',
};

/** What the environment says of a terminal: NO_COLOR, and whether its locale is UTF-8. */
export function looksOf(env: Readonly<Record<string, string | undefined>>): Looks {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || '';
  return { colour: !env.NO_COLOR, unicode: /utf-?8/i.test(locale) };
}

/** The text of a line with its control sequences, which end with it. */
export function styled(line: Line, { colour, unicode }: Looks): string {
  const codes = colour ? COLOURED : PLAIN;
  return line
    .map(({ text, tone }) => {
      const written = unicode ? text.replaceAll('\u00a0', ' ') : ascii(text);
      return codes[tone] === '' ? written : `\x1b[${codes[tone]}m${written}\x1b[0m`;
    })
    .join('');
}

/** The text in ASCII alone; a sign that has no likeness there is a question mark. */
export function ascii(text: string): string {
  return text.replace(/[^\x20-\x7e]/gu, (sign) => IN_ASCII[sign] ?? '?');
}
