import { randomBytes, randomInt } from 'node:crypto';
import { checkAll } from '../api/health.ts';
import { brokerLoginUrl } from '../api/kite-login.ts';
import type { Config } from '../config/config.ts';
import { DEFAULT_ACCOUNT } from '../services/open-account.ts';
import { type BotOptions, type RunningBot, startBot } from '../telegram/bot.ts';
import type { Desk } from '../telegram/desk.ts';
import { systemClock } from '../time/clock.ts';
import { newId } from '../time/random.ts';
import { queueCounts } from './api-role.ts';
import { brokerLoginOf } from './broker-login.ts';
import { packageVersion } from './package-version.ts';
import { probesOf } from './probes.ts';
import { type Composition, TELEGRAM_CHANNEL, modeOf } from './compose.ts';
import { EXIT } from './process.ts';
import type { Running } from './roles.ts';
import { telegramInbox } from './telegram-inbox.ts';

/** Of a nonce: more than anybody guesses within its life. */
const NONCE_BYTES = 8;

/** The Telegram bot of a process; several wait in line for the one that talks. Nothing when none is configured. */
export function startTelegram(
  parts: Composition,
  config: Config,
  of: Pick<BotOptions, 'handlingMs'> = {},
): Running[] {
  const { telegram } = parts;
  const inbox = telegramInbox(parts, config);
  if (telegram === null || config.telegram === null || inbox === null) return [];
  const bot: RunningBot = startBot({
    ...telegram,
    desk: deskOf(parts, config),
    inbox,
    webhook: config.telegram.webhook,
    ...of,
  });
  return [{ role: 'telegram-bot', stop: () => bot.stop() }];
}

/** As a process of its own, which without a bot has nothing to do. */
export function startTelegramAlone(parts: Composition, config: Config): Running[] {
  if (config.telegram !== null) return startTelegram(parts, config);
  process.stderr.write('No bot: set TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID (docs/telegram.md).\n');
  process.exit(EXIT.usage);
}

function deskOf(parts: Composition, config: Config): Desk {
  const probes = probesOf(parts, config);
  const login = brokerLoginOf(config, parts.sealer);
  return {
    context: parts.context,
    accountId: DEFAULT_ACCOUNT,
    mode: modeOf(config),
    channel: TELEGRAM_CHANNEL,
    people: config.telegram?.people ?? new Map(),
    version: packageVersion(),
    loginUrl:
      login === null
        ? null
        : () =>
            brokerLoginUrl(login, {
              ...{ id: newId(), accountId: DEFAULT_ACCOUNT, tokenId: 'telegram', actor: 'telegram' },
              now: systemClock.now(),
            }),
    queueCounts: () => queueCounts(parts.queues),
    health: () => checkAll(probes),
    randomInt: (below) => randomInt(below),
    randomId: () => randomBytes(NONCE_BYTES).toString('hex'),
  };
}
