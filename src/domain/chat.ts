/**
 * What a person can say to the system from a chat, as it is kept and judged. Pure: nothing here knows which chat
 * service it is. Only what was understood is kept; other words are dropped before they are stored.
 */
export const CHAT_ROLES = ['viewer', 'operator'] as const;
export type ChatRole = (typeof CHAT_ROLES)[number];

interface Said {
  /** Digits; of a group with a minus. */
  readonly chatId: string;
  readonly userId: string;
  /** When it was said, RFC 3339; null: a press carries no time. */
  readonly saidAt: string | null;
}

export type ChatInput = Said &
  (
    | { readonly kind: 'command'; readonly name: string; readonly argument: string }
    | { readonly kind: 'press'; readonly data: string; readonly pressId: string; readonly messageId: number }
    /** Four digits and nothing else. */
    | { readonly kind: 'code'; readonly code: string }
  );

/** What a prompt does once it is confirmed. */
export type PromptAction =
  | { readonly kind: 'halt' | 'reduce' | 'cancelAll'; readonly reason: string }
  | { readonly kind: 'pause'; readonly strategyId: string; readonly reason: string }
  /** Null: of the account. `releases` is the halt that was shown. */
  | { readonly kind: 'resume'; readonly strategyId: string | null; readonly releases: string | null }
  | { readonly kind: 'flatten'; readonly strategyId: string | null }
  | {
      readonly kind: 'resolve';
      readonly orderId: string;
      readonly decision: 'adopt' | 'neverPlaced';
      readonly brokerOrderId: string | null;
    };

/** A prompt lives this long after it was shown, milliseconds. */
export const PROMPT_MS = 30_000;
/** Until it can be seen it lives longer, milliseconds: its message may wait for a place in the chat. */
export const UNSEEN_PROMPT_MS = 60_000;
/** What starts or closes positions is refused when it was said longer ago than this, milliseconds. */
export const STALE_AFTER_MS = 60_000;

/** Starting and flattening take a typed code; stopping takes a press. */
export function needsCode(action: PromptAction): boolean {
  return action.kind === 'resume' || action.kind === 'flatten' || action.kind === 'resolve';
}
