import { z } from '@hono/zod-openapi';

/** Types of answers. These schemas describe; answers are built with their inferred types, so the compiler holds them. */
export const money = z.string().openapi({ example: '2450.05', description: 'Rupees as an exact decimal.' });
export const share = z.string().openapi({ example: '0.02', description: 'A share: 0.02 is 2%.' });
export const instant = z.string().openapi({ format: 'date-time', example: '2026-11-23T09:15:00.000+05:30' });
export const date = z.string().openapi({ format: 'date', example: '2026-11-23' });
export const record = z.record(z.string(), z.unknown());

export function listOf<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() });
}
