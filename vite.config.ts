/**
 * The two builds: the page (`vite build`) into dist/client, and the server (`vite build --ssr`) into dist/server, so that
 * an installation needs neither TypeScript nor a loader. scripts/build.mjs runs both.
 */
import { fileURLToPath } from 'node:url';
import { minify } from 'terser';
import { build, defineConfig, type Plugin, type UserConfig } from 'vite';
import { precompress } from './scripts/precompress.ts';
import { trimStreams, withoutTables } from './scripts/trim-streams.ts';
import { trimUplot } from './scripts/trim-uplot.ts';
import { trimZod } from './scripts/trim-zod.ts';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/**
 * Leaves dynamic imports as they are. Vite wraps each in a helper that preloads what the part needs, a kilobyte of script;
 * the page's later part needs nothing that is not there already.
 */
const plainImports: Plugin = {
  name: 'plain-imports',
  enforce: 'pre',
  load: (id) => (id === '\0vite/preload-helper.js' ? 'export const __vitePreload = (load) => load();' : null),
};

/** A second minifier over what the bundler's own has made: the two together are a fiftieth smaller than either. */
const tighten: Plugin = {
  name: 'tighten',
  async generateBundle(_options, bundle) {
    for (const chunk of Object.values(bundle)) {
      if (chunk.type !== 'chunk') continue;
      const { code } = await minify(chunk.code, {
        module: true,
        ecma: 2020,
        // A read of a signal subscribes: no read may go.
        compress: { passes: 3, pure_getters: false, keep_fargs: false, unsafe_arrows: true },
      });
      if (code === undefined) throw new Error(`nothing is left of ${chunk.fileName}`);
      chunk.code = code;
    }
  },
};

/**
 * Builds client/early.ts, with whatever it needs in it, and puts it into the page itself: a file would come no sooner than
 * the page's own script. The server allows it by its hash.
 */
const earlyScript: Plugin = {
  name: 'early-script',
  apply: 'build',
  transformIndexHtml: {
    order: 'post',
    async handler(html) {
      const built = await build({
        configFile: false,
        root: at('client'),
        logLevel: 'warn',
        // Of the streams it needs the names and keys alone.
        plugins: [trimStreams(({ key }) => ({ key: { name: key.name } })), tighten],
        build: {
          write: false,
          target: 'es2022',
          rolldownOptions: { ...SHARED_IS_PURE, input: at('client/early.ts'), output: { format: 'iife' } },
        },
      });
      const [chunk] = 'output' in built ? built.output : [];
      if (chunk?.type !== 'chunk') throw new Error('client/early.ts has not become one script');
      // After the style sheet it would wait for that.
      const place = '<meta charset="utf-8" />';
      if (!html.includes(place)) throw new Error(`client/index.html has no ${place} to put the early script behind`);
      return html.replace(place, () => `${place}\n    <script>${chunk.code.trim()}</script>`);
    },
  },
};

/** shared/ is pure: what the page does not use of it, such as the schemas of what it sends, need not be evaluated. */
const SHARED_IS_PURE = {
  treeshake: { moduleSideEffects: [{ test: /\/shared\/\w+\.ts$/, sideEffects: false }] },
};

/** What a chunk of the bundler is told of a module. */
interface ModuleGraph {
  getModuleInfo(id: string): { readonly importedIds: readonly string[] } | null;
}

/**
 * Keeps what the first view imports in one file. The bundler would cut it into one for each set of later parts that shares
 * some of it, and six small files compress worse than one.
 */
function firstView(): (id: string, graph: ModuleGraph) => string | null {
  const all = new Set<string>();
  return (id, graph) => {
    const waiting = all.size === 0 ? [at('client/main.tsx')] : [];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (all.has(next)) continue;
      all.add(next);
      waiting.push(...(graph.getModuleInfo(next)?.importedIds ?? []));
    }
    return all.has(id) ? 'first' : null;
  };
}

/** The page. Everything it loads is a file of its own: its content security policy allows nothing inline. */
const client: UserConfig = {
  root: at('client'),
  plugins: [plainImports, trimStreams(withoutTables), trimUplot(), trimZod(), tighten, earlyScript, precompress()],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: at('dist/client'),
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    // A list of what each later part needs would weigh more than what it saves: most need nothing that is not there already.
    modulePreload: {
      polyfill: false,
      resolveDependencies: (_file, needed, { hostType }) => (hostType === 'js' ? [] : needed),
    },
    chunkSizeWarningLimit: 250,
    rolldownOptions: {
      ...SHARED_IS_PURE,
      output: { codeSplitting: { groups: [{ name: firstView() }] } },
    },
  },
  server: {
    host: '127.0.0.1',
    proxy: {
      '/api': 'http://127.0.0.1:8050',
      '/feed': { target: 'ws://127.0.0.1:8050', ws: true },
    },
  },
};

/**
 * The server. Its dependencies stay imports: they are installed beside it, some of them with programs of their own. Only zod
 * is taken in, without its forty languages of messages, which would keep ten megabytes of a running server.
 */
const server: UserConfig = {
  root: at('.'),
  publicDir: false,
  ssr: { noExternal: ['zod'] },
  build: {
    ssr: true,
    outDir: at('dist/server'),
    emptyOutDir: true,
    target: 'node20',
    minify: false,
    rolldownOptions: {
      input: at('server/main.ts'),
      output: { entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' },
    },
  },
};

export default defineConfig(({ isSsrBuild }) => (isSsrBuild ? server : client));
