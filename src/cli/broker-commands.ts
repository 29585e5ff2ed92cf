import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { NotReachableError, errorOf } from '../client/errors.ts';
import { confirmLiveHere } from '../runtime/confirm-live-here.ts';
import { configOrExit, EXIT } from '../runtime/process.ts';
import { userName } from './halt-commands.ts';

interface ApiAddress {
  readonly baseUrl: string;
  readonly token: string;
}

/** The broker's daily login, and the one confirmation that real orders need. */
export function addBrokerCommands(
  program: Command,
  say: (value: unknown, text: () => string) => void,
  addressOf: () => Promise<ApiAddress>,
): void {
  program
    .command('login')
    .description('log in to the broker for the day: open the address that this prints')
    .option('--account <id>')
    .option(
      '--callback <url>',
      'the whole address the broker sent the browser to, when that page did not open',
    )
    .action(async (options: { account?: string; callback?: string }, command: Command) => {
      const { account } = options;
      const callback = options.callback === undefined ? undefined : URL.parse(options.callback);
      // Not as a parser of the option, whose refusal repeats the value: a request token may be in it.
      if (callback === null || callback?.searchParams.has('state') === false) {
        command.error('the address of --callback can not be read: it holds a state and a request_token');
      }
      const api = await addressOf();
      if (callback !== undefined) {
        const answer = await ask(api, `/kite/callback${callback.search}`);
        const said = await answer.text();
        say({ loggedIn: true }, () => said.trim());
        return;
      }
      const query = account === undefined ? '' : `?accountId=${encodeURIComponent(account)}`;
      const begun = (await (await ask(api, `/kite/login${query}`)).json()) as { url: string };
      say(begun, () => `Open this in a browser, within ten minutes, and log in:\n\n  ${begun.url}\n`);
    });

  program
    .command('live')
    .description('real orders')
    .command('confirm')
    .description('confirm, once for a ZERODHA_API_KEY, that orders go to the exchange with real money')
    .option('--yes', 'do not ask: for scripts')
    .action(async ({ yes }: { yes?: boolean }) => {
      const config = configOrExit();
      if (yes !== true && !(await isSure())) {
        process.stderr.write('nothing was confirmed\n');
        process.exitCode = EXIT.refused;
        return;
      }
      if (await confirmLiveHere(config, `cli:${userName()}`)) {
        say({ confirmed: true }, () => 'confirmed: the next start trades with real money');
        return;
      }
      process.stderr.write('there is nothing to confirm: BROKER is paper\n');
      process.exitCode = EXIT.refused;
    });
}

async function isSure(): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await asking.question(
      'Orders will go to the exchange, with real money. Type LIVE to confirm: ',
    );
    return answer.trim() === 'LIVE';
  } finally {
    asking.close();
  }
}

/** Throws ApiError with the words of the refusal. */
async function ask({ baseUrl, token }: ApiAddress, path: string): Promise<Response> {
  const headers = { authorization: `Bearer ${token}` };
  const answer = await fetch(`${baseUrl}${path}`, { headers }).catch((error: unknown) => {
    throw new NotReachableError(baseUrl, error);
  });
  if (!answer.ok) throw await errorOf(answer);
  return answer;
}
