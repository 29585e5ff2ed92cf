import {
  type KeptUpdate,
  beginPrompt,
  endUpdate,
  insertPrompt,
  useCode,
  usePrompt,
} from '../db/stores/chat-store.ts';
import { readClock } from '../db/stores/account-read-store.ts';
import { PROMPT_MS, type PromptAction, STALE_AFTER_MS, UNSEEN_PROMPT_MS, needsCode } from '../domain/chat.ts';
import { AlreadyDoneError } from '../services/once-for-update.ts';
import { COMMANDS, type Reply, findCommand } from './commands.ts';
import { describeAction } from './describe-action.ts';
import type { Asker, Desk } from './desk.ts';
import { doAction } from './do-action.ts';
import { ageText, stampOf, timeOf } from './figures.ts';
import { MAX_MESSAGE } from './pack-alerts.ts';
import type { Button, OperatorChat, Outgoing } from './port.ts';
import { type RichText, bold, concat, lines, plain, shorten } from './rich-text.ts';
import type { Sender } from './sender.ts';

export interface Handling {
  readonly desk: Desk;
  readonly chat: OperatorChat;
  readonly sender: Sender;
}

/** A question, and the answer to an action, wait so long for a place in their chat. */
const ANSWER_WAIT_MS = 20_000;
/** What only shows waits less: however much is asked, a question of /halt finds few before it. */
const VIEW_WAIT_MS = 5000;
/** What waits in the queue of a chat may have been said this long ago before it counts as said while we were down. */
const STOP_FRESH_MS = STALE_AFTER_MS;
const CODES = 10_000;

/**
 * Does what one update asks for and ends it: in the transaction of its effect, or, when its effect is an answer, after
 * the answer. Throws when it has to be tried again.
 */
export async function handleUpdate(handling: Handling, update: KeptUpdate): Promise<void> {
  const { desk } = handling;
  const { input, accountId, key } = update;
  const role = desk.people.get(input.userId);
  if (role !== undefined) {
    const { userId, chatId, saidAt } = input;
    const asker: Asker = { userId, chatId, role, key, saidAt: saidAt === null ? null : new Date(saidAt) };
    switch (input.kind) {
      case 'command':
        await handleCommand(handling, update, asker, input);
        break;
      case 'press':
        await handlePress(handling, update, asker, input);
        break;
      case 'code':
        await handleCode(handling, update, asker, input);
        break;
    }
  }
  await endUpdate(desk.context.db, accountId, key);
}

type Answer = Exclude<Reply, { kind: 'ask' }>;
type Of<Kind extends KeptUpdate['input']['kind']> = Extract<KeptUpdate['input'], { kind: Kind }>;

async function handleCommand(
  handling: Handling,
  update: KeptUpdate,
  asker: Asker,
  { name, argument }: Of<'command'>,
): Promise<void> {
  const { desk } = handling;
  const { saidAt } = asker;
  const command = findCommand(name);
  if (command === null) {
    await answer(handling, asker, say(plain('I do not know this command; /help lists those I know.')));
    return;
  }
  if (command.role === 'operator' && asker.role !== 'operator') {
    await answer(
      handling,
      asker,
      say(plain(`/${command.name} is for operators; your role is ${asker.role}.`)),
    );
    return;
  }
  const ageMs = saidAt === null ? 0 : update.now.getTime() - saidAt.getTime();
  const isFresh = ageMs <= STOP_FRESH_MS;
  const said = saidAt === null ? '' : stampOf(saidAt);
  const refuse = () =>
    answer(
      handling,
      asker,
      say(
        plain(
          `Refused: /${command.name} was sent at ${said}, ${ageText(ageMs)} ago. Send it again if you still want it.`,
        ),
      ),
    );
  if (command.changes === true && argument !== '' && !isFresh) {
    await refuse();
    return;
  }
  const reply = await command.run(desk, argument, asker);
  if (reply.kind !== 'ask') {
    // What it changed is committed: an answer that is lost must not do it again.
    const sent = answer(handling, asker, reply);
    await (command.changes === true ? sent.catch((error: unknown) => notSent(handling, error)) : sent);
    return;
  }
  const { action } = reply;
  if (isFresh) {
    await ask(handling, asker, action);
    return;
  }
  if (action.kind !== 'halt') {
    await refuse();
    return;
  }
  const late = plain(
    `Your /halt of ${said} came ${ageText(ageMs)} late: it was obeyed at once, without asking.`,
  );
  await act(handling, update, asker, { action, before: late });
}

