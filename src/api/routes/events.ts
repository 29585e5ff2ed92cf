import { z } from '@hono/zod-openapi';
import { type EventLine, concernsStrategy } from '../../services/read-events.ts';
import { journalAccountOf } from '../access.ts';
import { endpoint } from '../endpoint.ts';
import { eventStream } from '../event-stream.ts';
import { ApiProblem, fieldProblem } from '../problem.ts';
import { accountQuery, queryInteger } from '../query.ts';
import { eventSchema } from '../schemas/event.ts';

const MAX_SEQ = 999_999_999;
const LAST_EVENT_ID = /^\d{1,9}$/;
const FULL = 'There are as many event streams as this server takes, or it is stopping.';

const query = z.object({
  ...accountQuery,
  since: queryInteger(0, MAX_SEQ).optional().openapi({
    type: 'integer',
    description: 'Tells every entry with a larger number. Left out: what happens from now on.',
  }),
});
const headers = { 'Last-Event-ID': 'The last number that was seen; goes before since.' };

export const eventEndpoints = [
  endpoint({
    method: 'get',
    path: '/v1/events',
    role: 'viewer',
    summary: "Every entry of an account's journal as it happens, as server-sent events",
    query,
    headers,
    answers: {
      200: {
        description: 'Each data is one event; its id is the number in the journal. An event "end" says why.',
        contentType: 'text/event-stream',
        schema: eventSchema,
      },
    },
    handle: async (call) => {
      const { events, principal, clock } = call;
      const accountId = await journalAccountOf(call.accountOf, principal, call.namedAccount);
      const wanted = lastEventId(call.header('last-event-id')) ?? call.query.since;
      const head = await events.head(accountId);
      if (wanted !== undefined && wanted > head) throw pastTheEnd(wanted, head);
      const { strategyId } = principal;
      const accepts = (event: EventLine) => strategyId === null || concernsStrategy(event, strategyId);
      return {
        status: 200,
        headers: {
          'content-type': 'text/event-stream; charset=utf-8',
          'x-accel-buffering': 'no',
          connection: 'close',
        },
        stream: () => {
          const subscription = events.subscribe({
            ...{ accountId, since: wanted ?? head, head, accepts },
            holder: principal.id,
          });
          if (subscription === null) {
            throw new ApiProblem('UNAVAILABLE', { detail: FULL, headers: { 'retry-after': '5' } });
          }
          const { isStillAllowed, hangUp } = call;
          const position = wanted === undefined ? head : null;
          return eventStream({
            ...{ subscription, position, settings: events.settings, clock, isStillAllowed, hangUp },
          });
        },
      };
    },
  }),
  endpoint({
    method: 'get',
    path: '/v1/ws',
    role: 'viewer',
    summary: 'The same as a WebSocket: each message is one event; the reason of the end is that of the close',
    query,
    headers,
    answers: { 101: { description: 'The connection is a WebSocket from here on.' } },
    handle: () => Promise.reject(new ApiProblem('UPGRADE_REQUIRED', { headers: { upgrade: 'websocket' } })),
  }),
];

function lastEventId(header: string | undefined): number | undefined {
  if (header === undefined || header === '') return undefined;
  if (LAST_EVENT_ID.test(header)) return Number(header);
  throw new ApiProblem('INVALID_HEADER', { detail: 'Last-Event-ID is a number of the journal.' });
}

/** A number of another journal, or of one that was lost: going on in silence would hide that. */
function pastTheEnd(wanted: number, head: number): ApiProblem {
  const says = `${wanted} is past the end of this journal, which is at ${head}`;
  return new ApiProblem('INVALID_QUERY', { errors: [fieldProblem('?since', 'RANGE', says)] });
}
