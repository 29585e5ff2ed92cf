/** Planted bugs as text: a module as the JavaScript that runs, and every comparison of it turned round or moved by one. */
import { readFileSync } from 'node:fs';
import ts from 'typescript';

/** What stands for what: the opposite first, then the neighbour that differs only when both sides are equal. */
const SWAPS: readonly (readonly [RegExp, readonly string[]])[] = [
  [/\.lte\(/g, ['.gt(', '.lt(']],
  [/\.gte\(/g, ['.lt(', '.gt(']],
  [/\.lt\(/g, ['.gte(', '.lte(']],
  [/\.gt\(/g, ['.lte(', '.gte(']],
  [/ <= /g, [' > ', ' < ']],
  [/ >= /g, [' < ', ' > ']],
  [/ < (?!=)/g, [' >= ', ' <= ']],
  [/(?<![=-]) > (?!=)/g, [' <= ', ' >= ']],
  [/ === /g, [' !== ']],
  [/ !== /g, [' === ']],
];

export interface PlantedBug {
  /** The line, and what in it became what. */
  readonly what: string;
  readonly source: string;
}

/** Comments and types hold no comparisons that run: what is left of a file once it is JavaScript. */
export function runnable(file: string): string {
  const { outputText } = ts.transpileModule(readFileSync(file, 'utf8'), {
    compilerOptions: {
      module: ts.ModuleKind.CommonJS,
      target: ts.ScriptTarget.ES2023,
      removeComments: true,
      esModuleInterop: true,
      verbatimModuleSyntax: false,
    },
  });
  return outputText;
}

export function plantedBugs(source: string): PlantedBug[] {
  return SWAPS.flatMap(([pattern, others]) =>
    [...source.matchAll(pattern)].flatMap(({ 0: found, index }) => {
      const line = source.slice(source.lastIndexOf('\n', index) + 1).split('\n')[0] ?? '';
      return others.map((other) => ({
        what: `${line.trim()}: "${found.trim()}" as "${other.trim()}"`,
        source: source.slice(0, index) + other + source.slice(index + found.length),
      }));
    }),
  );
}
