/** A button that shows the current choice and opens a list of all of them. */
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { CaretIcon } from './icons.tsx';

/** One entry of a menu. */
export interface Choice<T extends string> {
  readonly id: T;
  readonly label: string;
  /** What stands beside it in the list. */
  readonly hint?: string;
}

interface MenuProps<T extends string> {
  readonly label: string;
  readonly testId: string;
  readonly choices: readonly Choice<T>[];
  readonly chosen: T;
  readonly isPaused: boolean;
  readonly children: ComponentChildren;
  onChoose(id: T): void;
}

export function Menu<T extends string>(props: MenuProps<T>) {
  const isOpen = useSignal(false);
  const root = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLDivElement>(null);

  useEffect(() => {
    if (!isOpen.value) return;
    list.current?.querySelector<HTMLElement>('[aria-checked="true"]')?.focus();
    const close = (event: Event): void => {
      if (event.target instanceof Node && root.current?.contains(event.target)) return;
      isOpen.value = false;
    };
    document.addEventListener('pointerdown', close);
    return () => document.removeEventListener('pointerdown', close);
  }, [isOpen.value]);

  const onKeyDown = (event: KeyboardEvent): void => {
    if (!isOpen.value) return;
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (event.key === 'Escape') {
      isOpen.value = false;
      root.current?.querySelector('button')?.focus();
    } else if (step !== 0) {
      const entries = [...(list.current?.querySelectorAll<HTMLElement>('button') ?? [])];
      const index = entries.findIndex((entry) => entry.matches(':focus'));
      entries[(index + step + entries.length) % entries.length]?.focus();
    } else return;
    // The page's own keys do not see what the menu has understood.
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the keys belong to the buttons within, which bubble here.
    <div class="menu refresh" ref={root} onKeyDown={onKeyDown} {...(props.isPaused ? { 'data-paused': '' } : {})}>
      <button
        type="button"
        class="button"
        aria-haspopup="menu"
        aria-expanded={isOpen.value}
        aria-label={`${props.label}: ${props.chosen}`}
        data-testid={props.testId}
        onClick={() => {
          isOpen.value = !isOpen.value;
        }}
      >
        {props.children}
        <CaretIcon />
      </button>
      {isOpen.value && (
        <div class="menu-list" role="menu" ref={list}>
          {props.choices.map((choice) => (
            <button
              type="button"
              key={choice.id}
              role="menuitemradio"
              aria-checked={choice.id === props.chosen}
              data-choice={choice.id}
              onClick={() => {
                isOpen.value = false;
                props.onChoose(choice.id);
              }}
            >
              {choice.label}
              {choice.hint !== undefined && <kbd>{choice.hint}</kbd>}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}
