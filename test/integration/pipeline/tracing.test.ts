/** An order's way as OpenTelemetry sees it, where the user has registered an SDK (docs/tracing.md). */
import { context, trace } from '@opentelemetry/api';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { traceIdOf } from '../../../src/lib/order-trace.ts';
import { MARKET, RESTING } from '../../support/pipeline/requests.ts';
import { onEachBackend, type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { waitFor } from '../../support/wait.ts';
import { cancelOrder } from '../../../src/services/cancel-order.ts';

const exporter = new InMemorySpanExporter();
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });

const spansOf = (orderId: string): ReadableSpan[] =>
  exporter.getFinishedSpans().filter((span) => span.spanContext().traceId === traceIdOf(orderId));
const namesOf = (orderId: string): string[] => spansOf(orderId).map(({ name }) => name);

onEachBackend((backend) => {
  describe('the trace of an order', () => {
    let pipeline: Pipeline;

    beforeAll(async () => {
      pipeline = await startPipeline({ backend });
      provider.register();
    });
    afterAll(async () => {
      trace.disable();
      context.disable();
      await pipeline.stop();
    });

    it('goes from its acceptance over jobs and the broker to its fill, under the id of the order', async () => {
      const order = await pipeline.place(MARKET);
      await pipeline.waitForStatus(order, 'FILLED');
      await waitFor(() => namesOf(order.id).includes('TradeRecorded'), { what: 'the span of the fill' });
      const spans = spansOf(order.id);
      expect(namesOf(order.id)).toEqual(
        expect.arrayContaining([
          ...['accept', 'OrderAccepted', 'validate', 'OrderValidated', 'SubmissionClaimed', 'broker place'],
          ...['submit', 'OrderSubmitted', 'TradeRecorded'],
        ]),
      );
      const call = spans.find(({ name }) => name === 'broker place');
      const parent = spans.find((span) => span.spanContext().spanId === call?.parentSpanContext?.spanId);
      expect(parent?.name).toBe('submit');
      const fill = spans.find(({ name }) => name === 'TradeRecorded');
      expect(fill?.attributes).toMatchObject({ 'sauda.order_id': order.id, to: 'FILLED' });
      // The broker's one call, in the one trace.
      expect(namesOf(order.id).filter((name) => name === 'broker place')).toHaveLength(1);
    });

    it('has the cancel as well, and none of another order', async () => {
      const [one, other] = await Promise.all([pipeline.place(RESTING), pipeline.place(RESTING)]);
      await Promise.all([one, other].map((order) => pipeline.waitForStatus(order, 'OPEN')));
      await cancelOrder(pipeline.parts.context, {
        ...{ accountId: 'main', orderId: one.id, actor: 'a person', strategyId: null },
        ...{ idempotencyKey: null, reason: null },
      });
      await pipeline.waitForStatus(one, 'CANCELLED');
      await waitFor(() => namesOf(one.id).includes('OrderCancelled'), { what: 'the span of the end' });
      expect(namesOf(one.id)).toEqual(expect.arrayContaining(['command', 'broker cancel']));
      expect(namesOf(other.id)).not.toContain('broker cancel');
      for (const span of [...spansOf(one.id), ...spansOf(other.id)]) {
        const isOf = span.attributes['sauda.order_id'] ?? traceIdOf(span.spanContext().traceId);
        expect(traceIdOf(String(isOf))).toBe(span.spanContext().traceId);
      }
    });
  });
});
