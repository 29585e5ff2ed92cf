import type { Command } from 'commander';

export const SHELLS = ['bash', 'zsh'] as const;

/**
 * A function of the shell that offers, after each command, its commands and options. All of it is in the script: a tab
 * starts no process. zsh reads bash's by its own bridge.
 */
export function completionScript(program: Command, shell: (typeof SHELLS)[number]): string {
  const cases = pathsOf(program).map(
    ({ path, words }) => `    ${JSON.stringify(path)}) words=${JSON.stringify(words.join(' '))} ;;`,
  );
  return [
    ...(shell === 'zsh'
      ? ['autoload -U +X compinit && compinit', 'autoload -U +X bashcompinit && bashcompinit']
      : []),
    '_sauda() {',
    '  local path="" word words="" i',
    '  for ((i = 1; i < COMP_CWORD; i++)); do',
    '    word="${COMP_WORDS[i]}"',
    `    case " ${groupsOf(program).join(' ')} " in`,
    '      *" ${path:+$path/}$word "*) path="${path:+$path/}$word" ;;',
    '    esac',
    '  done',
    '  case "$path" in',
    ...cases,
    '  esac',
    '  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))',
    '}',
    'complete -o default -F _sauda sauda',
    '',
  ].join('\n');
}

/** Every command by its path ("queue/pause"; "" is sauda itself), with what may follow it. */
export function pathsOf(
  command: Command,
  path = '',
): { readonly path: string; readonly words: readonly string[]; readonly command: Command }[] {
  const options = command.options.flatMap(({ long }) => (typeof long === 'string' ? [long] : []));
  const words = [...command.commands.map((child) => child.name()), ...options, '--help'];
  return [
    { path, words, command },
    ...command.commands.flatMap((child) =>
      pathsOf(child, path === '' ? child.name() : `${path}/${child.name()}`),
    ),
  ];
}

function groupsOf(program: Command): string[] {
  return pathsOf(program)
    .map(({ path }) => path)
    .filter((path) => path !== '');
}
