import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { findUp } from '../lib/find-up.ts';

/** Of this build, as package.json has it. */
export function packageVersion(): string {
  const root = findUp(path.dirname(fileURLToPath(import.meta.url)), 'package.json');
  const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string };
  return manifest.version;
}
