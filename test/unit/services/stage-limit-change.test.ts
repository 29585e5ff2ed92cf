import { describe, expect, it } from 'vitest';
import { type LimitChange, stageLimitChange } from '../../../src/services/stage-limit-change.ts';
import { ACCOUNT, strategyRow, view } from '../db/fixtures.ts';
import { T0, at, stored } from '../risk/fixtures.ts';

const CHANGE: LimitChange = {
  name: 'MAX_DAILY_LOSS',
  value: '0.08',
  expiresAt: at(3600),
  reason: 'a wilder day',
  by: 'api:anna',
};
/** What the view of the fixtures calls now. */
const NOW = at(60);

describe('a change of a limit', () => {
  it('is a row with who, why and until when, and one journal entry with before and after', () => {
    const of = view({ account: { ...ACCOUNT, limits: { MAX_DAILY_LOSS: stored('0.05') } } });
    const done = stageLimitChange(of, CHANGE);
    const after = {
      value: '0.08',
      reason: 'a wilder day',
      by: 'api:anna',
      at: NOW.toISOString(),
      expiresAt: at(3600).toISOString(),
    };
    expect(done).toEqual({ ok: true, value: { before: stored('0.05'), after } });
    expect(of.accountChange()).toEqual({ limits: { MAX_DAILY_LOSS: after } });
    expect(of.entries.map(({ kind, data }) => [kind, JSON.parse(data) as unknown])).toEqual([
      [
        'LimitChanged',
        {
          limit: 'MAX_DAILY_LOSS',
          strategyId: null,
          before: stored('0.05'),
          after,
          reason: 'a wilder day',
          by: 'api:anna',
        },
      ],
    ]);
  });

  it('leaves other limits as they are, and null takes one back', () => {
    const limits = { MAX_DAILY_LOSS: stored('0.05'), MAX_POSITIONS: stored('7') };
    const of = view({ account: { ...ACCOUNT, limits } });
    expect(stageLimitChange(of, { ...CHANGE, value: null, expiresAt: null }).ok).toBe(true);
    expect(of.account.limits).toEqual({ MAX_POSITIONS: stored('7') });
    expect(of.entries).toHaveLength(1);
  });

  it('that takes back what is not there changes nothing', () => {
    const of = view();
    expect(stageLimitChange(of, { ...CHANGE, value: null, expiresAt: null })).toEqual({
      ok: true,
      value: { before: null, after: null },
    });
    expect(of.entries).toEqual([]);
    expect(of.accountChange()).toBeNull();
  });

  it("of a strategy is in the strategy's row and leaves the account alone", () => {
    const of = view({ strategies: [strategyRow()] });
    const change = { ...CHANGE, name: 'MAX_RISK_PER_TRADE', value: '0.010', strategyId: 'momentum' };
    expect(stageLimitChange(of, change).ok).toBe(true);
    expect(of.strategy('momentum')?.limits).toMatchObject({ MAX_RISK_PER_TRADE: { value: '0.01' } });
    expect(of.accountChange()).toBeNull();
    expect(of.entries.map(({ kind, entity }) => [kind, entity])).toEqual([['LimitChanged', 'momentum']]);
  });

  it.each([
    [{ name: 'MAX_FUN' }, 'UNKNOWN_LIMIT', 'MAX_FUN is not a limit'],
    [{ name: 'constructor' }, 'UNKNOWN_LIMIT', 'constructor is not a limit'],
    [{ value: '1.01' }, 'LIMIT_VALUE', 'MAX_DAILY_LOSS must be a plain number from 0 to 1'],
    [
      { expiresAt: NOW },
      'EXPIRED',
      'MAX_DAILY_LOSS would have expired at 2026-07-15T04:01:00.000Z, before it began',
    ],
    [
      { strategyId: 'momentum' },
      'LIMIT_OF_ACCOUNT',
      "MAX_DAILY_LOSS is judged over the whole account and is no strategy's own",
    ],
    [
      { name: 'MAX_POSITIONS', value: '3', strategyId: 'nobody' },
      'UNKNOWN_STRATEGY',
      'the account has no strategy nobody',
    ],
  ] as const)('as %o is refused as %s, and changes nothing', (changes, code, message) => {
    const of = view({ strategies: [strategyRow()] });
    expect(stageLimitChange(of, { ...CHANGE, ...changes })).toEqual({ ok: false, error: { code, message } });
    expect(of.entries).toEqual([]);
    expect(of.accountChange()).toBeNull();
  });

  it('may expire an instant from now', () => {
    expect(T0.getTime()).toBeLessThan(NOW.getTime());
    expect(stageLimitChange(view(), { ...CHANGE, expiresAt: new Date(NOW.getTime() + 1) }).ok).toBe(true);
  });
});
