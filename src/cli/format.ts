import type { Command } from 'commander';

/** Tells an answer: as text for people, coloured on a terminal alone, or with --json as it is. */
export function sayOf(program: Command): (value: unknown, text: () => string) => void {
  return (value, text) => {
    const json = program.opts<{ json?: boolean }>().json === true;
    const { stdout } = process;
    // Only a terminal has it; NO_COLOR and a terminal without colours are its own to know.
    const isColoured = stdout.isTTY && stdout.hasColors();
    stdout.write(`${json ? JSON.stringify(value, null, 2) : isColoured ? coloured(text()) : text()}\n`);
  };
}

/** Words that say how things stand, by what they mean for whoever looks. */
const COLOURS = [
  [31, ['REJECTED', 'FAIL', 'FAILED', 'HALTED', 'UNKNOWN', 'SILENT', 'BAD', 'CRITICAL', 'REFUSED']],
  [
    33,
    ['WARN', 'WARNING', 'REDUCING', 'PARTIALLY_FILLED', 'PROPOSED', 'DIFFERENCES', 'CANCELLED', 'EXPIRED'],
  ],
  [32, ['FILLED', 'PASS', 'ACTIVE', 'OK', 'CLEAN']],
] as const;
const COLOUR_OF: ReadonlyMap<string, number> = new Map(
  COLOURS.flatMap(([colour, words]) => words.map((word) => [word, colour] as const)),
);

/** After a table is laid out: a colour has no width. */
export function coloured(text: string): string {
  return text.replaceAll(/(?<![\w-])[A-Z_]{2,}(?![\w-])/g, (word) => {
    const colour = COLOUR_OF.get(word);
    return colour === undefined ? word : `\u001b[${colour}m${word}\u001b[39m`;
  });
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
