import type { ServerResponse } from 'node:http';
import type { KiteError } from './kite-error.ts';

/** A complete answer before it is sent: Kite's envelope, a CSV or a page. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

const MAX_HELD = 500;
const HOLD_MS = 60_000;

const MAINTENANCE = '<html><head><title>Kite</title></head><body><h1>Under maintenance</h1></body></html>';
const BAD_GATEWAY =
  '<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>';

export function success(data: unknown): Answer {
  return successJson(JSON.stringify(data));
}

/** A success whose `data` is JSON text already. */
export function successJson(dataJson: string): Answer {
  return { status: 200, contentType: 'application/json', body: `{"status":"success","data":${dataJson}}` };
}

export function failure(error: KiteError): Answer {
  const body = { status: 'error', message: error.message, error_type: error.errorType };
  return { status: error.status, contentType: 'application/json', body: JSON.stringify(body) };
}

/** `text/csv` without a charset: the official client parses nothing else. */
export function csv(text: string): Answer {
  return { status: 200, contentType: 'text/csv', body: text };
}

export function maintenancePage(): Answer {
  return { status: 200, contentType: 'text/html', body: MAINTENANCE };
}

export function badGateway(): Answer {
  return { status: 502, contentType: 'text/html', body: BAD_GATEWAY };
}

/** Resolves after `ms`; does not keep the process alive. */
export async function pause(ms: number): Promise<void> {
  await new Promise<void>((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}

/** Connections whose answer never comes. Each ends when the client closes, after a minute, or when there are too many. */
export class HeldConnections {
  private readonly held = new Set<ServerResponse>();

  hold(outgoing: ServerResponse): void {
    if (this.held.size >= MAX_HELD) {
      outgoing.destroy();
      return;
    }
    this.held.add(outgoing);
    const timer = setTimeout(() => outgoing.destroy(), HOLD_MS).unref();
    outgoing.once('close', () => {
      clearTimeout(timer);
      this.held.delete(outgoing);
    });
  }
}

/** Sends the head and half of the body, then cuts the connection. */
export function sendTruncated(outgoing: ServerResponse, answer: Answer): void {
  const bytes = Buffer.from(answer.body, 'utf8');
  outgoing.writeHead(answer.status, { 'content-type': answer.contentType, 'content-length': bytes.length });
  outgoing.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => outgoing.destroy());
}
