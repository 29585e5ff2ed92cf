import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type RunningApi, startApi } from '../../../src/api/start-api.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { createSealer } from '../../../src/lib/sealer.ts';
import { type RunningPaperExchange, startPaperExchange } from '../../../src/paper-exchange/index.ts';
import { brokerLoginOf } from '../../../src/runtime/broker-login.ts';
import { createBrokerSessions } from '../../../src/services/broker-session.ts';
import { systemClock } from '../../../src/time/clock.ts';
import { startWorkerProcess } from '../../support/pipeline/worker-process.ts';
import { ADMIN_TOKEN, type ApiFixture, startApiFixture } from '../api/support.ts';

/**
 * `sauda login` as a person uses it: a process of its own, the API over HTTP, and the paper exchange in the place of
 * Kite, which takes the request token. What the browser does between the two commands is done here.
 */
const sealer = createSealer(Buffer.alloc(32, 5));

let fixture: ApiFixture;
let exchange: RunningPaperExchange;
let api: RunningApi;
let paper: RunningApi;
let stranger: Server;

beforeAll(async () => {
  fixture = await startApiFixture();
  exchange = await startPaperExchange({ clock: systemClock, port: 0, controlPort: 0, walking: false });
  const config = loadConfig({
    ...{ BROKER: 'kite', LIVE_TRADING: 'yes', KITE_API_ROOT: exchange.url },
    ...{ ZERODHA_API_KEY: 'paper', ZERODHA_API_SECRET: 'secret-of-the-app' },
  });
  if (!config.ok) throw new Error(config.error);
  const brokerLogin = brokerLoginOf(config.value, sealer);
  if (brokerLogin === null) throw new Error('there is no login');
  const at = { host: '127.0.0.1', port: 0 };
  api = await startApi({ app: fixture.appWith({ brokerLogin }), ...at });
  paper = await startApi({ app: fixture.app, ...at });
  stranger = createServer((_request, response) => response.writeHead(404).end('<h1>Not Found</h1>'));
  await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  stranger.close();
  for (const server of [api, paper, exchange]) await server.close();
  await fixture.close();
});
beforeEach(() => fixture.sql('delete from broker_sessions'));

const login = async (args: readonly string[], port = api.port, token = ADMIN_TOKEN) => {
  const environment = { PORT: String(port), ADMIN_TOKEN: token };
  const started = startWorkerProcess('src/cli/main.ts', environment, ['login', ...args]);
  const { code } = await started.ended();
  return { code, output: started.output() };
};

/** What Kite sends the browser to after the login at `page`: the app's redirect address, which nothing answered. */
const callbackOf = (page: string, changes: Readonly<Record<string, string>> = {}): string => {
  const state = new URLSearchParams(new URL(page).searchParams.get('redirect_params') ?? '').get('state');
  const query = { action: 'login', status: 'success', request_token: 'paper-AB1234', state: state ?? '' };
  return `https://127.0.0.1:1/kite/callback?${new URLSearchParams({ ...query, ...changes }).toString()}`;
};

const begin = async (): Promise<string> => {
  const { code, output } = await login(['--account', 'main', '--json']);
  expect(code, output).toBe(0);
  return (JSON.parse(output) as { url: string }).url;
};

describe('sauda login', () => {
  it('prints the page to open, and with --callback ends the login there, once', async () => {
    const told = await login([]);
    expect(told.code, told.output).toBe(0);
    const page = /https:\/\/kite\.zerodha\.com\/connect\/login\?\S+/.exec(told.output)?.[0] ?? '';
    expect(new URL(page).searchParams.get('api_key')).toBe('paper');
    expect(await fixture.sql('select 1 from broker_sessions')).toEqual([]);

    const ended = await login(['--callback', callbackOf(page)]);
    expect(ended).toEqual({
      code: 0,
      output: 'Logged in to the broker for account main. This page can be closed.\n',
    });
    expect(await fixture.sql('select account_id, broker_user, status from broker_sessions')).toEqual([
      { account_id: 'main', broker_user: 'AB1234', status: 'LIVE' },
    ]);
    const { context } = fixture;
    const sessions = createBrokerSessions({
      ...{ ...context, sealer, apiKey: 'paper', fallback: null, clock: systemClock, actor: 'test' },
    });
    expect(await sessions.token('main')).toBe('paper-AB1234');

    const again = await login(['--callback', callbackOf(page)]);
    expect(again).toMatchObject({ code: 1, output: expect.stringContaining('begin again') as string });
  });

  it('that the broker says did not succeed is refused with its reason: 1', async () => {
    const refused = await login(['--callback', callbackOf(await begin(), { status: 'failure' }), '--json']);
    expect(refused.code).toBe(1);
    expect(JSON.parse(refused.output)).toMatchObject({
      code: 'LOGIN_REFUSED',
      message: 'The broker says that the login did not succeed.',
    });
    expect(await fixture.sql('select 1 from broker_sessions')).toEqual([]);
  });

  it.each([
    ['no address', 'canary-of-a-token'],
    ['one that the broker did not send', 'https://127.0.0.1/kite/callback?request_token=canary-of-a-token'],
  ])('with a --callback that is %s: 2, and it is not repeated', async (_what, callback) => {
    const { code, output } = await login(['--callback', callback]);
    expect(code, output).toBe(2);
    expect(output).toContain('--callback can not be read');
    expect(output).not.toContain('canary');
  });

  it('says what is not there: a broker to log in to, an account, or Sauda itself', async () => {
    const none = 'There is no broker to log in to: BROKER is paper';
    for (const args of [[], ['--callback', callbackOf('https://127.0.0.1/')]]) {
      const onPaper = await login(args, paper.port);
      expect(onPaper).toMatchObject({ code: 1, output: expect.stringContaining(none) as string });
    }
    const noAccount = await login(['--account', 'nobody']);
    expect(noAccount).toEqual({ code: 1, output: 'There is no such account.\n' });
    const elsewhere = await login([], (stranger.address() as AddressInfo).port);
    expect(elsewhere).toEqual({ code: 1, output: 'HTTP 404\n' });
    const unknown = await login([], api.port, 'a-token-that-nobody-made-here');
    expect(unknown.code).toBe(1);
    expect(unknown.output).not.toContain('BROKER is paper');
  });
});
