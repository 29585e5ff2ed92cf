import type { AlertSeverity } from '../domain/alert-delivery.ts';

/** An alert as a channel tells it. */
export interface AlertMessage {
  /** Of this telling: the same in every try of it, so that a receiver can drop what comes twice. */
  readonly deliveryId: string;
  readonly accountId: string;
  readonly alertId: string;
  readonly severity: AlertSeverity;
  readonly type: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly orderId: string | null;
  readonly at: Date;
  /** 0 for the first telling; a CRITICAL alert that nobody acknowledged is told again. */
  readonly reminder: number;
}

/** Which alerts a channel is told of. */
export interface ChannelTerms {
  /** 1 to 32 of a-z 0-9 -; stands in rows and answers. */
  readonly name: string;
  /** Alerts below this are not its business. */
  readonly minimumSeverity: AlertSeverity;
  /** Types that are not its business either, unless they are CRITICAL. */
  readonly offTypes?: readonly string[];
  /** It hears only of CRITICAL alerts that stand so long and that nobody has acknowledged. */
  readonly escalatesAfterMs?: number;
}

/** A way to reach a person, one alert at a time. */
export interface SingleChannel extends ChannelTerms {
  /**
   * Resolves once the alert has been handed over, perhaps for the second time. Throws ChannelError, whose text is
   * shown to operators and holds no secret; any other error is shown by its name alone. Ends early on `signal`.
   */
  deliver(alert: AlertMessage, signal: AbortSignal): Promise<void>;
}

/** One message of a channel, with the alerts that it tells. */
export interface Pack<Message> {
  readonly alerts: readonly AlertMessage[];
  readonly message: Message;
  /** How much its lines leave out, so that much fits few messages; 0: nothing. */
  readonly density: number;
}

/** A way to reach a person that takes few messages: several alerts share one. */
export interface PackingChannel<Message = unknown> extends ChannelTerms {
  /** Alerts that are not CRITICAL wait so long for others to share their message, milliseconds. */
  readonly gatherMs: number;
  /**
   * The first message to send of what waits, gravest first; `density` is that of the message before it. Pure;
   * `waiting` is not empty.
   */
  packFirst(waiting: readonly AlertMessage[], density: number): Pack<Message>;
  /**
   * The id of the message that was sent, perhaps for the second time. Throws ChannelError; `signal` ends it early.
   */
  deliverPack(pack: Pack<Message>, signal: AbortSignal): Promise<string>;
}

export type AlertChannel = SingleChannel | PackingChannel;

/**
 * failed: counts against the alert, which is given up in the end. later: the channel can not be reached; the alert
 * waits for as long as it takes. busy: it takes nothing for a moment, which is no failure.
 */
export type ChannelFault = 'failed' | 'later' | 'busy';

/** Why an alert could not be handed over, in words that anybody may read. */
export class ChannelError extends Error {
  override readonly name = 'ChannelError';
  readonly fault: ChannelFault;

  constructor(message: string, fault: ChannelFault = 'failed') {
    super(message);
    this.fault = fault;
  }
}
