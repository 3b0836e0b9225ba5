/** Rows on their way from the database to a frame: PostgreSQL's own text of each cell, encoded at most once a detail. */
import { encodeCell } from './columns.ts';
import type { Column, StreamDeclaration } from './streams.ts';
import { columnsOf } from './streams.ts';

/** How much of a row a subscriber asked for (F9). */
export type Detail = 'values' | 'full';

/** A row as the change log and the history hand it on. */
export interface StreamRow {
  /** The row's id, as text. */
  readonly id: string;
  /** Epoch ms of the row's own timestamp; microseconds are its fraction. */
  readonly time: number;
  readonly key: string;
  /** The line within the key, null where the stream has none or the row names none. */
  readonly series: string | null;
  /** Text of every column, in the order of `columnsOf`. */
  readonly cells: readonly (string | null)[];
}

/** Turns cells into rows and rows into JSON, for one stream. */
export interface RowCodec {
  /** Null for a row that no channel can carry: a null key, or a timestamp that is infinite (F8). */
  parse(cells: readonly (string | null)[]): StreamRow | null;
  /** The row as a JSON object. */
  encode(row: StreamRow, detail: Detail): string;
  /** The columns of `cells`, in order. */
  readonly columns: readonly Column[];
}

/** Builds the codec of a stream. The result holds no state and may be shared. */
export function rowCodec(stream: StreamDeclaration): RowCodec {
  const columns = columnsOf(stream);
  const at = (name: string): number => columns.findIndex((column) => column.name === name);
  const key = at(stream.key.name);
  const series = stream.series === null ? -1 : at(stream.series.name);
  const full = columns.map((column, index) => ({ index, kind: column.kind, label: `${JSON.stringify(column.name)}:` }));
  const values = full.filter(({ index }) => {
    const column = columns[index];
    return column?.kind !== 'document' && column?.name !== 'created_at';
  });
  return {
    columns,
    parse(cells) {
      const [id, time] = cells;
      const keyText = cells[key];
      if (id == null || time == null || keyText == null) return null;
      const epoch = Number(time);
      if (!Number.isFinite(epoch)) return null;
      return { id, time: epoch, key: keyText, series: series < 0 ? null : (cells[series] ?? null), cells };
    },
    encode(row, detail) {
      let json = '';
      for (const { index, kind, label } of detail === 'full' ? full : values) {
        json += `${json === '' ? '{' : ','}${label}${encodeCell(kind, row.cells[index] ?? null)}`;
      }
      return `${json}}`;
    },
  };
}
