import type { ChatRole } from '../domain/chat.ts';
import type { Context } from '../services/context.ts';
import type { TradingMode } from './pack-alerts.ts';

/** Everything that a command may look at or act on. */
export interface Desk {
  readonly context: Context;
  /** The account that commands are about; /halt stops all of them. */
  readonly accountId: string;
  readonly mode: TradingMode;
  /** The channel whose types /mute mutes. */
  readonly channel: string;
  readonly people: ReadonlyMap<string, ChatRole>;
  readonly version: string;
  /** Where a person logs in at the broker; null: there is nothing to log in to. */
  readonly loginUrl: (() => string) | null;
  /** Null: the queues do not answer. */
  readonly queueCounts: () => Promise<Readonly<Record<string, QueueLine>>>;
  readonly health: () => Promise<HealthView>;
  /** Numbers from 0 to `below` - 1 that nobody can guess. */
  readonly randomInt: (below: number) => number;
  readonly randomId: () => string;
}

export interface QueueLine {
  readonly waiting: number;
  readonly active: number;
  readonly delayed: number;
}

export interface HealthView {
  readonly status: string;
  readonly parts: readonly {
    readonly name: string;
    readonly status: string;
    readonly detail?: string;
  }[];
}

/** Who asks, and where. */
export interface Asker {
  readonly userId: string;
  readonly chatId: string;
  readonly role: ChatRole;
  /** Of the update that asks. */
  readonly key: string;
  /** When it was written; null: a press carries no time. */
  readonly saidAt: Date | null;
}

/** As rows and the journal name a person of the chat. */
export function actorOf({ userId }: Pick<Asker, 'userId'>): string {
  return `telegram:${userId}`;
}
