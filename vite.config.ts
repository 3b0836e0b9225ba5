/**
 * The two builds: the page (`vite build`) into dist/client, and the server (`vite build --ssr`) into dist/server, so that
 * an installation needs neither TypeScript nor a loader. scripts/build.mjs runs both.
 */
import { fileURLToPath } from 'node:url';
import { defineConfig, type UserConfig } from 'vite';
import { trimUplot } from './scripts/trim-uplot.ts';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The page. Everything it loads is a file of its own: its content security policy allows nothing inline. */
const client: UserConfig = {
  root: at('client'),
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  plugins: [trimUplot()],
  build: {
    outDir: at('dist/client'),
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 250,
  },
  server: {
    host: '127.0.0.1',
    proxy: {
      '/api': 'http://127.0.0.1:8050',
      '/feed': { target: 'ws://127.0.0.1:8050', ws: true },
    },
  },
};

/** The server. Its dependencies stay imports: they are installed beside it, some of them with programs of their own. */
const server: UserConfig = {
  root: at('.'),
  publicDir: false,
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
