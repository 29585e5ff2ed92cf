/**
 * The mutation table: every planted bug (src/lib/mutant.ts) must be noticed by the test that is named beside it.
 * `npm run mutants` tries all and writes docs/mutants.md; `npm run mutants -- --only a,b` tries some. Ends with
 * "N passed, N failed": one that nobody noticed fails.
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs, stripVTControlCharacters } from 'node:util';
import { MUTANTS, type Mutant } from '../../src/lib/mutant.ts';

interface Entry {
  /** What the planted bug does. */
  readonly bug: string;
  readonly file: string;
  /** Only tests whose title has this; null: the whole file. */
  readonly title: string | null;
}

const PIPELINE = 'test/integration/pipeline';
const TABLE: Readonly<Record<Mutant, Entry>> = {
  'lock-merged': {
    bug: 'the account is read in the statement that waits for its lock, so as it was before the wait',
    file: `${PIPELINE}/concurrency.test.ts`,
    title: 'a hundred entries from four processes',
  },
  resend: {
    bug: 'an order whose outcome is unknown is sent again',
    file: `${PIPELINE}/cases-unknown.test.ts`,
    title: 'U2 that the broker never got',
  },
  'no-sweeper': {
    bug: 'the dispatcher finds nothing: the queue alone drives orders',
    file: `${PIPELINE}/command-steps.test.ts`,
    title: 'that no queue brought to a worker',
  },
  '5xx-is-refused': {
    bug: 'a 500 to 504 counts as "certainly not placed"',
    file: 'test/integration/broker/kite-faults.test.ts',
    title: null,
  },
  'stale-halt': {
    bug: 'the halt is judged at the checks alone, not again under the lock of the claim',
    file: `${PIPELINE}/fences.test.ts`,
    title: 'meets a halt that came after its checks',
  },
  'empty-is-absent': {
    bug: 'a book without orders it held before counts as whole',
    file: `${PIPELINE}/exactly-once.test.ts`,
    title: 'that fails by',
  },
  'old-read-wins': {
    bug: 'a read that began before one that was applied overrides it',
    file: 'test/unit/reconciliation/orders.test.ts',
    title: null,
  },
  'tag-reused': {
    bug: 'a second attempt carries the tag of the first',
    file: `${PIPELINE}/exactly-once.test.ts`,
    title: 'goes again under a new tag',
  },
  'deadline-ignored': {
    bug: 'a claim is sent however late its worker wakes',
    file: `${PIPELINE}/fences.test.ts`,
    title: 'a claim that waited past its deadline',
  },
  'unknown-frees-margin': {
    bug: 'an order in doubt is not counted in margin and limits',
    file: `${PIPELINE}/cases-unknown.test.ts`,
    title: 'U2 that the broker never got',
  },
  'no-budget': {
    bug: 'calls take no slot of the broker’s budget',
    file: 'test/unit/domain/order-budget.test.ts',
    title: null,
  },
  'alert-dropped': {
    bug: 'an alert that a channel did not take counts as delivered',
    file: 'test/integration/alerts/delivery.test.ts',
    title: null,
  },
  'modify-resent': {
    bug: 'a modify without an answer is sent again',
    file: `${PIPELINE}/commands.test.ts`,
    title: 'the second waits for a read of the book when the first had no answer',
  },
  'trade-twice': {
    bug: 'a trade that was recorded is recorded again',
    file: `${PIPELINE}/cases-life.test.ts`,
    title: 'A.1.a an order goes from PENDING to FILLED',
  },
  'call-before-commit': {
    bug: 'the broker is called in the transaction that claims, before it is committed',
    file: `${PIPELINE}/concurrency.test.ts`,
    title: 'that did not happen leaves the order VALIDATED and unsent',
  },
  'trade-position-two-tx': {
    bug: 'a trade is recorded in one transaction and moves its position in the next',
    file: 'test/integration/workers/crash-points.test.ts',
    title: 'at poll.afterCommit',
  },
};

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DOCUMENT = 'docs/mutants.md';
/** A planted bug may leave tests waiting for what never comes. */
const TIMEOUT_MS = 600_000;

interface Verdict {
  readonly name: Mutant;
  readonly caught: boolean;
  readonly failed: number;
}

/** Caught when tests failed; a run that found none, or ended otherwise, proves nothing. */
async function tryMutant(name: Mutant): Promise<Verdict> {
  const { file, title } = TABLE[name];
  const args = ['vitest', 'run', file, ...(title === null ? [] : ['-t', title])];
  const child = spawn('npx', args, {
    cwd: ROOT,
    env: { ...process.env, SAUDA_MUTANT: name, TEST_RETRIES: '0', FORCE_COLOR: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (output = (output + chunk.toString('utf8')).slice(-200_000)));
  }
  const timer = setTimeout(() => process.kill(-(child.pid ?? 0), 'SIGTERM'), TIMEOUT_MS);
  await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(timer);
  const failed = Number(/^\s+Tests .*?(\d+) failed/m.exec(stripVTControlCharacters(output))?.[1] ?? '0');
  return { name, caught: failed > 0, failed };
}

function documentOf(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(({ name, caught, failed }) => {
    const { bug, file, title } = TABLE[name];
    const by = title === null ? `\`${file}\`` : `\`${file}\`: ${title}`;
    return `| \`${name}\` | ${bug} | ${by} | ${caught ? `caught (${failed})` : '**survived**'} |`;
  });
  return [
    '# Mutation table',
    '',
    'Written by `npm run mutants`. A planted bug is switched on by `SAUDA_MUTANT=NAME`, which is refused in production and',
    'with BROKER=kite; the test beside it must fail then (in brackets: how many of its tests did). One can be tried by hand:',
    '`SAUDA_MUTANT=resend npx vitest run test/integration/pipeline/exactly-once.test.ts`, or in the simulation:',
    '`npm run simulate -- --seed 1 --mutant resend`.',
    '',
    '| mutant | what it does | noticed by | verdict |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { only: { type: 'string' } } });
  const wanted = values.only?.split(',') ?? MUTANTS;
  const names = MUTANTS.filter((name) => wanted.includes(name));
  if (names.length !== wanted.length) throw new Error(`mutants are ${MUTANTS.join(', ')}`);
  const verdicts: Verdict[] = [];
  for (const name of names) {
    const verdict = await tryMutant(name);
    verdicts.push(verdict);
    console.log(`${name}: ${verdict.caught ? `caught, ${verdict.failed} tests failed` : 'SURVIVED'}`);
  }
  if (values.only === undefined) writeFileSync(`${ROOT}${DOCUMENT}`, documentOf(verdicts));
  const survived = verdicts.filter(({ caught }) => !caught);
  console.log(`mutants: ${verdicts.length - survived.length} passed, ${survived.length} failed`);
  return survived.length === 0 ? 0 : 1;
}

process.exitCode = await main();
