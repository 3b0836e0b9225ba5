/** Holds values against the schemas of an OpenAPI document, as strictly as they can be read. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import { isJson, type Json } from '../../server/http/json-schema.ts';

/** What stands in a document below the names. Throws where nothing does. */
export function at(document: unknown, ...names: readonly (string | number)[]): Json {
  let here: unknown = document;
  for (const name of names) here = isJson(here) ? here[name] : undefined;
  if (!isJson(here)) throw new Error(`nothing at ${names.join(' > ')}`);
  return here;
}

/** The same schema, with fields that it does not name forbidden: what is not documented is a fault, too. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (!isJson(schema)) return schema;
  const inner = Object.fromEntries(Object.entries(schema).map(([name, value]) => [name, closed(value)]));
  return isJson(schema.properties) && schema.additionalProperties === undefined
    ? { ...inner, additionalProperties: false }
    : inner;
}

/** Makes the judge of a document: what is wrong with a value by a schema of it, '' where nothing is. */
export function judgeOf(document: Json): (schema: Json, value: unknown) => string {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  const components = closed(document.components);
  return (schema, value) => {
    const validate = ajv.compile({ components, allOf: [closed(schema)] });
    return validate(value) ? '' : ajv.errorsText(validate.errors);
  };
}
