import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/config.ts';
import { ALERT_TYPES, type AlertType } from '../../../src/domain/alert-types.ts';
import { toldOutcomes } from '../../../src/config/telegram.ts';

const BOT = { TELEGRAM_BOT_TOKEN: '123456:AAaaBBbbCCccDDddEEee', TELEGRAM_CHAT_ID: '-1001234567890' };

const telegramOf = (variables: Record<string, string>) => {
  const parsed = parseConfig({ ...BOT, ...variables });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return parsed.value.telegram!;
};
const problemsOf = (variables: Record<string, string>) => {
  const parsed = parseConfig({ ...BOT, ...variables });
  return parsed.ok ? [] : parsed.error.map(({ variable }) => variable);
};

describe('the configuration of Telegram', () => {
  it('is off without a token, and no news of orders is written then', () => {
    const parsed = parseConfig({ TELEGRAM_CHAT_ID: '1' });
    expect(parsed.ok && parsed.value.telegram).toBeNull();
    expect([...toldOutcomes(null)]).toEqual([]);
  });

  it('reads people with their roles; operator when none is said', () => {
    const { people } = telegramOf({ TELEGRAM_ALLOWED_USER_IDS: '11, 22:viewer,33:operator,' });
    expect([...people]).toEqual([
      ['11', 'operator'],
      ['22', 'viewer'],
      ['33', 'operator'],
    ]);
  });

  it.each(['11:admin', '@asha', '-5', '11:viewer:more', '1087968824', '777000:viewer', '136817688'])(
    'does not take %s as a person',
    (text) => {
      expect(problemsOf({ TELEGRAM_ALLOWED_USER_IDS: text })).toEqual(['TELEGRAM_ALLOWED_USER_IDS']);
    },
  );

  it('takes fills and cancels without sound unless told otherwise, and news that are off are not written', () => {
    expect([...telegramOf({}).modes]).toEqual([
      ['order_filled', 'silent'],
      ['order_cancelled', 'silent'],
    ]);
    expect([...toldOutcomes(telegramOf({}))]).toEqual(['order_filled', 'order_cancelled']);
    const off = telegramOf({ TELEGRAM_ALERTS: 'order_filled=off, near_stop=silent, order_expired=off' });
    expect([...toldOutcomes(off)]).toEqual(['order_cancelled']);
  });

  it('lets no type be switched off that money hangs on, and takes no type that there is not', () => {
    for (const type of Object.keys(ALERT_TYPES) as AlertType[]) {
      expect(problemsOf({ TELEGRAM_ALERTS: `${type}=silent` })).toEqual([]);
      expect(problemsOf({ TELEGRAM_ALERTS: `${type}=off` })).toEqual(
        ALERT_TYPES[type] === 'ALWAYS' ? ['TELEGRAM_ALERTS'] : [],
      );
    }
    for (const name of ['order_filed', 'toString', 'constructor', 'ORDER_FILLED']) {
      const parsed = parseConfig({ ...BOT, TELEGRAM_ALERTS: `${name}=on` });
      expect(parsed).toMatchObject({
        ok: false,
        error: [{ variable: 'TELEGRAM_ALERTS', problem: expect.stringContaining(name) as string }],
      });
    }
  });

  it.each(['order_rejected=off', 'kill_switch_triggered=off', 'order_filled=loud', 'order_filled', 'A B=on'])(
    'refuses the alert setting %s',
    (text) => {
      expect(problemsOf({ TELEGRAM_ALERTS: text })).toEqual(['TELEGRAM_ALERTS']);
    },
  );

  it('names what is missing: a chat, and for a webhook its address and secret', () => {
    expect(problemsOf({ TELEGRAM_CHAT_ID: '' })).toEqual(['TELEGRAM_CHAT_ID']);
    expect(problemsOf({ TELEGRAM_MODE: 'webhook' })).toEqual([
      'TELEGRAM_WEBHOOK_URL',
      'TELEGRAM_WEBHOOK_SECRET',
    ]);
    expect(problemsOf({ TELEGRAM_ESCALATION_CHAT_ID: BOT.TELEGRAM_CHAT_ID })).toEqual([
      'TELEGRAM_ESCALATION_CHAT_ID',
    ]);
    expect(problemsOf({ TELEGRAM_BOT_TOKEN: 'not a token' })).toContain('TELEGRAM_BOT_TOKEN');
  });

  it('does not repeat a token that it refuses', () => {
    const parsed = parseConfig({ TELEGRAM_BOT_TOKEN: '123:sec/ret-that-must-not-be-shown' });
    expect(parsed.ok).toBe(false);
    expect(JSON.stringify(parsed)).not.toContain('must-not-be-shown');
  });
});
