/** The list of a chart's lines: each can be hidden, shown, or shown alone. */
import type { StreamName } from '../../shared/streams.ts';
import { type Palette, slotColor, slotDash } from '../painters/scene.ts';
import { palette } from '../theme.ts';
import { ALL_LINES, hiddenCount, isHidden, isolateLine, type ListedLine, linesOf, toggleLine } from './lineset.ts';
import { choiceOf, choose, drawnPicture } from './state.ts';

/** Every line that a chart has, hidden ones too. */
export function useLines(stream: StreamName): readonly ListedLine[] {
  const picture = drawnPicture(stream);
  return picture === null ? [] : linesOf(picture.all);
}

export function LinesList({ stream }: { stream: StreamName }) {
  const lines = useLines(stream);
  const colours = palette.value;
  if (lines.length < 2 && hiddenIn(stream, lines) === 0) return null;
  const choice = choiceOf(stream);
  const names = lines.map(({ name }) => name);
  return (
    <section class="lines" aria-label="Lines">
      <header>
        <span>Lines</span>
        <button
          type="button"
          class="small"
          disabled={hiddenIn(stream, lines) === 0}
          data-testid="lines-all"
          onClick={() => choose(stream, ALL_LINES)}
        >
          All
        </button>
      </header>
      {lines.map((line) => (
        <div class="lines-row" key={line.name} {...(isHidden(choice, line.name) ? { 'data-hidden': '' } : {})}>
          <button
            type="button"
            aria-pressed={!isHidden(choice, line.name)}
            data-line={line.name}
            title="Show or hide; with Shift or Alt, or a double click, show it alone"
            onClick={(event) =>
              choose(
                stream,
                event.shiftKey || event.altKey
                  ? isolateLine(choiceOf(stream), line.name, names)
                  : toggleLine(choiceOf(stream), line.name, names),
              )
            }
            onDblClick={() => choose(stream, { kind: 'only', names: [line.name] })}
          >
            {colours !== null && <Swatch line={line} palette={colours} />}
            <span class="lines-name">{line.name}</span>
          </button>
          <button
            type="button"
            class="small"
            aria-label={`Only ${line.name}`}
            data-only={line.name}
            onClick={() => choose(stream, isolateLine(choiceOf(stream), line.name, names))}
          >
            Only
          </button>
        </div>
      ))}
    </section>
  );
}

/** How many of a chart's lines are hidden. */
export function hiddenIn(stream: StreamName, lines: readonly ListedLine[]): number {
  return hiddenCount(
    choiceOf(stream),
    lines.map(({ name }) => name),
  );
}

function Swatch({ line: { slot, isColoured }, palette: colours }: { line: ListedLine; palette: Palette }) {
  return (
    <svg viewBox="0 0 16 6" aria-hidden="true">
      {isColoured ? (
        <path d="M0 3h16" style={{ stroke: slotColor(colours, slot) }} stroke-dasharray={slotDash(slot).join(' ')} />
      ) : (
        <circle cx="8" cy="3" r="3" style={{ fill: colours.third }} />
      )}
    </svg>
  );
}
