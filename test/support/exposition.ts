/** Reads Prometheus' text format: which metrics there are, with which labels. */

/** A metric by its name: its type, the labels that its samples carry, and the samples. */
export interface Exposed {
  readonly type: string;
  readonly labels: ReadonlySet<string>;
  /** By their labels as they stand in the text. */
  readonly samples: ReadonlyMap<string, number>;
}

/** All metrics of a text, by name. Samples of a histogram (`..._bucket`) belong to the histogram. */
export function parseExposition(text: string): ReadonlyMap<string, Exposed> {
  const metrics = new Map<string, { type: string; labels: Set<string>; samples: Map<string, number> }>();
  for (const line of text.split('\n')) {
    const [, name = '', type = ''] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    if (name !== '') metrics.set(name, { type, labels: new Set(), samples: new Map() });
    const match = /^([a-zA-Z_:][\w:]*)(\{.*\})? (\S+)$/.exec(line);
    if (match === null) continue;
    const [, sample = '', labels = '', value = ''] = match;
    const metric = metrics.get(sample) ?? metrics.get(sample.replace(/_(bucket|count|sum)$/, ''));
    if (metric === undefined) throw new Error(`${sample} has no type`);
    for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) metric.labels.add(label);
    metric.samples.set(sample + labels, Number(value));
  }
  return metrics;
}

/** The metrics that an expression of Prometheus reads, and the labels that it reads of them. */
export function readBy(expression: string): readonly { readonly name: string; readonly labels: readonly string[] }[] {
  const grouped = [...expression.matchAll(/\b(?:by|on|without) ?\(([^)]*)\)/g)].flatMap(([, list = '']) =>
    list.split(',').map((label) => label.trim()),
  );
  const bare = expression.replaceAll(/\b(?:by|on|without) ?\([^)]*\)/g, '');
  const read = [...bare.matchAll(/\b((?:alphapulse|nodejs|process)_\w+|up)\b(\{[^}]*\})?/g)];
  return read.map(([, name = '', matchers = '']) => ({
    name,
    labels: [...[...matchers.matchAll(/(\w+)\s*[=!]/g)].map(([, label = '']) => label), ...grouped],
  }));
}
