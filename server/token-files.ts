/** Follows files of tokens, so that a token can be given and taken back without a restart. */
import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import { TokenFileError, withTokenFiles } from './config/tokens.ts';
import type { TokenFile, TokenSet } from './config.ts';
import { messageOf } from './errors.ts';

/**
 * How often the files are looked at, in ms. They are small, and looking works on every file system, also where a file is
 * exchanged behind a link as orchestrators do.
 */
const LOOK_MS = 1000;

/** What is followed. */
export interface TokenFiles {
  /** The tokens of the variables, which stay. */
  readonly fixed: TokenSet;
  readonly list: readonly TokenFile[];
}

/**
 * Hands all tokens on whenever the files say something else than before. A file that cannot be read or used changes
 * nothing: the tokens that were there stay, and the log says what is wrong with it.
 *
 * @returns stops following.
 */
export function followTokenFiles(
  { fixed, list }: TokenFiles,
  replace: (tokens: TokenSet) => void,
  log: Pick<Logger, 'info' | 'error'>,
): () => void {
  // What was told last: a text that was taken, or a fault that was logged.
  let told: string | null = null;
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;

  const look = async (): Promise<void> => {
    const read = await readAll(list);
    const said = JSON.stringify([...read.entries()].map(([path, text]) => [path, String(text)]));
    if (isStopped || said === told) return;
    const isFirst = told === null;
    told = said;
    try {
      const tokens = withTokenFiles(fixed, list, (path) => {
        const text = read.get(path);
        if (typeof text !== 'string') throw text;
        return text;
      });
      replace(tokens);
      if (!isFirst) log.info({ files: list.map(({ path }) => path) }, 'the tokens were read again');
    } catch (error) {
      if (!(error instanceof TokenFileError)) throw error;
      log.error({ file: error.value, mend: error.mend }, `the tokens stay as they were: ${messageOf(error)}`);
    }
  };
  const again = (): void => {
    timer = setTimeout(() => {
      look().then(again, (error: unknown) => {
        log.error({ err: error }, 'the files of tokens could not be followed');
        again();
      });
    }, LOOK_MS);
    timer.unref();
  };
  again();
  return () => {
    isStopped = true;
    clearTimeout(timer);
  };
}

/** The text of each file, or why it cannot be read. */
async function readAll(list: readonly TokenFile[]): Promise<ReadonlyMap<string, unknown>> {
  const texts = list.map(async ({ path }): Promise<[string, unknown]> => {
    try {
      return [path, await readFile(path, 'utf8')];
    } catch (error) {
      return [path, error];
    }
  });
  return new Map(await Promise.all(texts));
}