const say = (text: RichText): Answer => ({ kind: 'say', text });

/** Shows what an action would do, with buttons that this person alone can press, once, for a short time. */
async function ask(handling: Handling, asker: Asker, action: PromptAction): Promise<void> {
  const { desk, sender } = handling;
  const { context, accountId } = desk;
  const nonce = desk.randomId();
  const { chatId, userId } = asker;
  const text = await describeAction(desk, action);
  await insertPrompt(context.db, {
    ...{ accountId, nonce, chatId, userId, action, code: null },
    livesMs: UNSEEN_PROMPT_MS,
  });
  const seconds = PROMPT_MS / 1000;
  const question = lines(text, plain(`Only you can confirm, within ${seconds} s.`));
  const yes = needsCode(action) ? 'Continue' : 'Confirm';
  const buttons: Button[][] = [
    [
      { text: yes, data: `p:${nonce}` },
      { text: 'Cancel', data: `x:${nonce}` },
    ],
  ];
  await sender.send(chatId, headed(desk, question, buttons), { mostMs: ANSWER_WAIT_MS });
  await beginPrompt(context.db, { accountId, nonce, livesMs: PROMPT_MS });
}

async function handlePress(
  handling: Handling,
  update: KeptUpdate,
  asker: Asker,
  press: Of<'press'>,
): Promise<void> {
  const { data } = press;
  if (data.startsWith('v:')) {
    await refresh(handling, asker, press);
    return;
  }
  const nonce = /^[px]:([A-Za-z0-9]{8,32})$/.exec(data)?.[1];
  if (nonce === undefined) {
    await toast(handling, press, 'This button is not known.');
    return;
  }
  const { desk } = handling;
  const of = {
    accountId: desk.accountId,
    nonce,
    chatId: asker.chatId,
    userId: asker.userId,
    key: update.key,
  };
  const used = await usePrompt(desk.context.db, of);
  if (used.state !== 'USED') {
    const why =
      used.state === 'NOT_YOURS' ? 'Only the person who asked can press this.' : 'Expired: ask again.';
    await toast(handling, press, why);
    return;
  }
  await toast(handling, press, null);
  if (asker.role !== 'operator') return;
  if (data.startsWith('x:')) await replace(handling, press, plain('Cancelled: nothing was done.'));
  else if (needsCode(used.action)) await askCode(handling, asker, press, used.action);
  else await act(handling, update, asker, { action: used.action, in: press });
}

/** The second step of what starts or closes: four digits that have to be typed. */
async function askCode(
  handling: Handling,
  asker: Asker,
  press: Of<'press'>,
  action: PromptAction,
): Promise<void> {
  const { desk } = handling;
  const { chatId, userId } = asker;
  const nonce = desk.randomId();
  const code = String(desk.randomInt(CODES)).padStart(4, '0');
  const text = await describeAction(desk, action);
  await insertPrompt(desk.context.db, {
    ...{ accountId: desk.accountId, nonce, chatId, userId, action, code },
    livesMs: UNSEEN_PROMPT_MS,
  });
  await replace(
    handling,
    press,
    lines(text, concat('Type ', bold(code), ` within ${PROMPT_MS / 1000} s to do it. In a group: /${code}`)),
  );
  await beginPrompt(desk.context.db, { accountId: desk.accountId, nonce, livesMs: PROMPT_MS });
}

