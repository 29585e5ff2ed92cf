/** What Telegram refuses of a message: https://core.telegram.org/bots/api#sendmessage. Pure. */
export interface Entity {
  readonly type: string;
  readonly offset: number;
  readonly length: number;
}

const MAX_TEXT = 4096;
const MAX_CALLBACK_BYTES = 64;
const ENTITY_TYPES: ReadonlySet<string> = new Set([
  'bold',
  'italic',
  'code',
  'pre',
  'underline',
  'strikethrough',
]);

/** Null: taken. Lengths and offsets count UTF-16 units. */
export function textProblem(text: string, entities: readonly Entity[]): string | null {
  if (text.trim() === '') return 'message text is empty';
  if (text.length > MAX_TEXT) return 'message is too long';
  if (!isWellFormed(text)) return 'strings must be encoded in UTF-8';
  for (const { type, offset, length } of entities) {
    if (!ENTITY_TYPES.has(type)) return `unsupported entity ${type}`;
    if (!Number.isInteger(offset) || !Number.isInteger(length) || offset < 0 || length < 1)
      return 'bad entity range';
    if (offset + length > text.length) return 'entity reaches beyond the end of the text';
    if (splitsPair(text, offset) || splitsPair(text, offset + length)) return 'entity splits a character';
  }
  return null;
}

export function callbackDataProblem(data: string | undefined): string | null {
  if (data === undefined) return null;
  const bytes = Buffer.byteLength(data);
  return bytes < 1 || bytes > MAX_CALLBACK_BYTES ? 'BUTTON_DATA_INVALID' : null;
}

function splitsPair(text: string, index: number): boolean {
  return /[\uD800-\uDBFF]/.test(text[index - 1] ?? '') && /[\uDC00-\uDFFF]/.test(text[index] ?? '');
}

function isWellFormed(text: string): boolean {
  return !/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/.test(text);
}
