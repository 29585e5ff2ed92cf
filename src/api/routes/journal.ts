import { z } from '@hono/zod-openapi';
import { formatIst } from '../../domain/calendar.ts';
import { type JournalLine, searchJournal } from '../../services/read-events.ts';
import { journalAccountOf } from '../access.ts';
import { decodeCursor, encodeCursor, integerPart } from '../cursor.ts';
import { endpoint } from '../endpoint.ts';
import { instant, name64, plainText } from '../fields.ts';
import { accountQuery, pageQuery } from '../query.ts';
import { type JournalEntryJson, journalListSchema } from '../schemas/event.ts';

export const journalEndpoints = [
  endpoint({
    method: 'get',
    path: '/v1/journal',
    role: 'operator',
    concerns: 'account',
    summary:
      'Who did what, newest first; account "system" (tokens, queues, prices) is for admins bound to none. A page may be short, or empty, and still have a next one',
    query: z.object({
      ...accountQuery,
      actor: plainText(128).optional(),
      kind: name64()
        .optional()
        .openapi({ description: 'What happened: "OrderResolved", "LimitChanged" ...' }),
      entity: plainText(128).optional(),
      from: instant().optional(),
      to: instant().optional().openapi({ description: 'Not this instant any more.' }),
      ...pageQuery,
    }),
    answers: { 200: { description: 'A page of entries.', schema: journalListSchema } },
    handle: async ({ query, principal, context, accountOf, namedAccount }) => {
      const { limit, cursor, actor, kind, entity, from, to } = query;
      const place = decodeCursor(cursor, [integerPart])?.[0];
      const { lines, lookedDownTo } = await searchJournal(context.db, {
        ...{ actor, kind, entity, from, to },
        accountId: await journalAccountOf(accountOf, principal, namedAccount),
        before: place === undefined ? null : Number(place),
        limit: limit + 1,
      });
      const shown = lines.slice(0, limit);
      const next = lines.length > limit ? (shown.at(-1)?.seq ?? 1) : lookedDownTo;
      return {
        status: 200,
        body: {
          items: shown.map(entryJson),
          nextCursor: next > 1 ? encodeCursor([String(next)]) : null,
        },
      };
    },
  }),
];

function entryJson({ seq, accountId, at, actor, kind, entity, data }: JournalLine): JournalEntryJson {
  const { origin = null, ...rest } = data as { readonly origin?: JournalEntryJson['origin'] };
  return {
    ...{ seq, accountId, actor, entity, origin },
    at: formatIst(new Date(at)),
    event: kind,
    data: rest,
  };
}
