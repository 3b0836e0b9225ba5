/** The open list of a menu: its entries, and the keys that move between them. */
import { useEffect, useRef } from 'preact/hooks';

/** One entry of a menu. */
export interface Choice<T extends string> {
  readonly id: T;
  readonly label: string;
  /** What stands beside it in the list. */
  readonly hint?: string;
}

interface MenuListProps<T extends string> {
  readonly choices: readonly Choice<T>[];
  readonly chosen: T;
  onChoose(id: T): void;
}

export function MenuList<T extends string>({ choices, chosen, onChoose }: MenuListProps<T>) {
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    list.current?.querySelector<HTMLElement>('[aria-checked="true"]')?.focus();
  }, []);

  const onKeyDown = (event: KeyboardEvent): void => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (step === 0) return;
    const entries = [...(list.current?.querySelectorAll<HTMLElement>('button') ?? [])];
    const index = entries.findIndex((entry) => entry.matches(':focus'));
    entries[(index + step + entries.length) % entries.length]?.focus();
    // The page's own keys do not see what the menu has understood.
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div class="menu-list" role="menu" ref={list} onKeyDown={onKeyDown}>
      {choices.map((choice) => (
        <button
          type="button"
          key={choice.id}
          role="menuitemradio"
          aria-checked={choice.id === chosen}
          data-choice={choice.id}
          onClick={() => onChoose(choice.id)}
        >
          {choice.label}
          {choice.hint !== undefined && <kbd>{choice.hint}</kbd>}
        </button>
      ))}
    </div>
  );
}
