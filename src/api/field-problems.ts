import type { z } from '@hono/zod-openapi';
import { type FieldProblem, fieldProblem } from './problem.ts';
import { pointerTo } from './strict-json.ts';

type Issue = z.core.$ZodIssue;
type Say = (code: string, says: string) => FieldProblem[];

/** Zod's issues as bad fields with stable codes of our own. Values are never repeated: they are the sender's text. */
export function fieldProblems(issues: readonly Issue[], parsed: unknown): FieldProblem[] {
  return issues.flatMap((issue) => problemsOf(issue, parsed));
}

function problemsOf(issue: Issue, parsed: unknown): FieldProblem[] {
  const pointer = issue.path.reduce<string>((place, part) => pointerTo(place, String(part)), '');
  const one: Say = (code, says) => [fieldProblem(pointer, code, says)];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) =>
        fieldProblem(pointerTo(pointer, key), 'UNKNOWN_FIELD', 'is not a known field'),
      );
    case 'invalid_type':
      return typeProblem(valueAt(parsed, issue.path), issue.expected, one);
    case 'invalid_value':
      return valueAt(parsed, issue.path) === undefined
        ? one('REQUIRED', 'is required')
        : one('ENUM', `must be one of ${issue.values.map(String).join(', ')}`);
    case 'too_small':
      return one('RANGE', `must be at least ${issue.minimum}${unitOf(issue.origin)}`);
    case 'too_big':
      return one('RANGE', `must be at most ${issue.maximum}${unitOf(issue.origin)}`);
    case 'custom':
      return one(codeOf(issue.params), issue.message);
    case 'invalid_format':
      return one('FORMAT', issue.message);
    case 'invalid_union':
    case 'invalid_key':
    case 'invalid_element':
    case 'not_multiple_of':
      return one('INVALID', 'is not valid');
  }
}

function codeOf(params: Readonly<Record<string, unknown>> | undefined): string {
  return typeof params?.['code'] === 'string' ? params['code'] : 'INVALID';
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  int: 'a whole number',
  object: 'an object',
  record: 'an object',
  array: 'an array',
};

function typeProblem(value: unknown, expected: string, one: Say): FieldProblem[] {
  if (value === undefined) return one('REQUIRED', 'is required');
  if (expected === 'int' && typeof value === 'number') return one('NOT_INTEGER', 'must be a whole number');
  return one('TYPE', `must be ${TYPE_NAMES[expected] ?? `a ${expected}`}`);
}

function unitOf(origin: string): string {
  return origin === 'string' ? ' characters long' : '';
}

function valueAt(parsed: unknown, path: readonly PropertyKey[]): unknown {
  let value = parsed;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value;
}
