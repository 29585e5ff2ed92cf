import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export type Answer = (response: ServerResponse) => void;

/** Somebody's webhook: keeps every call and answers as it is told. */
export interface Receiver {
  readonly url: string;
  readonly calls: Received[];
  /** From now on; 200 without a body at first. */
  answer: Answer;
  close(): Promise<void>;
}

export const status =
  (code: number, headers: Readonly<Record<string, string>> = {}): Answer =>
  (response) =>
    response.writeHead(code, headers).end();
export const hang: Answer = () => undefined;
export const hangUp: Answer = (response) => response.destroy();
/** The status is there at once, and then a body without an end. */
export const endless: Answer = (response) => {
  response.writeHead(200);
  const more = (): void => {
    while (response.write('x'.repeat(65_536)));
  };
  response.on('drain', more);
  more();
};

export async function startReceiver(): Promise<Receiver> {
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => {
      receiver.calls.push({ path: request.url ?? '', headers: request.headers, body });
      receiver.answer(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls: [],
    answer: status(200),
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
  return receiver;
}
