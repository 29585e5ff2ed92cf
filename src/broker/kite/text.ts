/** Longest message kept from the broker, in UTF-16 units. */
export const MAX_MESSAGE_LENGTH = 400;

/** Nesting the cleaner follows; Kite's own rows are four deep. */
const MAX_DEPTH = 32;

const WHITESPACE_CONTROLS = /[\t\n\v\f\r\u0085\u2028\u2029]+/g;
/** Controls, direction overrides and lone surrogates: Postgres refuses some, terminals and chats obey others. */
const HOSTILE = /[\p{Cc}\p{Cs}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** The text without control characters; line breaks and tabs become one space. */
export function stripControls(text: string): string {
  return text.replace(WHITESPACE_CONTROLS, ' ').replace(HOSTILE, '');
}

/** A broker's words, safe to store and to show: no control characters, at most 400 long. */
export function cleanMessage(text: string): string {
  // Bounded before the regular expressions run: a hostile message may be megabytes long.
  const clean = stripControls(text.slice(0, 4 * MAX_MESSAGE_LENGTH)).trim();
  return clean.length <= MAX_MESSAGE_LENGTH ? clean : stripControls(clean.slice(0, MAX_MESSAGE_LENGTH));
}

/**
 * Parses a JSON body whose strings (and keys) carry no control characters. Throws SyntaxError or RangeError.
 * Plain ASCII without a backslash cannot hold one, which three memory scans show; only other bodies are walked.
 */
export function parseCleanJson(body: Buffer): unknown {
  const text = body.toString('utf8');
  const parsed: unknown = JSON.parse(text);
  const isPlain = text.length === body.length && !body.includes(0x5c) && !body.includes(0x7f);
  return isPlain ? parsed : cleanValue(parsed, 0);
}

function cleanValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return stripControls(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth === MAX_DEPTH) throw new RangeError(`nested deeper than ${MAX_DEPTH}`);
  if (Array.isArray(value)) return value.map((item) => cleanValue(item, depth + 1));
  // fromEntries defines own properties, so a key named __proto__ stays data.
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [stripControls(key), cleanValue(item, depth + 1)]),
  );
}
