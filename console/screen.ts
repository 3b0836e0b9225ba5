/** The console's screen: what is known becomes lines of text that fill a terminal of any size. Pure. */
import { clock, compact, fixed, NOTHING } from '../client/format.ts';
import { stands } from '../client/reading/anomalylist.ts';
import type { Tone as FigureTone } from '../client/recipes/recipe.ts';
import type { SeenAnomaly } from './anomalies.ts';
import type { Seen, SeenStream } from './board.ts';
import { clean, clipLine, exactly, type Line, type Segment, segment, spread, type Tone } from './cells.ts';
import { KEYS, matches, type Ui } from './choices.ts';
import { sparkLines } from './sparks.ts';
import { connectionStanding, isCurrent, streamStanding } from './standing.ts';

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** What else the screen shows. */
export interface Surroundings {
  /** The server's address, without anything secret. */
  readonly address: string;
  readonly symbols: readonly string[];
  /** Why the list of symbols is not there; null where it is. */
  readonly symbolsFault: string | null;
}

/** Cells of a stream's name and of its figure. */
const NAME_CELLS = 13;
const FIGURE_CELLS = 13;
/** Cells of the text beside a sparkline, at most. */
const NOTES_CELLS = 44;
/** Cells from which on there is room for what is not needed. */
const ROOMY = 60;
/** Lines of anomalies that are kept in sight before sparklines grow. */
const ANOMALIES_LEAST = 6;
const SPARK_HEIGHT_MOST = 4;
const FIGURE_TONES: Readonly<Record<FigureTone, Tone>> = { plain: 'strong', gain: 'gain', loss: 'loss' };

/** The whole screen: exactly `rows` lines, each of at most `columns` cells. */
export function screen(seen: Seen, ui: Ui, around: Surroundings, size: Size): readonly Line[] {
  const head = [headLine(seen, size.columns), connectionLine(seen, around, size.columns)];
  const foot = [footLine(ui, size.columns)];
  const room = Math.max(0, size.rows - head.length - foot.length);
  const inner = { columns: size.columns, rows: room };
  const body =
    ui.mode === 'help' ? helpLines() : ui.mode === 'list' ? listLines(ui, around, inner) : boardLines(seen, inner);
  const filled = [...body.slice(0, room), ...blank(room - body.length)];
  // On a screen with no room for all, the state of the connection is what stays.
  return [...head, ...filled, ...foot].slice(0, size.rows).map((line) => clipLine(line, size.columns));
}

function headLine({ choice, now, demo }: Seen, columns: number): Line {
  const left = [
    segment('AlphaPulse  ', 'dim'),
    segment(clean(choice.symbol), 'strong'),
    segment(`  ${choice.range}`),
    ...(demo ? [segment('  DEMO: simulated market', 'warn')] : []),
  ];
  return spread(left, [segment(`${clock(now, 'utc')} UTC`)], columns);
}

function connectionLine(seen: Seen, { address }: Surroundings, columns: number): Line {
  const { text, tone } = connectionStanding(seen);
  const place = columns < ROOMY ? [] : [segment(clean(address), 'dim')];
  if (tone === 'good') return spread([segment(text, tone)], place, columns);
  // Over the whole width, so that nobody overlooks it.
  return [segment(exactly(clean(text), columns), tone)];
}

function footLine(ui: Ui, columns: number): Line {
  const keys = {
    board: 's symbol   n p next   1-4 range   a anomalies   ? help   q end',
    list: 'type to search   up down   Enter take   Esc back',
    help: 'any key goes back   q end',
  };
  return clipLine([segment(keys[ui.mode], 'dim')], columns);
}

function rule(columns: number): Line {
  return [segment('─'.repeat(columns), 'dim')];
}

function boardLines(seen: Seen, { columns, rows }: Size): readonly Line[] {
  const count = seen.streams.length;
  // Rules above the streams and above the anomalies, and these with their title.
  const free = rows - 3 - ANOMALIES_LEAST;
  const height = Math.min(SPARK_HEIGHT_MOST, Math.max(rows >= 2 * count ? 1 : 0, Math.floor(free / count) - 1));
  const streams = seen.streams.flatMap((stream) => streamLines(stream, seen, columns, height));
  return [rule(columns), ...streams, rule(columns), ...anomalyLines(seen, columns)];
}

