/**
 * Builds the page and the server into dist/, quietly, and leaves a stamp that says of which sources. Built beside and
 * renamed into place: several builds at once, or one below a running server, leave a whole dist/.
 */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'vite';
import { DIST, ROOT, STAMP, sourceHash } from './sources.mjs';

const hash = sourceHash();
const scratch = join(DIST, `.build-${process.pid}`);

try {
  const shared = { configFile: join(ROOT, 'vite.config.ts'), logLevel: 'warn' };
  await Promise.all([
    build({ ...shared, build: { outDir: join(scratch, 'client') } }),
    build({ ...shared, build: { outDir: join(scratch, 'server'), ssr: true } }),
  ]);
  // While the parts are exchanged dist/ is that of no sources, so whoever looks builds anew.
  rmSync(STAMP, { force: true });
  for (const part of ['client', 'server']) replace(join(DIST, part), join(scratch, part));
  mkdirSync(DIST, { recursive: true });
  writeFileSync(join(scratch, 'stamp'), hash);
  renameSync(join(scratch, 'stamp'), STAMP);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

/** Puts a folder in the place of another one. Where a second build does so at the same time, the later one stays. */
function replace(target, source) {
  for (let attempt = 0; ; attempt += 1) {
    moveAway(target, join(scratch, `old-${attempt}`));
    try {
      renameSync(source, target);
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
