/** JSON Schema as a reader wants it: a type in words, and the fields of an object one below the other. */
import { type Html, html, sentence } from './html.ts';
import { isJson, type Json } from './json-schema.ts';

/** So deep fields of fields are listed; what lies deeper is told by its type. */
const MOST_DEPTH = 4;

/** Looks schemas up that others refer to. */
export type Lookup = (reference: string) => Json;

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const schemas = (value: unknown): readonly Json[] => list(value).filter(isJson);

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The name that a reference ends with. */
function nameOf(reference: string): string {
  return reference.split('/').at(-1) ?? reference;
}

/** What a schema accepts, in words: `integer, 1 to 10000`. */
export function typeText(schema: Json): string {
  if (typeof schema.$ref === 'string') return nameOf(schema.$ref);
  if (schema.const !== undefined) return shown(schema.const);
  if (Array.isArray(schema.enum)) return schema.enum.map(shown).join(' or ');
  const choices = [...schemas(schema.anyOf), ...schemas(schema.oneOf)];
  if (choices.length > 0) return [...new Set(choices.map(typeText))].join(' or ');
  if (schema.type === 'array') {
    const items = isJson(schema.items) ? typeText(schema.items) : 'anything';
    return `array of ${items}${bounds(schema.minItems, schema.maxItems, '')}`;
  }
  if (schema.type === 'object' && !isJson(schema.properties) && isJson(schema.additionalProperties))
    return `object of ${typeText(schema.additionalProperties)}`;
  const [type = ''] = [
    [schema.type]
      .flat()
      .filter((one) => typeof one === 'string')
      .join(' or '),
  ];
  if (type === '') return 'anything';
  const characters = bounds(schema.minLength, schema.maxLength, ' characters');
  return type + characters + bounds(schema.minimum, schema.maximum, '');
}

/** Numbers that only say how far a double counts exactly are no bound. */
function bounds(least: unknown, most: unknown, unit: string): string {
  const upper = typeof most === 'number' && most < Number.MAX_SAFE_INTEGER ? most : null;
  const lower = typeof least === 'number' && least > -Number.MAX_SAFE_INTEGER ? least : null;
  if (upper !== null) return lower === null ? `, up to ${upper}${unit}` : `, ${lower} to ${upper}${unit}`;
  return lower === null ? '' : `, at least ${lower}${unit}`;
}

interface Field {
  readonly path: string;
  readonly schema: Json;
  readonly required: boolean;
}

/** The fields of a schema's objects, those of arrays and of inner objects included. */
function fieldsOf(schema: Json, lookup: Lookup, prefix: string, depth: number): readonly Field[] {
  if (depth > MOST_DEPTH) return [];
  if (typeof schema.$ref === 'string') return fieldsOf(lookup(schema.$ref), lookup, prefix, depth);
  if (schema.type === 'array')
    return isJson(schema.items) ? fieldsOf(schema.items, lookup, prefix === '' ? '' : `${prefix}[]`, depth) : [];
  if (!isJson(schema.properties)) {
    const { additionalProperties: more } = schema;
    return isJson(more) ? fieldsOf(more, lookup, prefix === '' ? '' : `${prefix}.*`, depth + 1) : [];
  }
  const required = list(schema.required);
  return Object.entries(schema.properties).flatMap(([name, field]) => {
    if (!isJson(field)) return [];
    const path = prefix === '' ? name : `${prefix}.${name}`;
    return [{ path, schema: field, required: required.includes(name) }, ...fieldsOf(field, lookup, path, depth + 1)];
  });
}

/** A field with its type and its words. */
export function fieldEntry(
  name: string,
  schema: Json,
  { required, words }: { required: boolean; words?: unknown },
): Html {
  const told = words ?? schema.description;
  const usual = schema.default === undefined ? '' : `, ${shown(schema.default)} where absent`;
  return html`<div class="field"><dt><code>${name}</code> <span class="type">${typeText(schema)}${usual}${
    required ? ', required' : ''
  }</span></dt><dd>${typeof told === 'string' ? sentence(told) : ''}</dd></div>`;
}

/** A schema as a list of its fields; nothing where it has none. */
export function fieldList(schema: Json, lookup: Lookup): Html {
  const fields = fieldsOf(schema, lookup, '', 0);
  if (fields.length === 0) return html``;
  return html`<dl>${fields.map(({ path, schema: field, required }) => fieldEntry(path, field, { required }))}</dl>`;
}
