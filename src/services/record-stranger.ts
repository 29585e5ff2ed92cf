import type { Context } from './context.ts';

export interface Stranger {
  /** Of this person, place and day: recorded once. */
  readonly key: string;
  /** Whose journal: that of what belongs to no account. */
  readonly accountId: string;
  readonly userId: string;
  readonly chatId: string;
  readonly chatType: string;
  /** The kind of what was sent; its words are not kept. */
  readonly what: string;
}

/** One journal entry for each stranger, place and day that tries the bot; it gets no answer. */
export async function recordStranger(
  context: Pick<Context, 'withAccount'>,
  stranger: Stranger,
): Promise<void> {
  const { key, accountId, ...of } = stranger;
  await context.withAccount({
    accountId,
    actor: 'telegram',
    needs: { chatUpdates: [key] },
    run: (view) => {
      if (view.chatUpdate(key) !== null) return;
      const at = view.real.realNow;
      view.putChatUpdate({ accountId, key, input: null, receivedAt: at, doneAt: at });
      view.note('ChatStranger', 'telegram', of);
    },
  });
}
