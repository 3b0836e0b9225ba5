/**
 * Cuts from zod, before bundling, the ways of parsing that a page does not go: schemas are objects with all their methods, so
 * that no bundler finds out that nobody calls them. A page says `parse`, `safeParse` and `check`. Every cut has to fit its place
 * exactly; a zod that has changed there fails the build.
 */
import type { Plugin } from 'vite';

/** By module: what is left out. */
const CUTS: Readonly<Record<string, readonly RegExp[]>> = {
  '/zod/v4/mini/schemas.js': [
    /\n {4}get with\(\) \{[\s\S]*?\n {4}\},\n {4}set with\(value\) \{[\s\S]*?\n {4}\},/,
    /\n {4}parseAsync\(data, params\) \{[\s\S]*?\n {4}\},/,
    /\n {4}safeParseAsync\(data, params\) \{[\s\S]*?\n {4}\},/,
    /\n {4}brand\(\) \{[\s\S]*?\n {4}\},/,
    /\n {4}register\(reg, meta\) \{[\s\S]*?\n {4}\},/,
  ],
  '/zod/v4/core/schemas.js': [
    /\n {4}get "~standard"\(\) \{[\s\S]*?\n {4}\},\n {4}set "~standard"\(value\) \{[\s\S]*?\n {4}\},/,
  ],
};

/** The plugin for the page's build. */
export function trimZod(): Plugin {
  return {
    name: 'trim-zod',
    apply: 'build',
    transform(code, id) {
      const cuts = Object.entries(CUTS).find(([module]) => id.endsWith(module))?.[1];
      if (cuts === undefined) return null;
      let trimmed = code;
      for (const cut of cuts) {
        if (!cut.test(trimmed))
          throw new Error(`zod has changed: nothing matches ${cut}. Adapt scripts/trim-zod.ts, or leave it out.`);
        trimmed = trimmed.replace(cut, '');
      }
      return { code: trimmed, map: null };
    },
  };
}
