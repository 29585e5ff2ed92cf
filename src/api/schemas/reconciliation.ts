import { z } from '@hono/zod-openapi';
import { instant, listOf } from './parts.ts';

export const RECONCILIATION_STATUSES = ['RUNNING', 'CLEAN', 'DIFFERENCES', 'FAILED'] as const;

const CAUSES = [
  ...(['MANUAL_TRADE', 'RMS_SQUARE_OFF', 'MISSED_FILL', 'T_PLUS_ONE', 'CORPORATE_ACTION'] as const),
  ...(['SELF_TRADE_CANCEL', 'ORPHAN', 'TWIN', 'MARGIN', 'UNKNOWN'] as const),
] as const;
const STATES = ['SEEN', 'EXPLAINED', 'REPAIRED', 'PROPOSED', 'TOLD', 'APPROVED'] as const;

export const reconciliationSchema = z
  .object({
    id: z.string(),
    accountId: z.string(),
    status: z.enum(RECONCILIATION_STATUSES),
    startedAt: instant,
    startedBy: z.string(),
    finishedAt: instant.nullable(),
    checked: z.int().openapi({ description: 'Keys and rows that were compared.' }),
    fault: z
      .string()
      .nullable()
      .openapi({ description: 'Of a FAILED run: which read failed. It changed nothing.' }),
    differences: z.array(
      z.object({
        kind: z.enum(['ORDER', 'TRADE', 'POSITION', 'MARGIN']),
        exchange: z.string(),
        symbol: z.string(),
        product: z.string(),
        ours: z.int().openapi({
          description:
            'What our books hold; of a TRADE, before the repair; of an ORDER, what we took to be live.',
        }),
        brokers: z.int().openapi({
          description:
            'What the broker holds; of a TRADE, what our books hold since; of MARGIN, whole rupees.',
        }),
        cause: z.enum(CAUSES),
        state: z.enum(STATES).openapi({
          description:
            'SEEN by one run: the next decides. PROPOSED waits for a person. TOLD can not be repaired.',
        }),
        evidence: z.record(z.string(), z.unknown()),
        settledBy: z.string().nullable(),
        settledReason: z.string().nullable(),
      }),
    ),
  })
  .openapi('Reconciliation');
export type ReconciliationJson = z.infer<typeof reconciliationSchema>;

export const reconciliationListSchema = listOf(reconciliationSchema);
