/** A real Chromium for tests: the one that CHROME names, else the system's, else the one that ships inside a package. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { access, chmod, constants, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';
import { type Browser, chromium, type Page } from 'playwright-core';
import { z } from 'zod';

const run = promisify(execFile);
const unbrotli = promisify(brotliDecompress);

/** Nothing that a browser does by itself, above all no traffic to anywhere; web security stays on. */
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--lang=en-US',
];

const SYSTEM_NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];

/** Where a browser is, and what its process needs in its environment. */
interface Installed {
  readonly path: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Starts a headless Chromium, with `more` arguments beside the usual ones. The caller closes it. */
export async function launchBrowser(more: readonly string[] = []): Promise<Browser> {
  const { path, env } = await findBrowser();
  const inherited = Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
  return chromium.launch({
    executablePath: path,
    headless: true,
    args: [...ARGUMENTS, ...more],
    env: { ...inherited, ...env },
  });
}

/** A page and what went wrong on it. */
export interface OpenPage {
  readonly page: Page;
  /** Console errors and uncaught exceptions so far, in order. */
  readonly problems: readonly string[];
  /** Closes the page and the cookies and storage that it had to itself. */
  close(): Promise<void>;
}

/** Opens an empty page with storage of its own. */
export async function openPage(
  browser: Browser,
  options: { viewport?: { width: number; height: number }; colorScheme?: 'dark' | 'light' } = {},
): Promise<OpenPage> {
  const context = await browser.newContext({
    // Formatting follows it, and uPlot throws at import where a machine's own is no valid tag.
    locale: 'en-US',
    viewport: options.viewport ?? { width: 1440, height: 900 },
    colorScheme: options.colorScheme ?? 'dark',
  });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(`console: ${message.text()} (${message.location().url})`);
  });
  page.on('pageerror', (error) => problems.push(`exception: ${error.stack ?? error.message}`));
  return { page, problems, close: () => context.close() };
}

/** Finds the browser, for whoever starts it by other means. */
export async function findBrowser(): Promise<Installed> {
  const named = process.env.CHROME;
  if (named !== undefined && named !== '') {
    if (!existsSync(named)) throw new Error(`CHROME is set to ${named}, which does not exist; unset it or correct it`);
    return { path: named, env: {} };
  }
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of SYSTEM_NAMES) {
      const path = join(folder, name);
      if (await isExecutable(path)) return { path, env: {} };
    }
  }
  return packedBrowser();
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    // Not there, or not ours to run: the search goes on.
    return false;
  }
}

const PACKAGE = '@sparticuz/chromium';

/**
 * The browser inside the package, unpacked once a machine. The package's own unpacking is passed by: it takes a file that
 * another process is still writing for a whole one, and its default arguments switch web security off.
 */
async function packedBrowser(): Promise<Installed> {
  const folder = dirname(dirname(dirname(createRequire(import.meta.url).resolve(PACKAGE))));
  const { version } = z
    .object({ version: z.string() })
    .parse(JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')));
  const home = join(tmpdir(), `alphapulse-test-chromium-${version}-${process.getuid?.() ?? 0}`);
  if (!existsSync(home)) await unpack(join(folder, 'bin'), home);
  const path = join(home, 'chromium');
  const env: Record<string, string> = {};
  // Machines without NSS (bare containers) take the libraries that come along; the others keep their own, newer ones.
  if ((await run('ldd', [path])).stdout.includes('not found')) env.LD_LIBRARY_PATH = join(home, 'al2023', 'lib');
  if (!existsSync('/etc/fonts/fonts.conf')) env.FONTCONFIG_PATH = join(home, 'fonts');
  return { path, env };
}

/** Unpacks beside the target and renames, so that workers that come here at once never see half a browser. */
async function unpack(source: string, target: string): Promise<void> {
  const scratch = await mkdtemp(`${target}-`);
  const read = async (name: string): Promise<Buffer> => unbrotli(await readFile(join(source, `${name}.br`)));
  await writeFile(join(scratch, 'chromium'), await read('chromium'));
  for (const [name, into] of [
    ['fonts.tar', 'fonts'],
    ['al2023.tar', 'al2023'],
    ['swiftshader.tar', '.'],
  ] as const) {
    const archive = join(scratch, name);
    await mkdir(join(scratch, into), { recursive: true });
    await writeFile(archive, await read(name));
    await run('tar', ['-xf', archive, '-C', join(scratch, into)]);
    await rm(archive);
  }
  await chmod(join(scratch, 'chromium'), 0o755);
  // Its font configuration counts on the folder where the package itself would unpack.
  const fonts = join(scratch, 'fonts', 'fonts.conf');
  await writeFile(fonts, (await readFile(fonts, 'utf8')).replaceAll('/tmp/fonts', join(target, 'fonts')));
  try {
    await rename(scratch, target);
  } catch (error) {
    await rm(scratch, { recursive: true, force: true });
    // Somebody else was first: theirs serves.
    if (!existsSync(target)) throw error;
  }
}
