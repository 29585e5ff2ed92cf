import { z } from '@hono/zod-openapi';
import { instant, listOf } from './parts.ts';

export const signalHookSchema = z
  .object({
    id: z.string(),
    accountId: z.string(),
    name: z.string(),
    strategyId: z.string(),
    instruments: z.array(z.string()),
    maxQuantity: z.int(),
    maxAgeMs: z.int().openapi({ description: 'An older alert is refused.' }),
    createdAt: instant,
    revokedAt: instant.nullable(),
  })
  .openapi('SignalHook');
export type SignalHookJson = z.infer<typeof signalHookSchema>;
export const signalHookListSchema = listOf(signalHookSchema);
export const newSignalHookSchema = signalHookSchema
  .extend({
    path: z.string().openapi({ description: 'The address with its secret, shown this once.' }),
  })
  .openapi('NewSignalHook');
