import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { err, ok, type Result } from '../lib/result.ts';
import { type Config, parseConfig } from './config.ts';

/** Reads `.env` of the working folder under the environment, once. The error is text for a person. */
export function loadConfig(
  overrides: Readonly<Record<string, string | undefined>> = {},
): Result<Config, string> {
  const parsed = parseConfig({ ...readEnvFile('.env'), ...process.env, ...overrides });
  if (parsed.ok) return ok(parsed.value);
  const lines = parsed.error.map(({ variable, problem }) => `  ${variable} ${problem}`);
  return err(
    `The configuration has ${lines.length === 1 ? 'a problem' : `${lines.length} problems`}:\n${lines.join('\n')}`,
  );
}

function readEnvFile(path: string): Record<string, string | undefined> {
  try {
    return parseEnv(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {};
    throw error;
  }
}
