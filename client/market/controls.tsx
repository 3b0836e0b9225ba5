/** What the visitor chooses of the overview: whose rates, order, groups, cells, and a search. */
import { useRef } from 'preact/hooks';
import { Icon } from '../ui/icons.tsx';
import { GROUPS, LAYOUTS, type OverviewChoice, SORTS } from './choice.ts';

interface ControlsProps {
  readonly choice: OverviewChoice;
  /** The exchanges that there are, and the one that is meant where none is chosen. */
  readonly exchanges: readonly string[];
  readonly exchange: string | null;
  onChoose(part: Partial<OverviewChoice>): void;
}

/** Marks the spread among the exchanges' names; no exchange is called so. */
const SPREAD = '\u0000spread';

export function Controls({ choice, exchanges, exchange, onChoose }: ControlsProps) {
  return (
    <div class="market-controls">
      <Select
        label="Show"
        testId="market-by"
        value={choice.by === 'spread' ? SPREAD : (exchange ?? '')}
        options={[
          ...(exchange === null ? [{ id: '', label: 'Rate' }] : []),
          ...exchanges.map((name) => ({ id: name, label: `Rate, ${name}` })),
          { id: SPREAD, label: 'Spread of exchanges' },
        ]}
        onChange={(id) => onChoose(id === SPREAD ? { by: 'spread' } : { by: 'rate', exchange: id === '' ? null : id })}
      />
      <Select
        label="Order"
        testId="market-sort"
        value={choice.sort}
        options={SORTS}
        onChange={(id) => onChoose({ sort: SORTS.find((sort) => sort.id === id)?.id ?? choice.sort })}
      />
      <Select
        label="Groups"
        testId="market-group"
        value={choice.group}
        options={GROUPS}
        onChange={(id) => onChoose({ group: GROUPS.find((group) => group.id === id)?.id ?? choice.group })}
      />
      <Select
        label="Cells"
        testId="market-layout"
        value={choice.layout}
        options={LAYOUTS}
        onChange={(id) => onChoose({ layout: LAYOUTS.find((layout) => layout.id === id)?.id ?? choice.layout })}
      />
    </div>
  );
}

interface SelectProps {
  readonly label: string;
  readonly testId: string;
  readonly value: string;
  readonly options: readonly { readonly id: string; readonly label: string }[];
  onChange(id: string): void;
}

function Select({ label, testId, value, options, onChange }: SelectProps) {
  return (
    <label class="market-select">
      <span>{label}</span>
      <select data-testid={testId} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {options.map((option) => (
          <option key={option.id} value={option.id} selected={option.id === value}>
            {option.label}
          </option>
        ))}
      </select>
    </label>
  );
}

/** The search; Esc empties it before it closes anything. */
export function Search({
  find,
  onChoose,
  onLeave,
}: {
  find: string;
  onChoose: ControlsProps['onChoose'];
  onLeave(): void;
}) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <label class="market-search">
      <Icon name="search" />
      <input
        ref={input}
        type="text"
        aria-label="Search symbols"
        placeholder="Search"
        autocomplete="off"
        spellcheck={false}
        data-testid="market-find"
        value={find}
        onInput={(event) => onChoose({ find: event.currentTarget.value })}
        onKeyDown={(event) => {
          if (event.key === 'Escape' && find !== '') {
            onChoose({ find: '' });
            event.preventDefault();
          } else if (event.key === 'Enter' || event.key === 'ArrowDown') {
            onLeave();
            event.preventDefault();
          }
        }}
      />
    </label>
  );
}
