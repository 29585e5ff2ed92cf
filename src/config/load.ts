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

/** What a halt goes by: where the books are, and limits that are only shown. */
const OF_A_HALT = /^(DATABASE_URL|DATA_DIR|BROKER_TIMEOUT_MS|SAUDA_FAILPOINTS|MAX_[A-Z_]+)$/;

/**
 * The configuration for stopping trade: what is wrong elsewhere is told and left out, because a typing mistake in the
 * address of a chat must not keep anybody from halting. Refused only when the place of the books can not be read.
 */
export function loadConfigForHalt(tell: (line: string) => void): Result<Config, string> {
  const given = { ...readEnvFile('.env'), ...process.env };
  const whole = parseConfig(given);
  if (whole.ok) return ok(whole.value);
  const bad = new Set(whole.error.map(({ variable }) => variable));
  if (bad.has('DATABASE_URL') || bad.has('DATA_DIR')) return loadConfig();
  for (const { variable, problem } of whole.error) tell(`${variable} ${problem}; this is left out here`);
  const needed = Object.entries(given).filter(([name]) => OF_A_HALT.test(name) && !bad.has(name));
  const parsed = parseConfig(Object.fromEntries(needed));
  return parsed.ok ? ok(parsed.value) : loadConfig();
}

function readEnvFile(path: string): Record<string, string | undefined> {
  try {
    return parseEnv(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {};
    throw error;
  }
}
