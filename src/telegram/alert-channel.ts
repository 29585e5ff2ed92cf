import { ChannelError, type PackingChannel } from '../alert-channels/port.ts';
import { packFirst, type PackOptions } from './pack-alerts.ts';
import { ChatError, type Outgoing } from './port.ts';
import { NoPlaceError, type Sender } from './sender.ts';

/** A run of deliveries waits so long for a place of the chat; then the next looks again. */
const LONGEST_WAIT_MS = 4000;
/** Fills and other news of a few seconds share a message. */
const GATHER_MS = 3000;

export interface AlertChannelOptions extends PackOptions {
  readonly name: string;
  readonly chatId: string;
  readonly offTypes: readonly string[];
  /** Null: it is the first to hear. */
  readonly escalatesAfterMs: number | null;
  readonly sender: Sender;
}

/** Alerts as messages of one chat. */
export function createTelegramChannel(options: AlertChannelOptions): PackingChannel<Outgoing> {
  const { name, chatId, offTypes, escalatesAfterMs, sender } = options;
  return {
    name,
    minimumSeverity: 'INFO',
    offTypes,
    ...(escalatesAfterMs === null ? {} : { escalatesAfterMs }),
    gatherMs: GATHER_MS,
    packFirst: (waiting, density) => packFirst(waiting, options, density),
    deliverPack: async ({ message }, signal) => {
      const send = (outgoing: Outgoing) => sender.send(chatId, outgoing, { mostMs: LONGEST_WAIT_MS, signal });
      try {
        return String(await send(message).catch((error: unknown) => retryPlain(error, message, send)));
      } catch (error) {
        throw channelErrorOf(error);
      }
    },
  };
}

/** A message whose formatting Telegram does not take is told all the same, without it. */
async function retryPlain(
  error: unknown,
  message: Outgoing,
  send: (message: Outgoing) => Promise<number>,
): Promise<number> {
  const isText = error instanceof ChatError && error.status === 400 && message.entities.length > 0;
  if (!isText || !/entit|parse|encoded/i.test(error.message)) throw error;
  return send({ ...message, entities: [] });
}

/** Only what Telegram refuses for good counts against an alert. */
function channelErrorOf(error: unknown): unknown {
  if (error instanceof NoPlaceError) return new ChannelError(error.message, 'busy');
  if (!(error instanceof ChatError)) return error;
  if (error.fault === 'flood') return new ChannelError(error.message, 'busy');
  return new ChannelError(error.message, error.fault === 'refused' ? 'failed' : 'later');
}
