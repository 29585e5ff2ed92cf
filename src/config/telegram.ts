import { z } from 'zod';
import { CHAT_ROLES, type ChatRole } from '../domain/chat.ts';
import { ALERT_TYPES, canBeOff, isAlertType } from '../domain/alert-types.ts';
import { OUTCOME_TYPES, type OutcomeType } from '../domain/order-outcome.ts';

/** How a type of alert reaches the chat: with sound, without, or not at all. */
export const ALERT_MODES = ['on', 'silent', 'off'] as const;
export type AlertMode = (typeof ALERT_MODES)[number];

/** Good news makes no sound unless somebody asks for it. */
const DEFAULT_MODES: Readonly<Record<string, AlertMode>> = {
  order_filled: 'silent',
  order_cancelled: 'silent',
};

/**
 * Telegram's own senders: the anonymous admin of a group, posts of a linked channel, and a channel that writes in a
 * group. Many people stand behind each (reliability.md 5.2).
 */
const NOBODY: ReadonlySet<string> = new Set(['1087968824', '777000', '136817688']);

const ID = /^-?[1-9]\d{0,18}$/;
const chatId = () => z.string().regex(ID, 'must be a chat id, such as 123456789 or -1001234567890');

/** The variables of api.md that belong to Telegram. */
export const telegramEnvironment = {
  TELEGRAM_BOT_TOKEN: z
    .string()
    .regex(/^\d{1,20}:[A-Za-z0-9_-]{16,128}$/, 'must be a bot token of @BotFather, such as 123456:ABC...')
    .optional(),
  TELEGRAM_CHAT_ID: chatId().optional(),
  TELEGRAM_ALLOWED_USER_IDS: z.string().default('').transform(people),
  TELEGRAM_API_ROOT: z
    .string()
    .refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol), {
      error: 'must be a URL that begins with http:// or https://',
    })
    .default('https://api.telegram.org'),
  TELEGRAM_ESCALATION_CHAT_ID: chatId().optional(),
  TELEGRAM_ESCALATE_AFTER_MS: z
    .string()
    .regex(/^\d{1,9}$/, 'must be a whole number of milliseconds')
    .default('600000')
    .transform(Number),
  TELEGRAM_ALERTS: z.string().default('').transform(modes),
  TELEGRAM_MODE: z.enum(['polling', 'webhook'], { error: 'must be polling or webhook' }).default('polling'),
  TELEGRAM_WEBHOOK_URL: z
    .string()
    .refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol), {
      error: 'must be a URL that begins with https://',
    })
    .optional(),
  TELEGRAM_WEBHOOK_SECRET: z
    .string()
    .regex(/^[A-Za-z0-9_-]{16,256}$/, 'must be 16 to 256 of A-Z a-z 0-9 _ -')
    .optional(),
};

type Environment = z.infer<z.ZodObject<typeof telegramEnvironment>>;

export interface TelegramConfig {
  readonly token: string;
  readonly chatId: string;
  /** Roles by user id. */
  readonly people: ReadonlyMap<string, ChatRole>;
  readonly apiRoot: string;
  /** Null: nobody else is told. */
  readonly escalation: { readonly chatId: string; readonly afterMs: number } | null;
  /** By type; a type that is not named is on. */
  readonly modes: ReadonlyMap<string, AlertMode>;
  /** Null: long polling. */
  readonly webhook: { readonly url: string; readonly secret: string } | null;
}

function people(text: string, context: z.RefinementCtx): ReadonlyMap<string, ChatRole> {
  const found = new Map<string, ChatRole>();
  for (const part of listed(text)) {
    const [id = '', role = 'operator', ...rest] = part.split(':');
    const known = CHAT_ROLES.find((one) => one === role);
    if (!/^[1-9]\d{0,18}$/.test(id) || known === undefined || rest.length > 0) {
      refuse(context, 'must be user ids, each with :viewer or :operator if need be, separated by commas');
    } else if (NOBODY.has(id)) {
      refuse(context, `must not name ${id}: anybody can stand behind it`);
    } else found.set(id, known);
  }
  return found;
}

