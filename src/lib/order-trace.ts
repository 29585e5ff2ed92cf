/**
 * OpenTelemetry spans of orders (docs/tracing.md). All spans of an order are of one trace, whose id is the order's
 * UUID: no process has to tell another, and no job has to carry it. The SDK is the user's choice; without one
 * registered nothing is made, and work runs as if it were called directly.
 */
import {
  type Attributes,
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  context,
  trace,
} from '@opentelemetry/api';

/** `startedAt`: performance.now() at its begin; left out: now. */
export interface SpanOptions {
  readonly startedAt?: number;
  readonly attributes?: Attributes;
  /** What asked for it, a request that is traced itself, keeps its own trace and is named. */
  readonly asked?: boolean;
}

const tracer = (): Tracer => trace.getTracer('sauda');

/** 32 hex digits, as W3C Trace Context writes them. */
export function traceIdOf(orderId: string): string {
  return orderId.replaceAll('-', '').toLowerCase();
}

/** Runs a step of an order in a span of its trace, inside the running one where that is of the same order. */
export async function inOrderSpan<T>(name: string, orderId: string, work: () => Promise<T>): Promise<T> {
  const span = start(name, orderId, {});
  if (!span.isRecording()) return work();
  return run(span, work);
}

/** Runs a call in a span inside the running one; outside any span, in none: a poll is of no one order. */
export async function inCallSpan<T>(name: string, work: () => Promise<T>): Promise<T> {
  if (trace.getActiveSpan()?.isRecording() !== true) return work();
  return run(tracer().startSpan(name), work);
}

/** A span of an order that is over: known only once it was. */
export function tellOrderSpan(name: string, orderId: string, options: SpanOptions = {}): void {
  start(name, orderId, options).end();
}

function start(name: string, orderId: string, { startedAt, attributes, asked }: SpanOptions): Span {
  const active = trace.getActiveSpan()?.spanContext();
  const isInside = active?.traceId === traceIdOf(orderId);
  return tracer().startSpan(
    name,
    {
      attributes: { 'sauda.order_id': orderId, ...attributes },
      ...(startedAt === undefined ? {} : { startTime: startedAt }),
      ...(asked === true && active !== undefined ? { links: [{ context: active }] } : {}),
    },
    isInside ? context.active() : traceOf(orderId),
  );
}

/** The half of a UUID that is random names the parent, which is never exported: every process makes the same. */
function traceOf(orderId: string): Context {
  const traceId = traceIdOf(orderId);
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId: traceId.slice(16),
    traceFlags: TraceFlags.SAMPLED,
    isRemote: true,
  });
}

async function run<T>(span: Span, work: () => Promise<T>): Promise<T> {
  try {
    return await context.with(trace.setSpan(context.active(), span), work);
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.name : 'error' });
    throw error;
  } finally {
    span.end();
  }
}
