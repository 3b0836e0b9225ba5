/**
 * Cuts JSON text into the texts of its parts, so that a row can be passed on as it was sent: a number that is parsed and
 * printed again loses digits. Everything here expects text that JSON.parse has accepted, and throws on what cannot be JSON.
 */

const QUOTE = 34;
const BACKSLASH = 92;
const COMMA = 44;
const COLON = 58;
const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;

function broken(text: string, at: number): never {
  throw new SyntaxError(`no JSON at character ${at} of ${text.length}`);
}

function isSpace(code: number): boolean {
  return code === 32 || code === 10 || code === 13 || code === 9;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (isSpace(text.charCodeAt(at))) at += 1;
  return at;
}

/** The place after the string that begins at `from`. */
function afterString(text: string, from: number): number {
  let end = from;
  for (;;) {
    end = text.indexOf('"', end + 1);
    if (end < 0) broken(text, from);
    let escapes = 0;
    while (text.charCodeAt(end - 1 - escapes) === BACKSLASH) escapes += 1;
    // An even number of backslashes escape each other, an odd one the quote.
    if (escapes % 2 === 0) return end + 1;
  }
}

/** The place after the value that begins at `from`. */
function afterValue(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; ) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = afterString(text, at);
      if (depth === 0) return at;
      continue;
    }
    if (code === OPEN_BRACE || code === OPEN_BRACKET) depth += 1;
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      if (depth === 0) return at;
      depth -= 1;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && (code === COMMA || isSpace(code))) return at;
    at += 1;
  }
  return text.length;
}

/**
 * The texts of an object's members by name; of a name that occurs twice the last, as in JSON.parse.
 *
 * @throws SyntaxError where the text is no object.
 */
export function memberTexts(text: string): Map<string, string> {
  const members = new Map<string, string>();
  let at = skipSpace(text, 0);
  if (text.charCodeAt(at) !== OPEN_BRACE) broken(text, at);
  at = skipSpace(text, at + 1);
  while (text.charCodeAt(at) !== CLOSE_BRACE) {
    if (text.charCodeAt(at) !== QUOTE) broken(text, at);
    const nameEnd = afterString(text, at);
    const name: unknown = JSON.parse(text.slice(at, nameEnd));
    const colon = skipSpace(text, nameEnd);
    if (text.charCodeAt(colon) !== COLON) broken(text, colon);
    const start = skipSpace(text, colon + 1);
    const end = afterValue(text, start);
    members.set(String(name), text.slice(start, end));
    at = next(text, end, CLOSE_BRACE);
  }
  return members;
}

/**
 * The texts of an array's elements.
 *
 * @throws SyntaxError where the text is no array.
 */
export function elementTexts(text: string): string[] {
  const elements: string[] = [];
  let at = skipSpace(text, 0);
  if (text.charCodeAt(at) !== OPEN_BRACKET) broken(text, at);
  at = skipSpace(text, at + 1);
  while (text.charCodeAt(at) !== CLOSE_BRACKET) {
    const end = afterValue(text, at);
    elements.push(text.slice(at, end));
    at = next(text, end, CLOSE_BRACKET);
  }
  return elements;
}

/** The place of the next part behind one that ended at `end`, or of the bracket that closes the whole. */
function next(text: string, end: number, close: number): number {
  const at = skipSpace(text, end);
  const code = text.charCodeAt(at);
  if (code === close) return at;
  if (code !== COMMA) broken(text, at);
  return skipSpace(text, at + 1);
}
