import type { Command } from 'commander';

/** Tells an answer: as text for people, or with --json as it is. */
export function sayOf(program: Command): (value: unknown, text: () => string) => void {
  return (value, text) => {
    const json = program.opts<{ json?: boolean }>().json === true;
    process.stdout.write(`${json ? JSON.stringify(value, null, 2) : text()}\n`);
  };
}

/** Plain tables for a terminal: columns as wide as their widest cell, two spaces between. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [headings, ...rows];
  const widths = headings.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
