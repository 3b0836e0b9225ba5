/** How much script the page's first view takes: what stands in the page, its entry and whatever that imports statically, compressed. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { constants, gzipSync } from 'node:zlib';
import { packageRoot } from '../../server/root.ts';

/** One file of the built page. */
export interface BuiltFile {
  readonly name: string;
  readonly bytes: number;
  /** Bytes after gzip at its best. */
  readonly gzip: number;
}

const STATIC_IMPORT = /(?:\bfrom|\bimport)\s*["']\.\/([^"']+\.js)["']/g;

/** Scripts of the first view in the order in which they run, and the other scripts and style sheets of the built page. */
export function builtFiles(): { readonly first: readonly BuiltFile[]; readonly later: readonly BuiltFile[] } {
  const client = join(packageRoot(), 'dist', 'client');
  const assets = join(client, 'assets');
  const sized = (name: string, content: Buffer): BuiltFile => {
    return { name, bytes: content.length, gzip: gzipSync(content, { level: constants.Z_BEST_COMPRESSION }).length };
  };
  const measured = (name: string): BuiltFile => sized(name, readFileSync(join(assets, name)));
  const html = readFileSync(join(client, 'index.html'), 'utf8');
  const names = [...html.matchAll(/<script[^>]+src="[^"]*assets\/([^"]+\.js)"/g)].map((match) => match[1] ?? '');
  for (const name of names) {
    for (const [, imported = ''] of readFileSync(join(assets, name), 'utf8').matchAll(STATIC_IMPORT))
      if (!names.includes(imported)) names.push(imported);
  }
  const later = readdirSync(assets).filter((name) => /\.(js|css)$/.test(name) && !names.includes(name));
  const inline = [...html.matchAll(/<script>(.*?)<\/script>/gs)].map(([, code]) =>
    sized('in index.html itself', Buffer.from(code ?? '')),
  );
  return { first: [...inline, ...names.map(measured)], later: later.map(measured) };
}
