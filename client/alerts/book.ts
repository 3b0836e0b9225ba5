/**
 * The rules as the browser keeps them: parsed at the border, versioned, and changed by small edits of what is stored at that
 * moment, so that two tabs do not undo each other's. The storage comes in from outside.
 */
import { batch, type ReadonlySignal, signal } from '@preact/signals';
import * as z from 'zod/mini';
import { MOST_RULES, RULES_VERSION, type Rule, ruleSchema } from './rules.ts';

/** Everything that is kept. */
export interface Kept {
  readonly rules: readonly Rule[];
  /** Whether an alert makes a sound. */
  readonly sound: boolean;
  /** Whether an alert shows a notification of the browser while the page is hidden. */
  readonly notify: boolean;
}

/** Where it is kept. Every call may throw: storage can be forbidden or full. */
export interface BookStorage {
  read(): string | null;
  write(text: string): void;
  /** Calls back when another tab has written; the result stops that. */
  onChange(listener: () => void): () => void;
}

const NOTHING: Kept = { rules: [], sound: false, notify: false };
/** A file of a hundred rules has less than a tenth of it. */
const MOST_CHARACTERS = 500_000;

const fileSchema = z.object({ version: z.literal(RULES_VERSION), rules: z.array(z.unknown()) });
const keptSchema = z.object({
  version: z.literal(RULES_VERSION),
  rules: z.array(ruleSchema).check(z.refine(({ length }) => length <= MOST_RULES, `more than ${MOST_RULES} rules`)),
  sound: z.boolean(),
  notify: z.boolean(),
});
const versioned = z.object({ version: z.number() });

/** What a stored text or a file is: rules, or why it is none. */
export type Parsed<T> = { readonly value: T } | { readonly faults: readonly string[] };

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function newerFault(value: unknown): string | null {
  const told = versioned.safeParse(value);
  return told.success && told.data.version > RULES_VERSION
    ? `It was written by a newer version of this page (${told.data.version}, this one knows ${RULES_VERSION}).`
    : null;
}

/** Parses what is stored. */
export function parseKept(text: string | null): Parsed<Kept> {
  if (text === null) return { value: NOTHING };
  const value = json(text);
  const parsed = keptSchema.safeParse(value);
  if (parsed.success) {
    const { rules, sound, notify } = parsed.data;
    return { value: { rules, sound, notify } };
  }
  return { faults: [newerFault(value) ?? 'What is stored cannot be read.'] };
}

/** Writes what is kept as it is stored. */
export function formatKept(kept: Kept): string {
  return JSON.stringify({ version: RULES_VERSION, ...kept });
}

/** Writes rules as a file, for another browser. */
export function formatFile(rules: readonly Rule[]): string {
  const bare = rules.map((rule) => ({ ...rule, muted: null, acknowledged_at: null }));
  return `${JSON.stringify({ version: RULES_VERSION, rules: bare }, null, 2)}\n`;
}

/** Parses a file. Each fault names its rule and field. */
export function parseFile(text: string): Parsed<readonly Rule[]> {
  if (text.length > MOST_CHARACTERS) return { faults: ['The file is too large to be one of rules.'] };
  const value = json(text);
  if (value === undefined) return { faults: ['The file is not JSON.'] };
  const file = fileSchema.safeParse(value);
  if (!file.success)
    return {
      faults: [newerFault(value) ?? 'The file is not one of alert rules: it has no version 1 and list of rules.'],
    };
  const rules: Rule[] = [];
  const faults: string[] = [];
  for (const [index, one] of file.data.rules.entries()) {
    const parsed = ruleSchema.safeParse(one);
    if (parsed.success) rules.push(parsed.data);
    else
      for (const { path, message } of parsed.error.issues) {
        const field = path.length === 0 ? '' : `, ${path.map(String).join('.')}`;
        faults.push(`Rule ${index + 1}${field}: ${message === 'Invalid input' ? 'missing or not accepted' : message}.`);
      }
  }
  const ids = new Set(rules.map(({ id }) => id));
  if (ids.size < rules.length) faults.push('Two rules have the same id.');
  if (file.data.rules.length > MOST_RULES) faults.push(`There are more than ${MOST_RULES} rules.`);
  return faults.length > 0 ? { faults } : { value: rules };
}

/** The book of one page. */
export interface RuleBook {
  readonly kept: ReadonlySignal<Kept>;
  /** Why what is kept cannot be read or changed; null where it can. */
  readonly trouble: ReadonlySignal<string | null>;
  /** Changes what is stored now, whoever wrote it. Does nothing where that cannot be read; `trouble` says so. */
  edit(change: (kept: Kept) => Kept): void;
  /** Begins anew with nothing, also where what is stored cannot be read. */
  reset(): void;
  close(): void;
}

const FORBIDDEN = 'This browser does not keep them: they are gone when the page is closed.';

export function openBook(storage: BookStorage): RuleBook {
  const kept = signal<Kept>(NOTHING);
  const trouble = signal<string | null>(null);

  function take(text: string | null): boolean {
    const parsed = parseKept(text);
    if ('faults' in parsed) {
      trouble.value = parsed.faults.join(' ');
      return false;
    }
    // What says the same is the same, so that nobody judges the rules anew for it.
    if (formatKept(parsed.value) !== formatKept(kept.peek())) kept.value = parsed.value;
    return true;
  }

  function load(): boolean {
    let text: string | null;
    try {
      text = storage.read();
    } catch {
      trouble.value = FORBIDDEN;
      return true;
    }
    if (!take(text)) return false;
    trouble.value = null;
    return true;
  }

  function write(next: Kept): void {
    batch(() => {
      kept.value = next;
      try {
        storage.write(formatKept(next));
      } catch {
        trouble.value = FORBIDDEN;
      }
    });
  }

  load();
  const stop = storage.onChange(() => batch(load));
  return {
    kept,
    trouble,
    edit(change) {
      batch(() => {
        if (load()) write(change(kept.peek()));
      });
    },
    reset() {
      batch(() => {
        trouble.value = null;
        write(NOTHING);
      });
    },
    close: stop,
  };
}

/** With a rule added, or put in the place of the one with its id. */
export function withRule({ rules, ...rest }: Kept, rule: Rule): Kept {
  const isNew = !rules.some(({ id }) => id === rule.id);
  if (isNew && rules.length >= MOST_RULES) return { rules, ...rest };
  return { ...rest, rules: isNew ? [...rules, rule] : rules.map((other) => (other.id === rule.id ? rule : other)) };
}

export function withoutRule({ rules, ...rest }: Kept, id: string): Kept {
  return { ...rest, rules: rules.filter((rule) => rule.id !== id) };
}

/** With one rule changed, where it is still there. */
export function withChange(kept: Kept, id: string, change: (rule: Rule) => Rule): Kept {
  return { ...kept, rules: kept.rules.map((rule) => (rule.id === id ? change(rule) : rule)) };
}
