/**
 * What planted-bugs.test.ts is for the checks, for what stands beside them: how an order counts, what a change of terms
 * raises, the order budget, the rules of the monitor and its trips. Every comparison, turned round or moved by one, must
 * make a test of its own fail.
 */
import { readdirSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { plantedBugs } from '../../support/planted/bugs.ts';
import { createSandbox } from '../../support/planted/sandbox.ts';

const MONITOR = 'src/risk/monitor';
const OF_MONITOR = ['rules', 'money', 'ended-conditions'].map(
  (name) => `test/unit/risk/monitor/${name}.test.ts`,
);

/** Each file, and the tests that must see its bugs. */
const WATCHED: readonly (readonly [file: string, tests: readonly string[]])[] = [
  ['src/domain/order-budget.ts', ['test/unit/domain/order-budget.test.ts']],
  ['src/risk/effect.ts', ['test/unit/risk/effect.test.ts', 'test/unit/risk/exits.test.ts']],
  ['src/risk/modify.ts', ['test/unit/risk/modify.test.ts']],
  ['src/risk/exits.ts', ['test/unit/risk/exits.test.ts']],
  ['src/risk/limits.ts', ['test/unit/risk/limits.test.ts']],
  ...readdirSync(MONITOR)
    .filter((name) => name.endsWith('.ts'))
    .map((name) => [`${MONITOR}/${name}`, OF_MONITOR] as const),
];
/** Files without a comparison that runs. */
const WITHOUT: readonly string[] = ['daily-loss', 'drawdown', 'prices'].map(
  (name) => `${MONITOR}/${name}.ts`,
);

/** Bugs that nothing can show, with why. */
const EQUIVALENT: Readonly<Record<string, string>> = {
  'if (share <= 0): "<=" as "<"':
    'no window has room for a share of 0, and then the instant asked for is taken, too',
  'return [at, ...near.filter((slot) => slot <= at)].every((first) => {: "<=" as "<"':
    'the instant itself is in the list already',
  'if (start + TEN_SECONDS + 60_000 <= at): "<=" as "<"': 'ten seconds that end now free a call now',
  'const kept = state.slots.filter((slot) => slot > now - windowMs);: ">" as ">="':
    'a slot of a whole window ago crowds nothing',
  'const ends = slots.map((slot) => slot + windowMs).filter((end) => end > from);: ">" as ">="':
    'it is the instant asked for, which is tried anyway',
  'const kept = tens.filter(([t]) => t !== start && t > now - 60_000 - TEN_SECONDS);: ">" as ">="':
    'ten seconds of a minute ago are free already',
  'return loss.gt(0) ? loss : money_ts_1.ZERO;: ".gt(" as ".gte("': 'both are zero',
  'const shorts = family.filter(({ position, of }) => of.instrumentType === type && position.quantity < 0 && !outlives(of, instrument));: "<" as "<="':
    'an open position holds something',
  '.filter(({ position, of }) => hedgedType(of, position.quantity > 0 ? \'SELL\' : \'BUY\') === type): ">" as ">="':
    'an open position holds something',
  'if ((0, order_ts_1.isStopType)(before.orderType) && held < 0) {: "<" as "<="':
    'nothing held is told before',
  'return quantity < 0 ? 0 : 3;: "<" as "<="': 'an open position holds something',
  'exitRank(risk.instrument, risk.quantity) < 2 &&: "<" as "<="': 'a share has no underlying to be hedged by',
  'const tighter = (0, money_ts_1.decimal)(strategy).lt(account);: ".lt(" as ".lte("':
    'both are the same limit',
  'return (0, money_ts_1.decimal)(strategy).gt(account) ? strategy : account;: ".gt(" as ".gte("':
    'both are the same limit',
  'return rank(strategy) > rank(account) ? strategy : account;: ">" as ">="': 'both are the same scope',
  'return rebased || accountPeak.gt(high) ? accountPeak : high;: ".gt(" as ".gte("': 'both are the same peak',
  'return rise.gt(0) && rise.gte(money.openingEquity.times(PEAK_STEP)) ? money.peakEquity : null;: ".gt(" as ".gte("':
    'a rise of nothing writes nothing: the account has that peak already',
  'const peakEquity = allGood && equity.gt(before) ? equity : before;: ".gt(" as ".gte("':
    'both are the same peak',
  'return value.gt(0) ? value : money_ts_1.ZERO;: ".gt(" as ".gte("': 'both are zero',
  'return RANK[a] >= RANK[b] ? a : b;: ">=" as ">"': 'both are the same severity',
  'return `${quantity > 0 ? \'LONG\' : \'SHORT\'} ${Math.abs(quantity)} ${exchange}:${symbol} (${product})`;: ">" as ">="':
    'an open position holds something',
  'if (way.lte(0)): ".lte(" as ".lt("': 'what is left is more than any share of no way',
  'return quantity > 0 ? price.minus(stop) : stop.minus(price);: ">" as ">="':
    'an open position holds something',
  'return a.lt(b) ? a : b;: ".lt(" as ".lte("': 'both are the same amount',
};

const sandbox = createSandbox(['src/risk', 'src/domain/order-budget.ts', 'test/unit']);

describe('with a planted bug', () => {
  beforeAll(async () => {
    await sandbox.prepare(WATCHED.flatMap(([, tests]) => tests));
  });

  it.each(WATCHED)('in %s a test of it fails, and without one none does', async (file, tests) => {
    const source = sandbox.source(file);
    expect(source).not.toBe('');
    expect(await sandbox.fails(tests, file, source)).toBe(false);
    const bugs = plantedBugs(source);
    const unseen: string[] = [];
    for (const bug of bugs) {
      if (bug.what in EQUIVALENT) continue;
      if (!(await sandbox.fails(tests, file, bug.source))) unseen.push(bug.what);
    }
    expect(unseen).toEqual([]);
    expect(bugs.length > 0).toBe(!WITHOUT.includes(file));
  });
});
