import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { Holding } from './funds.ts';
import type { Gtt } from './gtt.ts';
import type { SavedPrices } from './market.ts';
import type { HistoryRow, Order, Trade } from './order.ts';
import type { Paise } from './paise.ts';

/** One user as the file keeps it. */
interface SavedUser {
  readonly id: string;
  readonly openingFunds: Paise;
  readonly holdings: readonly Holding[];
}

/** Everything the file remembers. */
export interface SavedBooks {
  readonly users: Map<string, SavedUser>;
  readonly orders: Map<string, Order>;
  readonly trades: Trade[];
  readonly gtts: Map<number, Gtt>;
}

type OrderCore = Omit<Order, 'rows'>;
type Line =
  | { readonly k: 'user'; readonly user: SavedUser }
  | {
      readonly k: 'order';
      readonly order: OrderCore;
      readonly from: number;
      readonly rows: readonly HistoryRow[];
    }
  | { readonly k: 'trade'; readonly trade: Trade }
  /** Null: the trade was taken back. */
  | { readonly k: 'amend'; readonly id: string; readonly to: Trade | null }
  | { readonly k: 'gtt'; readonly gtt: Gtt };

/** Thrown when the books on disk cannot be read; the message names the file and the line. */
export class JournalError extends Error {
  override readonly name = 'JournalError';
}

/**
 * The books in an append-only file, prices in a small file beside it. A line is a JSON array of what one call changed,
 * so that a call is kept whole or not at all.
 *
 * `flush` hands every line to the operating system before it returns, so an acknowledged order survives kill -9 of
 * this process (a loss of power may cost the last moments: it is a rehearsal, not a ledger). A line cut by the kill is
 * the last one and is ignored. Opening compacts: the state is written to a temporary file, fsynced and renamed.
 */
export class Journal {
  private fd: number;
  private readonly path: string;
  private lines: string[] = [];
  private readonly written = new Map<string, number>();

  private constructor(path: string, books: SavedBooks) {
    this.path = path;
    this.fd = this.compact(books);
  }

  /** Reads the books (empty when the file does not exist) and opens the file for appending. */
  static open(path: string): { readonly journal: Journal; readonly books: SavedBooks } {
    mkdirSync(dirname(path), { recursive: true });
    const books = existsSync(path) ? readBooks(path) : emptyBooks();
    return { journal: new Journal(path, books), books };
  }

  user(user: SavedUser): void {
    this.add({ k: 'user', user });
  }

  /** Notes an order's present state and the history rows that are new since the last note. */
  order(order: Order): void {
    this.add(orderLine(order, this.written.get(order.id) ?? 0));
    this.written.set(order.id, order.rows.length);
  }

  trade(trade: Trade): void {
    this.add({ k: 'trade', trade });
  }

  amend(id: string, to: Trade | null): void {
    this.add({ k: 'amend', id, to });
  }

  gtt(gtt: Gtt): void {
    this.add({ k: 'gtt', gtt });
  }

  /** Writes what was noted. */
  flush(): void {
    if (this.lines.length === 0) return;
    const text = `[${this.lines.join(',')}]\n`;
    this.lines = [];
    writeAll(this.fd, text);
  }

  /** Last prices, replaced as a whole. */
  savePrices(prices: SavedPrices): void {
    replaceFile(`${this.path}.prices`, JSON.stringify(prices), false);
  }

  /** The saved prices; null when there are none or they cannot be read (prices are a convenience, not a promise). */
  loadPrices(): SavedPrices | null {
    try {
      return JSON.parse(readFileSync(`${this.path}.prices`, 'utf8')) as SavedPrices;
    } catch {
      return null;
    }
  }

  /** Forgets everything. */
  reset(): void {
    this.lines = [];
    closeSync(this.fd);
    this.fd = this.compact(emptyBooks());
  }

  close(): void {
    this.flush();
    closeSync(this.fd);
  }

  private add(line: Line): void {
    this.lines.push(JSON.stringify(line));
  }

  private compact(books: SavedBooks): number {
    this.written.clear();
    const lines: Line[] = [];
    for (const user of books.users.values()) lines.push({ k: 'user', user });
    for (const order of books.orders.values()) {
      lines.push(orderLine(order, 0));
      this.written.set(order.id, order.rows.length);
    }
    for (const trade of books.trades) lines.push({ k: 'trade', trade });
    for (const gtt of books.gtts.values()) lines.push({ k: 'gtt', gtt });
    replaceFile(this.path, lines.map((line) => `[${JSON.stringify(line)}]\n`).join(''), true);
    return openSync(this.path, 'a', 0o600);
  }
}

function orderLine(order: Order, from: number): Line {
  const { rows, ...core } = order;
  return { k: 'order', order: core, from, rows: rows.slice(from) };
}

function emptyBooks(): SavedBooks {
  return { users: new Map(), orders: new Map(), trades: [], gtts: new Map() };
}

/** Reads a journal. Throws JournalError when a line other than the last is broken. */
export function readBooks(path: string): SavedBooks {
  const books = emptyBooks();
  const seenTrades = new Set<string>();
  const text = readFileSync(path, 'utf8');
  const lines = text.split('\n');
  // Whole lines end in a newline: what follows the last one was cut by a kill and was never acknowledged.
  lines.pop();
  for (const [index, text] of lines.entries()) {
    let entries: Line[];
    try {
      entries = JSON.parse(text) as Line[];
    } catch (error) {
      throw new JournalError(`paper exchange file ${path}, line ${index + 1} is not JSON`, { cause: error });
    }
    for (const entry of entries) apply(books, seenTrades, entry);
  }
  return books;
}

function apply(books: SavedBooks, seenTrades: Set<string>, line: Line): void {
  if (line.k === 'user') {
    books.users.set(line.user.id, line.user);
  } else if (line.k === 'order') {
    const rows = books.orders.get(line.order.id)?.rows ?? [];
    rows.length = Math.min(rows.length, line.from);
    rows.push(...line.rows);
    books.orders.set(line.order.id, { ...line.order, rows });
  } else if (line.k === 'gtt') {
    books.gtts.set(line.gtt.id, line.gtt);
  } else if (line.k === 'amend') {
    const at = books.trades.findIndex((trade) => trade.id === line.id);
    if (at >= 0) books.trades.splice(at, 1, ...(line.to === null ? [] : [line.to]));
  } else if (!seenTrades.has(line.trade.id)) {
    seenTrades.add(line.trade.id);
    books.trades.push(line.trade);
  }
}

function replaceFile(path: string, text: string, durable: boolean): void {
  const temporary = `${path}.tmp`;
  writeFileSync(temporary, text, { mode: 0o600 });
  if (durable) {
    const fd = openSync(temporary, 'r+');
    fsyncSync(fd);
    closeSync(fd);
  }
  renameSync(temporary, path);
}

function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text, 'utf8');
  let offset = 0;
  while (offset < bytes.length) offset += writeSync(fd, bytes, offset);
}
