/** A button that shows the current choice and opens a list of all of them. */
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Icon } from './icons.tsx';
import { extras, fetchExtras, NotYet } from './later.tsx';
import type { Choice } from './menulist.tsx';

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
  const parts = extras();

  useEffect(() => {
    if (!isOpen.value) return;
    fetchExtras();
    const close = (event: Event): void => {
      if (event.target instanceof Node && root.current?.contains(event.target)) return;
      isOpen.value = false;
    };
    document.addEventListener('pointerdown', close);
    return () => document.removeEventListener('pointerdown', close);
  }, [isOpen.value]);

  const close = (): void => {
    isOpen.value = false;
    // The list had the focus and is gone: without this the next Tab would begin at the top of the page.
    root.current?.querySelector('button')?.focus();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (!isOpen.value || event.key !== 'Escape') return;
    close();
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
        <Icon name="caret" />
      </button>
      {isOpen.value &&
        (parts === null ? (
          <div class="menu-list">
            <NotYet />
          </div>
        ) : (
          <parts.MenuList
            choices={props.choices}
            chosen={props.chosen}
            onChoose={(id) => {
              close();
              // The list speaks of names; only those that were given to it come back.
              const choice = props.choices.find((candidate) => candidate.id === id);
              if (choice !== undefined) props.onChoose(choice.id);
            }}
          />
        ))}
    </div>
  );
}
