/** What the visitor chose of the overview, as it stands in a link and is remembered. Pure. */

/** Orders of the overview, with their words. */
export const SORTS = [
  { id: 'name', label: 'Name' },
  { id: 'high', label: 'Highest rate' },
  { id: 'low', label: 'Lowest rate' },
  { id: 'size', label: 'Strongest rate' },
  { id: 'spread', label: 'Widest spread' },
  { id: 'anomalies', label: 'Most anomalies' },
  { id: 'change', label: 'Latest change' },
] as const;
export type SortName = (typeof SORTS)[number]['id'];

export const GROUPS = [
  { id: 'none', label: 'No groups' },
  { id: 'quote', label: 'By quote currency' },
  { id: 'exchange', label: 'By exchange' },
  { id: 'sign', label: 'By sign' },
] as const;
export type GroupName = (typeof GROUPS)[number]['id'];

export const LAYOUTS = [
  { id: 'auto', label: 'Fitting cells' },
  { id: 'large', label: 'Large cells' },
  { id: 'small', label: 'Small cells' },
  { id: 'list', label: 'List' },
] as const;
export type LayoutName = (typeof LAYOUTS)[number]['id'];

export interface OverviewChoice {
  /** What colours the cells: the rate on one exchange, or how far the exchanges lie apart. */
  readonly by: 'rate' | 'spread';
  /** Which exchange's rate; null: the one with the most symbols. */
  readonly exchange: string | null;
  readonly sort: SortName;
  readonly group: GroupName;
  readonly layout: LayoutName;
  /** Only symbols that this finds. */
  readonly find: string;
}

export const USUAL_CHOICE: OverviewChoice = {
  by: 'rate',
  exchange: null,
  sort: 'size',
  group: 'none',
  layout: 'auto',
  find: '',
};

/** The names of the choice's parameters. */
const NAMES = ['by', 'exchange', 'sort', 'group', 'layout', 'find'] as const;

function oneOf<const T extends string>(all: readonly { readonly id: T }[], text: string | null, usual: T): T {
  return all.find(({ id }) => id === text)?.id ?? usual;
}

/**
 * Reads a choice from a query string, what it does not say from `fallback`. Null where the query asks for no overview. A link
 * that names any part of the choice means the usual for the rest, so that it looks the same to everybody.
 */
export function parseOverview(query: string, fallback: OverviewChoice): OverviewChoice | null {
  const parameters = new URLSearchParams(query);
  if (parameters.get('view') !== 'overview') return null;
  return NAMES.some((name) => parameters.has(name)) ? choiceOf(parameters) : fallback;
}

function choiceOf(parameters: URLSearchParams): OverviewChoice {
  return {
    by: parameters.get('by') === 'spread' ? 'spread' : 'rate',
    exchange: parameters.get('exchange') || null,
    sort: oneOf(SORTS, parameters.get('sort'), USUAL_CHOICE.sort),
    group: oneOf(GROUPS, parameters.get('group'), USUAL_CHOICE.group),
    layout: oneOf(LAYOUTS, parameters.get('layout'), USUAL_CHOICE.layout),
    find: parameters.get('find') ?? '',
  };
}

/** The query string with the overview in it, or without it (null), and every other parameter kept. */
export function formatOverview(query: string, choice: OverviewChoice | null): string {
  const parameters = new URLSearchParams(query);
  for (const name of ['view', ...NAMES]) parameters.delete(name);
  if (choice !== null) {
    parameters.set('view', 'overview');
    parameters.set('by', choice.by);
    if (choice.exchange !== null) parameters.set('exchange', choice.exchange);
    parameters.set('sort', choice.sort);
    if (choice.group !== 'none') parameters.set('group', choice.group);
    if (choice.layout !== 'auto') parameters.set('layout', choice.layout);
    if (choice.find !== '') parameters.set('find', choice.find);
  }
  return parameters.toString().replaceAll('%2F', '/').replaceAll('%3A', ':');
}

/** The text that a choice is remembered by: what is searched for is not. */
export function rememberedText(choice: OverviewChoice): string {
  return formatOverview('', { ...choice, find: '' });
}

/** What such a text says; the usual where it says nothing. */
export function recalledChoice(text: string | null): OverviewChoice {
  return (text === null ? null : parseOverview(text, USUAL_CHOICE)) ?? USUAL_CHOICE;
}
