import { z } from '@hono/zod-openapi';
import { instant, listOf } from './parts.ts';

export const RECONCILIATION_STATUSES = ['RUNNING', 'CLEAN', 'DIFFERENCES', 'FAILED'] as const;

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
        exchange: z.string(),
        symbol: z.string(),
        product: z.string(),
        ours: z.int(),
        brokers: z.int(),
        cause: z.enum(['MANUAL_TRADE', 'RMS_SQUARE_OFF', 'MISSED_FILL', 'CORPORATE_ACTION', 'UNKNOWN']),
        state: z.enum(['REPAIRED', 'PROPOSED', 'APPROVED']),
        evidence: z.record(z.string(), z.unknown()),
        settledBy: z.string().nullable(),
        settledReason: z.string().nullable(),
      }),
    ),
  })
  .openapi('Reconciliation');
export type ReconciliationJson = z.infer<typeof reconciliationSchema>;

export const reconciliationListSchema = listOf(reconciliationSchema);
