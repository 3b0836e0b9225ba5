/** The list of keys: those of the page itself, and those that its later parts have bound. */
import { laterKeys } from './laterkeys.ts';

const KEYS: readonly (readonly [keys: readonly string[], what: string])[] = [
  [['/'], 'choose a symbol'],
  [['1', '2', '3', '4'], 'range: 1 h, 6 h, 24 h, 7 d'],
  [['r'], 'next refresh rate'],
  [['space'], 'pause the picture, and go on'],
  [['+', '−'], 'zoom in and out; or drag over a chart, or Ctrl and the wheel'],
  [['←', '→'], 'move through time; or Shift and drag'],
  [['0'], 'the whole range again; or double click'],
  [['t'], 'theme: system, dark, light'],
  [['?'], 'this list'],
  [['Esc'], 'close what is open'],
];

export function KeyList({ onClose }: { onClose(): void }) {
  const bound = laterKeys().map(({ key, does }) => [[key], does] as const);
  return (
    <div class="help">
      <h2>Keys</h2>
      <dl>
        {[...KEYS, ...bound].map(([keys, what]) => (
          <>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </>
        ))}
      </dl>
      <p>
        <button type="button" class="button" onClick={onClose}>
          Close
        </button>
        <a class="button" href="/api/docs">
          Interfaces for programs
        </a>
      </p>
    </div>
  );
}
