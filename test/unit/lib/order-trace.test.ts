import { SpanStatusCode, context, trace } from '@opentelemetry/api';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { afterEach, describe, expect, it } from 'vitest';
import { inCallSpan, inOrderSpan, tellOrderSpan, traceIdOf } from '../../../src/lib/order-trace.ts';

const ORDER = '0197f6c0-1c2d-7abc-8def-0123456789ab';
const OTHER = '0197f6c0-1c2d-7abc-8def-0123456789ac';

function register(): InMemorySpanExporter {
  const exporter = new InMemorySpanExporter();
  new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
  return exporter;
}

afterEach(() => {
  trace.disable();
  context.disable();
});

describe('spans of an order', () => {
  it('are none without an SDK: what work gives and throws comes through', async () => {
    expect(await inOrderSpan('step', ORDER, async () => inCallSpan('call', async () => 5))).toBe(5);
    const failure = new Error('no');
    await expect(inOrderSpan('step', ORDER, () => Promise.reject(failure))).rejects.toBe(failure);
    tellOrderSpan('accept', ORDER);
  });

  it('of two processes that know nothing of each other are of one trace', async () => {
    const seen = [];
    for (let process = 0; process < 2; process++) {
      const exporter = register();
      await inOrderSpan('step', ORDER, async () => undefined);
      seen.push(...exporter.getFinishedSpans());
      trace.disable();
      context.disable();
    }
    expect(seen.map((span) => span.spanContext().traceId)).toEqual([traceIdOf(ORDER), traceIdOf(ORDER)]);
    expect(new Set(seen.map((span) => span.parentSpanContext?.spanId)).size).toBe(1);
  });

  it('hold calls made inside them, and a step of another order is in its own trace', async () => {
    const exporter = register();
    await inOrderSpan('step', ORDER, async () => {
      await inCallSpan('call', async () => undefined);
      await inOrderSpan('inner', ORDER, async () => undefined);
      await inOrderSpan('foreign', OTHER, async () => undefined);
    });
    const spans = new Map(exporter.getFinishedSpans().map((span) => [span.name, span]));
    const step = spans.get('step')!.spanContext();
    expect(spans.get('call')?.parentSpanContext?.spanId).toBe(step.spanId);
    expect(spans.get('inner')?.parentSpanContext?.spanId).toBe(step.spanId);
    expect(spans.get('foreign')?.spanContext().traceId).toBe(traceIdOf(OTHER));
    expect(spans.get('foreign')?.parentSpanContext?.spanId).not.toBe(step.spanId);
  });

  it('say that they failed, by the name of the error alone: its message may hold what is secret', async () => {
    const exporter = register();
    const failure = new TypeError('token abc');
    await expect(inOrderSpan('step', ORDER, () => Promise.reject(failure))).rejects.toBe(failure);
    const [span] = exporter.getFinishedSpans();
    expect(span?.status).toEqual({ code: SpanStatusCode.ERROR, message: 'TypeError' });
    expect(span?.events).toEqual([]);
  });

  it('of calls outside any step are none: a poll is of no one order', async () => {
    const exporter = register();
    await inCallSpan('call', async () => undefined);
    expect(exporter.getFinishedSpans()).toEqual([]);
  });

  it('that are told afterwards begin when their work did, and name the request that asked', async () => {
    const exporter = register();
    const startedAt = performance.now() - 500;
    const request = trace.getTracer('http').startSpan('POST /v1/orders');
    context.with(trace.setSpan(context.active(), request), () => {
      tellOrderSpan('accept', ORDER, { startedAt, asked: true });
    });
    const [span] = exporter.getFinishedSpans();
    const ms = (time: readonly [number, number]) => time[0] * 1000 + time[1] / 1e6;
    expect(ms(span!.duration)).toBeGreaterThanOrEqual(499);
    expect(span?.links.map((link) => link.context)).toEqual([request.spanContext()]);
    expect(span?.spanContext().traceId).toBe(traceIdOf(ORDER));
  });
});
