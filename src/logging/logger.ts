import { pino, type DestinationStream, type Logger } from 'pino';

/**
 * JSON lines. Secrets can not be printed because fields are allowed, not blocked: what is not on the list is dropped
 * before it reaches a line (style.md habit 12). Errors are reduced to name, code, message and stack.
 */
const ALLOWED = new Set([
  'accountId',
  'orderId',
  'clientOrderId',
  'brokerOrderId',
  'symbol',
  'queue',
  'jobId',
  'name',
  'call',
  'fault',
  'httpStatus',
  'durationMs',
  'status',
  'event',
  'from',
  'to',
  'port',
  'url',
  'signal',
  'role',
  'count',
  'attempt',
  'worker',
  'backend',
  'reason',
  'error',
  'err',
  'missing',
  'schedule',
  'migration',
  'method',
  'path',
  'key',
  'everyMs',
  'timeoutMs',
  'alertId',
  'alertType',
  'channel',
  'severity',
  'reminder',
  'failures',
  'jobs',
  'running',
  'schedules',
  'paused',
  'hookError',
  'requestId',
  'tokenId',
  'ip',
]);

const ERRORS = new Set(['err', 'error', 'hookError']);

export type { Logger } from 'pino';

export function createLogger(options: {
  readonly level: string;
  readonly processName: string;
  /** Path of a file, or null for standard output. */
  readonly file: string | null;
}): Logger {
  const destination: DestinationStream = pino.destination(
    options.file === null
      ? { dest: 1, sync: false }
      : { dest: options.file, sync: false, mkdir: true, mode: 0o600 },
  );
  return pino(
    {
      level: options.level,
      base: { process: options.processName },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { log: allowedFields },
      serializers: { err: (error: unknown) => error },
    },
    destination,
  );
}

function allowedFields(fields: Record<string, unknown>): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (ALLOWED.has(name)) kept[name] = ERRORS.has(name) ? plainError(value) : plainValue(value);
  }
  return kept;
}

/** Text, a number, yes or no, or a list of them; anything that could hold fields of its own is left out. */
function plainValue(value: unknown): unknown {
  if (typeof value === 'string') return masked(value);
  if (Array.isArray(value)) return value.slice(0, LONGEST_LIST).map(plainValue);
  return value === null || typeof value === 'number' || typeof value === 'boolean' ? value : undefined;
}

const LONGEST_LIST = 50;
/** As in a header, a query, a sentence, or JSON text. */
const BEARER = /(bearer|token|secret|password)["']?[=: ]+["']?[^\s"'&]+/gi;
/** What Drizzle says of a statement that failed: its text may be told, the values in it are rows of ours. */
const QUERY_VALUES = /(Failed query: [\s\S]*?\nparams: )[\s\S]*?(?=\n {4}at |$)/g;
const URL_PASSWORD = /(:\/\/[^:@/\s]*):[^@/\s]+@/g;

function plainError(value: unknown): unknown {
  if (!(value instanceof Error)) return typeof value === 'string' ? masked(value) : masked(String(value));
  return {
    name: value.name,
    message: masked(value.message),
    ...('code' in value && typeof value.code === 'string' ? { code: value.code } : {}),
    ...(value.stack === undefined ? {} : { stack: masked(value.stack) }),
    ...(value.cause instanceof Error ? { cause: masked(value.cause.message) } : {}),
  };
}

function masked(text: string): string {
  return text
    .replace(QUERY_VALUES, '$1***')
    .replace(BEARER, '$1=***')
    .replace(URL_PASSWORD, '$1:***@')
    .slice(0, 4000);
}
