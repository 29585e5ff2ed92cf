import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Logger, createLogger } from '../../../src/logging/logger.ts';
import { waitFor } from '../../support/wait.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'logger-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

type Line = Readonly<Record<string, unknown>>;

/** The lines that `write` left in a log file, and their text. A last line tells when all were written. */
async function logged(
  write: (log: Logger) => void,
  level = 'info',
): Promise<{ text: string; lines: Line[] }> {
  const file = path.join(folder, 'logs', 'sauda.log');
  const log = createLogger({ level, processName: 'api:1', file });
  write(log);
  log.error({}, 'END');
  const all = await waitFor(
    () => {
      const found = existsSync(file) ? readFileSync(file, 'utf8') : '';
      return found.endsWith('"END"}\n') ? found : null;
    },
    { what: 'the last line of the log' },
  );
  const lines = all.trimEnd().split('\n').slice(0, -1);
  return { text: lines.join('\n'), lines: lines.map((line) => JSON.parse(line) as Line) };
}

const oneLine = async (fields: object): Promise<{ text: string; line: Line }> => {
  const { text, lines } = await logged((log) => log.info(fields, 'said'));
  expect(lines).toHaveLength(1);
  return { text, line: lines[0]! };
};

describe('a log line', () => {
  it('is JSON with its time, process, message and allowed fields', async () => {
    const { line } = await oneLine({ orderId: 'o1', from: 'OPEN', to: 'FILLED', count: 3, reason: null });
    expect(line).toMatchObject({
      process: 'api:1',
      msg: 'said',
      orderId: 'o1',
      from: 'OPEN',
      to: 'FILLED',
      count: 3,
      reason: null,
    });
    expect(line['time']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  it('says how many failed, ran or were paused, and what a hook threw', async () => {
    const counts = { failures: 3, jobs: 2, running: 1, schedules: ['poll'], paused: true };
    const { line } = await oneLine({ ...counts, hookError: new Error('the hook') });
    expect(line).toMatchObject({ ...counts, hookError: { message: 'the hook' } });
  });

  it('tells which statement failed, and none of the values in it', async () => {
    const error = new Error(
      'Failed query: insert into "api_tokens" values ($1, $2)\nparams: S3CRET,\nS3CRET again',
      { cause: new Error('Failed query: select $1\nparams: S3CRET') },
    );
    const { text } = await oneLine({ err: error });
    expect(text).toContain('insert into');
    expect(text).toContain('logger.test.ts');
    expect(text).not.toContain('S3CRET');
  });

  it('drops every field that is not on the list, whatever its value', async () => {
    const { text, line } = await oneLine({
      orderId: 'o1',
      accessToken: 'S3CRET',
      headers: { authorization: 'S3CRET' },
      body: 'S3CRET',
      config: { zerodha: { apiKey: 'S3CRET' } },
    });
    expect(text).not.toContain('S3CRET');
    expect(Object.keys(line).sort()).toEqual(['level', 'msg', 'orderId', 'process', 'time']);
  });

  it('drops objects under an allowed name: they could hold fields of their own', async () => {
    const { text } = await oneLine({
      reason: { password: 'S3CRET' },
      event: [{ token: 'S3CRET' }],
      name: 'ok',
    });
    expect(text).not.toContain('S3CRET');
  });

  it('keeps lists of texts', async () => {
    const { line } = await oneLine({ missing: ['a', 'b'] });
    expect(line['missing']).toEqual(['a', 'b']);
  });

  it.each([
    'postgres://sauda:S3CRET@127.0.0.1:5432/sauda',
    'redis://:S3CRET@127.0.0.1:6379',
    'https://example.test/callback?request_token=S3CRET&status=ok',
    'Authorization: Bearer S3CRET',
    'authorization: token api:S3CRET',
    'access_token=S3CRET',
    '{"access_token":"S3CRET","user":"x"}',
    "{ 'api_secret': 'S3CRET' }",
    'password: "S3CRET"',
    'PASSWORD=S3CRET',
  ])('masks the secret in %s, in a field, an error, and its cause', async (text) => {
    const error = new Error(`call failed: ${text}`, { cause: new Error(text) });
    const { text: written } = await logged((log) => {
      log.info({ url: text, path: text, reason: text, error: text }, 'said');
      log.warn({ err: error }, 'failed');
      log.warn({ err: text }, 'failed');
    });
    expect(written).not.toContain('S3CRET');
  });

  it('keeps what stands around a secret', async () => {
    const { line } = await oneLine({ url: 'postgres://sauda:S3CRET@db.example:5432/sauda' });
    expect(line['url']).toBe('postgres://sauda:***@db.example:5432/sauda');
  });

  it('reduces an error to its name, code, message, stack and the message of its cause', async () => {
    const error = Object.assign(new TypeError('broken', { cause: new Error('deeper') }), {
      code: 'ECONNRESET',
      config: { headers: { authorization: 'S3CRET' } },
      response: { body: 'S3CRET' },
    });
    const { text, line } = await oneLine({ err: error });
    expect(text).not.toContain('S3CRET');
    expect(line['err']).toMatchObject({
      name: 'TypeError',
      message: 'broken',
      code: 'ECONNRESET',
      cause: 'deeper',
    });
    expect(Object.keys(line['err'] as object).sort()).toEqual(['cause', 'code', 'message', 'name', 'stack']);
  });

  it('is bounded, however long the text', async () => {
    const { text } = await oneLine({
      reason: 'x'.repeat(100_000),
      missing: Array.from({ length: 1000 }, () => 'x'),
    });
    expect(text.length).toBeLessThan(10_000);
  });
});

describe('the logger', () => {
  it('writes what its level lets through', async () => {
    const { lines } = await logged((log) => {
      log.debug({}, 'no');
      log.info({}, 'no');
      log.warn({}, 'yes');
      log.error({}, 'yes');
    }, 'warn');
    expect(lines.map((line) => line['msg'])).toEqual(['yes', 'yes']);
  });

  it('makes the folder, and a file that only its owner can read', async () => {
    await logged((log) => log.info({}, 'said'));
    expect(statSync(path.join(folder, 'logs', 'sauda.log')).mode & 0o777).toBe(0o600);
  });
});
