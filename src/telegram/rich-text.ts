/**
 * Text with its formatting beside it, as Telegram takes it: entities with offsets and lengths in UTF-16 units, which
 * are those of a JavaScript string. Nothing is escaped, so nothing that a broker or a strategy wrote can break a
 * message. Pure.
 */
export interface Entity {
  readonly type: 'bold' | 'code';
  readonly offset: number;
  readonly length: number;
}

export interface RichText {
  readonly text: string;
  readonly entities: readonly Entity[];
}

/** Words of our own. */
export function plain(text: string): RichText {
  return { text: clean(text), entities: [] };
}

export function bold(text: string): RichText {
  return formatted('bold', text);
}

export function code(text: string): RichText {
  return formatted('code', text);
}

/**
 * Words of others: of the broker, of a strategy. Where Telegram would make a link, a mention or a command of them, they
 * stand as code, in which it makes none.
 */
export function quoted(text: string): RichText {
  return LINKED.test(text) ? code(text) : plain(text);
}

/** Addresses, "@name", "/command", "#tag", and what looks like a domain. */
const LINKED = /:\/\/|(^|[^\w])[/@#]\w|\w@\w|[a-z0-9-]\.[a-z]{2,}/i;

export function concat(...parts: readonly (RichText | string)[]): RichText {
  let text = '';
  const entities: Entity[] = [];
  for (const part of parts) {
    const rich = typeof part === 'string' ? plain(part) : part;
    for (const entity of rich.entities) entities.push({ ...entity, offset: entity.offset + text.length });
    text += rich.text;
  }
  return { text, entities };
}

export function join(parts: readonly (RichText | string)[], separator: string): RichText {
  return concat(...parts.flatMap((part, index) => (index === 0 ? [part] : [separator, part])));
}

export function lines(...parts: readonly (RichText | string | null)[]): RichText {
  return join(
    parts.filter((part) => part !== null),
    '\n',
  );
}

/** At most so many units; what is cut off shows as an ellipsis, and no character or entity is cut in two. */
export function shorten({ text, entities }: RichText, most: number): RichText {
  if (text.length <= most) return { text, entities };
  const end = cut(text, most - 1).length;
  const kept = entities
    .filter(({ offset }) => offset < end)
    .map((entity) => ({ ...entity, length: Math.min(entity.length, end - entity.offset) }));
  return { text: `${text.slice(0, end)}…`, entities: kept };
}

function formatted(type: Entity['type'], text: string): RichText {
  const cleaned = clean(text);
  return { text: cleaned, entities: cleaned === '' ? [] : [{ type, offset: 0, length: cleaned.length }] };
}

/** The beginning of a text, at most so many units, with no character cut in two. */
export function cut(text: string, most: number): string {
  return text.slice(0, isHighSurrogate(text[most - 1]) ? most - 1 : most);
}

/** Without control characters, marks that turn the direction of text, and halves of characters. */
export function clean(text: string): string {
  return text
    .replaceAll(/[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u200E\u200F\u202A-\u202E\u2066-\u2069\uFEFF]/g, ' ')
    .replaceAll(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g, '\uFFFD');
}

function isHighSurrogate(unit: string | undefined): boolean {
  return unit !== undefined && unit >= '\uD800' && unit <= '\uDBFF';
}
