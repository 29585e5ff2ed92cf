import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startWorkerProcess } from '../../support/pipeline/worker-process.ts';

/** Nothing answers there. */
const NOBODY = {
  DATABASE_URL: 'postgres://x:y@127.0.0.1:9/none',
  PORT: '9',
  ADMIN_TOKEN: 'an-admin-token-of-tests',
};

const sauda = async (args: readonly string[], environment: Readonly<Record<string, string>> = {}) => {
  const started = startWorkerProcess('src/cli/main.ts', { ...NOBODY, ...environment }, args);
  const { code } = await started.ended();
  return { code, output: started.output() };
};

describe('exit codes of sauda (api.md)', () => {
  let server: Server;
  let status = 'FILLED';
  beforeAll(async () => {
    server = createServer((request, response) => {
      request.resume();
      response.writeHead(202, { 'content-type': 'application/json' });
      response.end(JSON.stringify(placed(status)));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => void server.close());

  it.each([
    ['FILLED', 0],
    ['OPEN', 0],
    ['REJECTED', 1],
  ])('an order placed and %s: %i', async (of, expected) => {
    status = of;
    const { port } = server.address() as AddressInfo;
    const args = ['place', 'buy', '10', 'NSE:RELIANCE', '--limit', '2450', '--json'];
    const { code, output } = await sauda(args, { PORT: String(port) });
    expect(code, output).toBe(expected);
    expect(JSON.parse(output)).toMatchObject({ status: of });
  });

  it.each([
    ['a quantity that is no number', ['place', 'BUY', 'abc', 'NSE:RELIANCE']],
    ['a quantity of nothing', ['place', 'BUY', '0', 'NSE:RELIANCE']],
    ['a side that is none', ['preview', 'HOLD', '10', 'NSE:RELIANCE']],
    ['a price that is none', ['place', 'BUY', '10', 'NSE:RELIANCE', '--limit', '2,450']],
    ['a wait that is no time', ['place', 'BUY', '10', 'NSE:RELIANCE', '--wait', 'long']],
    ['an unknown command', ['plaze']],
  ])('%s: 2', async (_what, args) => {
    const { code, output } = await sauda(args);
    expect(code, output).toBe(2);
  });

  it.each([
    ['place, without the API', ['place', 'BUY', '10', 'NSE:RELIANCE']],
    ['positions, without the API', ['positions']],
    ['migrate, without Postgres', ['migrate']],
    ['audit, without Postgres', ['audit']],
    ['backup, without Postgres', ['backup', '/nonexistent/backup']],
    ['export, without Postgres', ['export', '--out', '/nonexistent/journal']],
  ])('%s: 3', async (_what, args) => {
    const { code, output } = await sauda(args);
    expect(code, output).toBe(3);
    expect(output).not.toContain('    at '); // a sentence, not a stack
  });
});

function placed(of: string): object {
  return {
    id: '01',
    clientOrderId: 'c',
    side: 'BUY',
    quantity: 10,
    exchange: 'NSE',
    symbol: 'RELIANCE',
    orderType: 'LIMIT',
    price: '2450.00',
    product: 'MIS',
    status: of,
    failedCheck: null,
    statusReason: of === 'REJECTED' ? 'too much risk' : null,
    filledQuantity: 0,
    averagePrice: null,
  };
}
