/** JSON Schema out of the schemas that parse, for the documents that describe the interfaces. */
import * as z from 'zod';

/** An object of JSON. */
export type Json = Readonly<Record<string, unknown>>;

export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The JSON Schema that a zod schema stands for, as its input: what is unknown is ignored, and what a step of parsing
 * refuses is told by its `meta`. Draft 7 is what AsyncAPI knows, 2020-12 is OpenAPI's.
 */
export function schemaOf(schema: z.core.$ZodType, target: 'draft-7' | 'draft-2020-12'): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, {
    target,
    io: 'input',
    unrepresentable: 'any',
    override: withWhatIsMissing,
  });
  return rest;
}

/**
 * Of a schema that transforms the library leaves the default out, which for it is one of the output. It knows nothing of
 * custom schemas: those of the feed are arrays that are not gone through.
 */
function withWhatIsMissing({
  zodSchema,
  jsonSchema,
}: {
  zodSchema: z.core.$ZodType;
  jsonSchema: z.core.JSONSchema.BaseSchema;
}) {
  if (zodSchema._zod.def.type === 'custom') Object.assign(jsonSchema, { type: 'array', items: {} });
  const usual = z.globalRegistry.get(zodSchema)?.default;
  if (typeof usual === 'string' || typeof usual === 'number') jsonSchema.default = usual;
}

/** The same object with each member changed. */
export function mapObject<K extends string, V, R>(
  object: Readonly<Record<K, V>>,
  map: (name: string, value: V) => R,
): Record<string, R> {
  return Object.fromEntries(Object.entries<V>(object).map(([name, value]) => [name, map(name, value)]));
}
