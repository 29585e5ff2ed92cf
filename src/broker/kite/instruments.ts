/**
 * Kite's instruments file: 12 columns, CRLF, up to about 100,000 rows and 10 MB. Rows are decoded one by one
 * from the bytes, so no instrument keeps the whole file alive. A row that cannot be read fails the read.
 */
import { setImmediate } from 'node:timers/promises';
import { type Decimal, parseDecimal } from '../../domain/money.ts';
import type { BrokerInstrument } from '../port.ts';
import { unreadable } from './fields.ts';
import { isCalendarDate } from './ist.ts';
import { stripControls } from './text.ts';

const COLUMNS = [
  'instrument_token',
  'exchange_token',
  'tradingsymbol',
  'name',
  'expiry',
  'strike',
  'tick_size',
  'lot_size',
  'instrument_type',
  'segment',
  'exchange',
] as const;
type Column = (typeof COLUMNS)[number];

/** More rows than any exchange list has; a bound on memory. */
const MAX_ROWS = 500_000;
/** Rows read before other work gets its turn: about 15 ms. */
const ROWS_PER_TURN = 5_000;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const WHOLE = /^\d{1,15}$/;
const NOT_PRINTABLE_ASCII = /[^\x20-\x7e]/;

export async function parseInstruments(body: Buffer): Promise<readonly BrokerInstrument[]> {
  const lines = splitLines(body);
  const header = lines.next().value;
  const reader = new RowReader(header === undefined ? [] : splitFields(header, 1));
  const instruments: BrokerInstrument[] = [];
  let lineNumber = 1;
  for (const line of lines) {
    lineNumber += 1;
    // The file ends in a line break, which some parsers take for one more, empty instrument.
    if (line === '') continue;
    if (instruments.length === MAX_ROWS) throw unreadable(`instruments has more than ${MAX_ROWS} rows`);
    instruments.push(reader.read(splitFields(line, lineNumber), lineNumber));
    if (lineNumber % ROWS_PER_TURN === 0) await setImmediate();
  }
  return instruments;
}

function* splitLines(body: Buffer): Generator<string, undefined> {
  let start = 0;
  while (start < body.length) {
    const feed = body.indexOf(LINE_FEED, start);
    const next = feed === -1 ? body.length : feed + 1;
    let end = feed === -1 ? body.length : feed;
    if (end > start && body[end - 1] === CARRIAGE_RETURN) end -= 1;
    yield body.toString('utf8', start, end);
    start = next;
  }
  return undefined;
}

/** The fields of one line; quotes are rare in this file, so the plain split comes first. */
function splitFields(line: string, lineNumber: number): readonly string[] {
  const clean = NOT_PRINTABLE_ASCII.test(line) ? stripControls(line) : line;
  if (!clean.includes('"')) return clean.split(',');
  const fields: string[] = [];
  let at = 0;
  while (at <= clean.length) {
    if (clean[at] !== '"') {
      const comma = clean.indexOf(',', at);
      const end = comma === -1 ? clean.length : comma;
      fields.push(clean.slice(at, end));
      at = end + 1;
      continue;
    }
    const close = closingQuote(clean, at + 1);
    if (close === -1 || (close + 1 < clean.length && clean[close + 1] !== ',')) {
      throw unreadable(`instruments line ${lineNumber} has a broken quote`);
    }
    fields.push(clean.slice(at + 1, close).replaceAll('""', '"'));
    at = close + 2;
  }
  return fields;
}

function closingQuote(line: string, from: number): number {
  let at = line.indexOf('"', from);
  while (at !== -1 && line[at + 1] === '"') at = line.indexOf('"', at + 2);
  return at;
}

class RowReader {
  readonly #width: number;
  readonly #position: Readonly<Record<Column, number>>;
  // Ticks, strikes and expiries take few distinct values: each is read once and shared by its rows.
  readonly #decimals = new Map<string, Decimal>();
  readonly #dates = new Set<string>();
  #row: readonly string[] = [];
  #line = 0;

  constructor(header: readonly string[]) {
    const missing = COLUMNS.find((column) => !header.includes(column));
    if (missing !== undefined) throw unreadable(`instruments has no column ${missing}`);
    this.#width = header.length;
    this.#position = Object.fromEntries(COLUMNS.map((column) => [column, header.indexOf(column)])) as Record<
      Column,
      number
    >;
  }

  read(row: readonly string[], line: number): BrokerInstrument {
    if (row.length !== this.#width) {
      throw unreadable(`instruments line ${line} has ${row.length} fields, the header ${this.#width}`);
    }
    this.#row = row;
    this.#line = line;
    return {
      instrumentToken: this.#whole('instrument_token'),
      exchangeToken: this.#whole('exchange_token'),
      tradingsymbol: this.#required('tradingsymbol'),
      name: this.#text('name'),
      expiry: this.#dateOrNull('expiry'),
      strike: this.#exact('strike'),
      tickSize: this.#exact('tick_size'),
      lotSize: this.#whole('lot_size'),
      instrumentType: this.#required('instrument_type'),
      segment: this.#required('segment'),
      exchange: this.#required('exchange'),
    };
  }

  #text(column: Column): string {
    return this.#row[this.#position[column]] ?? this.#fail(column);
  }

  #required(column: Column): string {
    return this.#text(column) || this.#fail(column);
  }

  #whole(column: Column): number {
    const text = this.#text(column);
    return WHOLE.test(text) ? Number(text) : this.#fail(column);
  }

  #exact(column: Column): Decimal {
    const text = this.#text(column);
    const known = this.#decimals.get(text);
    if (known) return known;
    const parsed = parseDecimal(text);
    if (!parsed.ok) return this.#fail(column);
    this.#decimals.set(text, parsed.value);
    return parsed.value;
  }

  #dateOrNull(column: Column): string | null {
    const text = this.#text(column);
    if (text === '') return null;
    if (!this.#dates.has(text)) {
      if (!isCalendarDate(text)) this.#fail(column);
      this.#dates.add(text);
    }
    return text;
  }

  #fail(column: Column): never {
    throw unreadable(`instruments line ${this.#line}: ${column} cannot be read`);
  }
}