/** A stream: its figure and its state in one line, and below it what belongs to the figure beside its course. */
function streamLines(stream: SeenStream, seen: Seen, columns: number, height: number): readonly Line[] {
  const { card } = stream;
  const current = isCurrent(stream, seen);
  const standing = streamStanding(stream, seen);
  const figure: Segment[] = [
    segment(exactly(clean(card?.label ?? stream.title), NAME_CELLS)),
    segment(
      exactly(clean(card?.value ?? NOTHING), FIGURE_CELLS),
      current ? FIGURE_TONES[card?.tone ?? 'plain'] : 'dim',
    ),
  ];
  if (card?.change != null) {
    const tone = current && card.change.tone !== 'plain' ? FIGURE_TONES[card.change.tone] : 'dim';
    figure.push(segment(` ${clean(card.change.text)}`, tone));
  }
  const count =
    stream.state === 'loading' || columns < ROOMY ? '' : `${stream.rowsLastHour.toLocaleString('en-US')} rows/h  `;
  const first = spread(figure, [segment(count, 'dim'), segment(standing.text, standing.tone)], columns);
  if (height === 0) return [first];
  const notesCells = Math.min(NOTES_CELLS, Math.floor(columns / 2));
  const { offReason } = stream;
  if (offReason !== null) return [first, [segment(`  ${clean(offReason)}`, 'warn')], ...blank(height - 1)];
  const notes = notesOf(stream);
  const width = Math.max(0, columns - notesCells - 1);
  const { from, to, doubtFrom } = stream;
  const course = sparkLines(card?.spark ?? null, { from, to, doubtFrom, width, height });
  return [
    first,
    ...course.map((text, index): Line => {
      // What belongs to one figure stands in one line where there is but one.
      const note = height === 1 ? notes.join(' · ') : (notes[index] ?? '');
      return [
        segment(exactly(`  ${clean(note)}`, notesCells), 'dim'),
        segment(' '),
        segment(text, current ? 'plain' : 'dim'),
      ];
    }),
  ];
}

/** What the figure is of, and further values. */
function notesOf({ card }: SeenStream): readonly string[] {
  return card === null ? [] : [card.source, ...card.notes];
}

function blank(count: number): readonly Line[] {
  return Array.from({ length: Math.max(0, count) }, (): Line => []);
}

function anomalyLines(seen: Seen, columns: number): readonly Line[] {
  const { choice, anomalies } = seen;
  const of = choice.everyAnomaly ? 'all symbols' : clean(choice.symbol);
  const title = spread(
    [segment(`Anomalies of ${of}`, 'strong'), segment(`, last ${choice.range}, newest first`, 'dim')],
    [segment('! beyond its threshold', 'dim')],
    columns,
  );
  const stream = seen.streams.find((one) => one.stream === 'anomalies');
  const current =
    stream !== undefined && (isCurrent(stream, seen) || (stream.state === 'stale' && seen.feed === 'live'));
  if (anomalies.length === 0) {
    const none = stream?.state === 'loading' ? 'loading' : stream?.state === 'off' ? 'the stream is off' : 'none';
    return [title, [segment(`  ${none}`, 'dim')]];
  }
  return [title, ...anomalies.map((anomaly) => anomalyLine(anomaly, choice.everyAnomaly, current))];
}

function anomalyLine(anomaly: SeenAnomaly, withSymbol: boolean, current: boolean): Line {
  const { time, symbol, type, value, z } = anomaly;
  const strong = stands(anomaly);
  const text = [
    `${strong ? '!' : ' '} ${clock(time, 'utc')}`,
    ...(withSymbol ? [exactly(clean(symbol), 14)] : []),
    exactly(clean(type ?? 'no name').replaceAll('_', ' '), 20),
    `${fixed(z, 1, 'plus')}σ`.padStart(8),
    `value ${compact(value)}`,
  ].join('  ');
  return [segment(text, strong && current ? 'strong' : current ? 'plain' : 'dim')];
}

function listLines(ui: Ui, { symbols, symbolsFault }: Surroundings, { columns, rows }: Size): readonly Line[] {
  const found = matches(symbols, ui.search);
  const room = Math.max(1, rows - 3);
  // The chosen one stays in sight.
  const first = Math.max(0, Math.min(ui.at - Math.floor(room / 2), found.length - room));
  const shown = found.slice(first, first + room);
  const none = symbolsFault ?? (symbols.length === 0 ? 'the list is not there yet' : 'no symbol has that in its name');
  return [
    rule(columns),
    spread(
      [segment('Symbol: ', 'dim'), segment(clean(ui.search), 'strong'), segment('_')],
      [segment(`${found.length} of ${symbols.length}`, 'dim')],
      columns,
    ),
    ...shown.map((symbol, index): Line => {
      const isChosen = first + index === ui.at;
      return [segment(`${isChosen ? '>' : ' '} ${clean(symbol)}`, isChosen ? 'chosen' : 'plain')];
    }),
    ...(found.length === 0 ? [[segment(`  ${clean(none)}`, 'warn')]] : []),
  ];
}

function helpLines(): readonly Line[] {
  const says: readonly (readonly [string, string])[] = [
    ['live', 'it is what the database has'],
    ['STALE', 'connected, but silent for longer than is usual for the stream'],
    ['OLD', 'no connection to new rows: so it was, and may have changed'],
    ['░', 'the time of which nothing is known'],
  ];
  const table = (pairs: readonly (readonly [string, string])[]): Line[] =>
    pairs.map(([name, does]) => [segment(`  ${exactly(name, 12)}`, 'strong'), segment(does)]);
  return [[], ...table(KEYS), [], ...table(says)];
}