function modes(text: string, context: z.RefinementCtx): ReadonlyMap<string, AlertMode> {
  const found = new Map(Object.entries(DEFAULT_MODES));
  for (const part of listed(text)) {
    const [type = '', mode = '', ...rest] = part.split('=');
    const known = ALERT_MODES.find((one) => one === mode);
    if (known === undefined || rest.length > 0) {
      refuse(context, 'must be types with on, silent or off, separated by commas: order_filled=on');
    } else if (!isAlertType(type)) {
      refuse(context, `names ${type.slice(0, 64)}, which is no type of alert; docs/telegram.md lists them`);
    } else if (known === 'off' && !canBeOff(type)) {
      refuse(context, `must not switch ${type} off: money is lost unheard`);
    } else found.set(type, known);
  }
  return found;
}

function listed(text: string): string[] {
  return text.split(',').flatMap((part) => (part.trim() === '' ? [] : [part.trim()]));
}

function refuse(context: z.RefinementCtx, message: string): void {
  context.addIssue({ code: 'custom', message });
}

/** Rules about several variables. */
export function telegramProblems(env: Environment): (readonly [variable: string, problem: string])[] {
  const problems: (readonly [string, string])[] = [];
  if (env.TELEGRAM_BOT_TOKEN === undefined) return problems;
  if (env.TELEGRAM_CHAT_ID === undefined) {
    problems.push(['TELEGRAM_CHAT_ID', 'is needed with TELEGRAM_BOT_TOKEN: where alerts go']);
  }
  if (
    env.TELEGRAM_ESCALATION_CHAT_ID !== undefined &&
    env.TELEGRAM_ESCALATION_CHAT_ID === env.TELEGRAM_CHAT_ID
  ) {
    problems.push(['TELEGRAM_ESCALATION_CHAT_ID', 'must be another chat than TELEGRAM_CHAT_ID']);
  }
  if (env.TELEGRAM_MODE === 'webhook') {
    for (const name of ['TELEGRAM_WEBHOOK_URL', 'TELEGRAM_WEBHOOK_SECRET'] as const) {
      if (env[name] === undefined) problems.push([name, 'is needed with TELEGRAM_MODE=webhook']);
    }
  }
  return problems;
}

/** Null: no bot token, no Telegram. */
export function telegramOf(env: Environment): TelegramConfig | null {
  const { TELEGRAM_BOT_TOKEN: token, TELEGRAM_CHAT_ID: chat } = env;
  if (token === undefined || chat === undefined) return null;
  const { TELEGRAM_WEBHOOK_URL: url, TELEGRAM_WEBHOOK_SECRET: secret } = env;
  const escalation = env.TELEGRAM_ESCALATION_CHAT_ID;
  return {
    token,
    chatId: chat,
    people: env.TELEGRAM_ALLOWED_USER_IDS,
    apiRoot: env.TELEGRAM_API_ROOT,
    escalation:
      escalation === undefined ? null : { chatId: escalation, afterMs: env.TELEGRAM_ESCALATE_AFTER_MS },
    modes: env.TELEGRAM_ALERTS,
    webhook:
      env.TELEGRAM_MODE === 'polling' || url === undefined || secret === undefined ? null : { url, secret },
  };
}

/**
 * Ends of orders that are written although they are mere news: those of a type that is not off, and none without
 * Telegram. What went wrong is written in any case, for every channel and the API; its setting is the chat's alone.
 */
export function toldOutcomes(telegram: TelegramConfig | null): ReadonlySet<OutcomeType> {
  if (telegram === null) return new Set();
  return new Set(
    OUTCOME_TYPES.filter((type) => ALERT_TYPES[type] === 'NEWS' && telegram.modes.get(type) !== 'off'),
  );
}
