/**
 * Leaves out of the streams' declaration, before bundling, what a page has no use for: the types, defaults and indexes of
 * the tables. Where the declaration no longer looks as expected the build fails.
 */
import type { Plugin } from 'vite';
import { STREAM_LIST, type StreamDeclaration } from '../shared/streams.ts';

const DECLARATION = /export const STREAMS: [\s\S]*?\n\};\n/;

/** @param kept what is left of a stream. */
export function trimStreams(kept: (stream: StreamDeclaration) => object): Plugin {
  return {
    name: 'trim-streams',
    enforce: 'pre',
    transform(code, id) {
      if (!id.endsWith('/shared/streams.ts')) return null;
      if (!DECLARATION.test(code)) throw new Error('shared/streams.ts has no declaration of STREAMS to be trimmed');
      const streams = Object.fromEntries(STREAM_LIST.map((stream) => [stream.name, kept(stream)]));
      return {
        code: code.replace(DECLARATION, () => `export const STREAMS = ${JSON.stringify(streams)};\n`),
        map: null,
      };
    },
  };
}

/** What a page reads of a declaration: everything but what makes its table. */
export function withoutTables({ indexes, owned, table, ...stream }: StreamDeclaration): object {
  const plain = ({ sqlType, required, ...column }: StreamDeclaration['key']): object => column;
  return {
    ...stream,
    key: plain(stream.key),
    series: stream.series === null ? null : plain(stream.series),
    values: stream.values.map(plain),
  };
}
