import { existsSync } from 'node:fs';
import path from 'node:path';

/** The nearest folder at or above `from` that holds `name`. Throws when there is none. */
export function findUp(from: string, name: string): string {
  for (let folder = from; ; folder = path.dirname(folder)) {
    if (existsSync(path.join(folder, name))) return folder;
    if (path.dirname(folder) === folder) throw new Error(`${name} was not found at or above ${from}`);
  }
}