async function handleCode(
  handling: Handling,
  update: KeptUpdate,
  asker: Asker,
  { code, saidAt }: Of<'code'>,
): Promise<void> {
  const { desk } = handling;
  const { chatId, userId } = asker;
  const ageMs = saidAt === null ? 0 : update.now.getTime() - new Date(saidAt).getTime();
  const of = { accountId: desk.accountId, chatId, userId, key: update.key, code };
  const used = await useCode(desk.context.db, of);
  if (used.state !== 'USED') {
    // Four digits of somebody who was asked for none were meant for nobody.
    if (used.state === 'NONE') return;
    await answer(handling, asker, say(plain('Refused: this is not the code, or it came too late.')));
  } else if (ageMs > STALE_AFTER_MS || asker.role !== 'operator') {
    await answer(handling, asker, say(plain(`Refused: the code was sent ${ageText(ageMs)} ago.`)));
  } else await act(handling, update, asker, { action: used.action });
}

/** Does it, and says what became of it: in the message that was pressed, or in a new one. */
async function act(
  handling: Handling,
  update: KeptUpdate,
  asker: Asker,
  of: { readonly action: PromptAction; readonly in?: Of<'press'>; readonly before?: RichText },
): Promise<void> {
  const { desk } = handling;
  let result: RichText;
  try {
    result = await doAction({ desk, asker, key: update.key }, of.action);
  } catch (error) {
    if (!(error instanceof AlreadyDoneError)) throw error;
    // Done by a run that died before it could say so.
    result = plain('This was done before; /status shows how it stands.');
  }
  const text = of.before === undefined ? result : lines(of.before, result);
  // The effect is committed and its alerts are rows: an answer that is lost must not repeat it.
  await (of.in === undefined ? answer(handling, asker, say(text)) : replace(handling, of.in, text)).catch(
    (error: unknown) => notSent(handling, error),
  );
}

function notSent({ desk }: Handling, error: unknown): void {
  desk.context.log.warn({ err: error }, 'an answer could not be sent');
}

async function answer(handling: Handling, { chatId }: Asker, reply: Answer): Promise<void> {
  const { desk, sender } = handling;
  const mostMs = reply.kind === 'view' ? VIEW_WAIT_MS : ANSWER_WAIT_MS;
  await sender.send(chatId, headed(desk, reply.text, buttonsOf(reply)), { mostMs });
}

function buttonsOf(reply: Answer): Button[][] {
  if (reply.kind === 'view') return [[{ text: 'Refresh', data: reply.refresh }]];
  return reply.url === undefined ? [] : [[reply.url]];
}

/** Reads again and shows it in the same message. */
async function refresh(handling: Handling, asker: Asker, press: Of<'press'>): Promise<void> {
  const { desk, sender } = handling;
  const [, name = '', argument = ''] = press.data.split(':');
  const command = COMMANDS.find((one) => one.name === name && one.role === 'viewer');
  const reply = await command?.run(desk, argument, asker);
  if (reply?.kind !== 'view') {
    await toast(handling, press, 'This button is not known.');
    return;
  }
  await toast(handling, press, null);
  const text = lines(reply.text, plain(`Updated ${timeOf(await readClock(desk.context.db))}`));
  await sender.edit(press.chatId, press.messageId, headed(desk, text, buttonsOf(reply)), VIEW_WAIT_MS);
}

async function replace({ desk, sender }: Handling, press: Of<'press'>, text: RichText): Promise<void> {
  await sender.edit(press.chatId, press.messageId, headed(desk, text, []), ANSWER_WAIT_MS);
}

/** Nothing is lost when it fails: what it says is in the chat, too, or nothing happened. */
async function toast({ chat, desk }: Handling, { pressId }: Of<'press'>, text: string | null): Promise<void> {
  await chat.answerPress(pressId, text).catch((error: unknown) => {
    desk.context.log.debug({ err: error }, 'a press could not be answered');
  });
}

function headed({ mode }: Desk, text: RichText, buttons: Button[][]): Outgoing {
  return { ...shorten(concat(bold(mode), ' ', text), MAX_MESSAGE), buttons };
}
