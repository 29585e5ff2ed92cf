import { ALERT_TYPES, canBeOff, isAlertType } from '../domain/alert-types.ts';
import { listMutes } from '../db/stores/chat-store.ts';
import { acknowledgeAlerts } from '../services/acknowledge-alert.ts';
import { muteAlerts } from '../services/mute-alerts.ts';
import { AlreadyDoneError, onceForUpdate } from '../services/once-for-update.ts';
import { type AlertRow, findAlertsByCode, listUnseenAlerts } from '../services/read-lists.ts';
import { type Asker, type Desk, actorOf } from './desk.ts';
import { stampOf } from './figures.ts';
import { accountMark, shortIdOf } from './alert-lines.ts';
import { type RichText, bold, code, concat, cut, lines, plain, quoted } from './rich-text.ts';

const MAX_MUTE_MINUTES = 1440;
/** Alerts that one answer names; the others are counted. */
const MAX_NAMED = 20;
/** Of an alert's text, as much as a line of a list repeats. */
const LINE_LENGTH = 150;
/** Alerts that one /ack all can mean: more than that, and the next one means the rest. */
const MAX_ACKNOWLEDGED = 500;
/** Telegram tells when something was written in whole seconds. */
const SECOND_MS = 1000;

const MUTABLE = Object.keys(ALERT_TYPES)
  .filter((type) => isAlertType(type) && canBeOff(type))
  .join(', ');

/** Lists what is muted, or mutes a type of alerts of every account. */
export async function mute(desk: Desk, argument: string, asker: Asker): Promise<RichText> {
  const { context, accountId, channel } = desk;
  if (argument === '') {
    const muted = await listMutes(context.db, accountId, channel);
    return lines(
      bold(muted.length === 0 ? 'Nothing is muted' : 'Muted'),
      ...muted.map(({ type, until, by }) => plain(`${type} until ${stampOf(until)}, by ${by}`)),
      plain('CRITICAL alerts come all the same. /mute TYPE MINUTES'),
    );
  }
  const [type = '', minutesText = ''] = argument.split(/\s+/);
  const minutes = Number(minutesText);
  if (!/^\d{1,4}$/.test(minutesText) || minutes > MAX_MUTE_MINUTES) {
    return plain(`/mute TYPE MINUTES, at most ${MAX_MUTE_MINUTES}; 0 ends it`);
  }
  if (!isAlertType(type)) {
    return concat('There is no type of alert ', code(cut(type, 64)), `. Those that can be muted: ${MUTABLE}`);
  }
  if (minutes > 0 && !canBeOff(type)) {
    return plain(`Refused: ${type} can not be muted, since money is lost unheard. These can: ${MUTABLE}`);
  }
  await once(desk, asker, (inside) =>
    muteAlerts(inside, { accountId, channel, type, minutes, actor: actorOf(asker) }),
  );
  const now = (await listMutes(context.db, accountId, channel)).find((one) => one.type === type);
  return plain(
    now === undefined
      ? `${type} is not muted.`
      : `${type} is muted until ${stampOf(now.until)}; CRITICAL alerts of it come all the same.`,
  );
}

/** What an earlier run of the same update did stands; the answer reads how it stands now. */
async function once(
  desk: Desk,
  { key }: Asker,
  work: (context: Desk['context']) => Promise<void>,
): Promise<void> {
  try {
    await work(onceForUpdate(desk.context, { accountId: desk.accountId, key }));
  } catch (error) {
    if (!(error instanceof AlreadyDoneError)) throw error;
  }
}

/** Lists what nobody has acknowledged, or acknowledges: of every account and of the system, which is none's. */
export async function acknowledge(desk: Desk, argument: string, asker: Asker): Promise<RichText> {
  const wanted = argument.toLowerCase();
  if (wanted === '') return unseenText(desk);
  if (wanted === 'all') return acknowledgeAll(desk, asker);
  const meant = /^[0-9a-f]{8}$/.test(wanted) ? await findAlertsByCode(desk.context.db, wanted) : [];
  if (meant.length === 0) return plain('No alert waits under this code; see /alerts.');
  return doneText(await acknowledgeThese(desk, asker, meant));
}

async function unseenText({ context }: Desk): Promise<RichText> {
  const { alerts, total } = await listUnseenAlerts(context.db, { limit: MAX_NAMED });
  return lines(
    bold(`CRITICAL and not acknowledged: ${total}`),
    ...alerts.map((alert) => concat(`/ack_${shortIdOf(alert.id)} `, lineOf(alert))),
    total > alerts.length ? plain(`and ${total - alerts.length} more`) : null,
    total > 1 ? plain('/ack all for all of them that you were told of') : null,
  );
}

/** What was not in a chat when it was written can not have been seen: it goes on being told. */
async function acknowledgeAll(desk: Desk, asker: Asker): Promise<RichText> {
  const { db } = desk.context;
  const at = new Date((asker.saidAt ?? new Date(0)).getTime() + SECOND_MS);
  const { alerts } = await listUnseenAlerts(db, {
    limit: MAX_ACKNOWLEDGED,
    toldBy: { channel: desk.channel, at },
  });
  const done = await acknowledgeThese(desk, asker, alerts);
  const { total } = await listUnseenAlerts(db, { limit: 1 });
  const left =
    total === 0 ? null : plain(`${total} more had not been told when you wrote, or are too many: /ack`);
  return done.length === 0
    ? lines(plain('Nothing CRITICAL that you were told of waits.'), left)
    : lines(doneText(done), left);
}

/** Twice is the same as once: an update that comes again finds who was first. */
async function acknowledgeThese(desk: Desk, asker: Asker, alerts: readonly AlertRow[]): Promise<AlertRow[]> {
  const done: AlertRow[] = [];
  for (const accountId of new Set(alerts.map((alert) => alert.accountId))) {
    const alertIds = alerts.filter((alert) => alert.accountId === accountId).map(({ id }) => id);
    done.push(...(await acknowledgeAlerts(desk.context, { accountId, actor: actorOf(asker), alertIds })));
  }
  return done;
}

function doneText(done: readonly AlertRow[]): RichText {
  return lines(
    ...done.slice(0, MAX_NAMED).map((alert) => {
      const { acknowledgedAt, acknowledgedBy } = alert;
      const at = acknowledgedAt === null ? '' : ` at ${stampOf(acknowledgedAt)}`;
      return concat(`Acknowledged by ${acknowledgedBy ?? '?'}${at}: `, lineOf(alert));
    }),
    done.length > MAX_NAMED ? plain(`and ${done.length - MAX_NAMED} more`) : null,
  );
}

function lineOf({ accountId, message }: AlertRow): RichText {
  return concat(accountMark(accountId), quoted(cut(message, LINE_LENGTH)));
}
