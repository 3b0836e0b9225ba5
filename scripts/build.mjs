/**
 * Builds the page, the server and the library for other programs into dist/, quietly, and leaves a stamp that says of which sources. Built beside and
 * renamed into place: several builds at once, or one below a running server, leave a whole dist/.
 */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'vite';
import { DIST, isBuilt, ROOT, STAMP, sourceHash } from './sources.mjs';

const SCRATCH_PREFIX = '.build-';
const hash = sourceHash();
const scratch = join(DIST, `${SCRATCH_PREFIX}${process.pid}`);

removeLeftovers();

try {
  const shared = { configFile: join(ROOT, 'vite.config.ts'), logLevel: 'warn' };
  await Promise.all([
    build({ ...shared, build: { outDir: join(scratch, 'client') } }),
    build({ ...shared, build: { outDir: join(scratch, 'server'), ssr: true } }),
    compileLibrary(join(scratch, 'library')),
  ]);
  // Where a second build of the same sources was first, its result stays: somebody may be starting it already.
  if (!isBuilt(hash)) exchange();
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

/** The library comes with its types, which the compiler alone can make. */
async function compileLibrary(target) {
  const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
  await promisify(execFile)(process.execPath, [compiler, '-p', join(ROOT, 'library'), '--outDir', target]).catch(
    (error) => {
      // What is wrong stands on the compiler's standard output.
      throw new Error(`the library does not compile: ${error.stdout || error.message}`, { cause: error });
    },
  );
}

function exchange() {
  // While the parts are exchanged dist/ is that of no sources, so whoever looks builds anew.
  rmSync(STAMP, { force: true });
  for (const part of ['client', 'server', 'library']) replace(part);
  writeFileSync(join(scratch, 'stamp'), hash);
  renameSync(join(scratch, 'stamp'), STAMP);
}

/** Puts a new part of dist/ in the place of the old. Where a second build does so at the same time, the later one stays. */
function replace(part) {
  const target = join(DIST, part);
  for (let attempt = 0; ; attempt += 1) {
    moveAway(target, join(scratch, `old-${part}-${attempt}`));
    try {
      renameSync(join(scratch, part), target);
      return;
    } catch (error) {
      const taken = error.code === 'ENOTEMPTY' || error.code === 'EEXIST';
      if (!taken || attempt === 100) throw error;
    }
  }
}

function moveAway(target, aside) {
  try {
    renameSync(target, aside);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
}

/** Removes what builds that were killed have left. */
function removeLeftovers() {
  if (!existsSync(DIST)) return;
  for (const name of readdirSync(DIST)) {
    if (name.startsWith(SCRATCH_PREFIX) && !isAlive(Number(name.slice(SCRATCH_PREFIX.length)))) {
      rmSync(join(DIST, name), { recursive: true, force: true });
    }
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
