import { assert } from '../../lib/assert.ts';

/** A table's rows as the transaction sees them: what was read, under what was changed. */
export class RowSet<Row> {
  readonly rows = new Map<string, Row>();
  readonly changed = new Map<string, 'insert' | 'change'>();
  readonly removed = new Map<string, Row>();

  private readonly keyOf: (row: Row) => string;
  private readonly undo: Undo[];

  /** @param undo - Takes a way back for each change, newest last. */
  constructor(keyOf: (row: Row) => string, undo: Undo[]) {
    this.keyOf = keyOf;
    this.undo = undo;
  }

  load(row: Row): void {
    const key = this.keyOf(row);
    if (!this.changed.has(key)) this.rows.set(key, row);
  }

  put(row: Row): void {
    const key = this.keyOf(row);
    this.remember(key);
    // A row that comes back after it was removed is still in the table.
    const isBack = this.removed.delete(key);
    const isNew = !isBack && (!this.rows.has(key) || this.changed.get(key) === 'insert');
    this.rows.set(key, row);
    this.changed.set(key, isNew ? 'insert' : 'change');
  }

  remove(one: Row): void {
    const key = this.keyOf(one);
    const row = this.rows.get(key);
    assert(row !== undefined, `row ${key} is there to be removed`);
    this.remember(key);
    if (this.changed.get(key) !== 'insert') this.removed.set(key, row);
    this.rows.delete(key);
    this.changed.delete(key);
  }

  /** How the key stood before a change, for work that throws after it. */
  private remember(key: string): void {
    const row = this.rows.get(key);
    const mode = this.changed.get(key);
    const removed = this.removed.get(key);
    this.undo.push(() => {
      restore(this.rows, key, row);
      restore(this.changed, key, mode);
      restore(this.removed, key, removed);
    });
  }
}

/** Takes one change back. */
export type Undo = () => void;

function restore<Value>(map: Map<string, Value>, key: string, value: Value | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
