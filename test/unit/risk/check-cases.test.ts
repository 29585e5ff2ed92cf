import { describe, expect, it } from 'vitest';
import { CHECKS } from '../../../src/risk/pre-trade.ts';
import './brief-cases.ts';
import { CASES } from './case-table.ts';
import './control-cases.ts';
import { RELIANCE, verdictOf } from './fixtures.ts';

describe.each(CHECKS.map(({ name }) => name))('%s', (check) => {
  it.each((CASES.get(check) ?? []).map((row) => [row[0], row] as const))(
    '%s',
    (_, [, changes, verdict, message]) => {
      const said = verdictOf(check, changes);
      expect(said.verdict).toBe(verdict);
      if (message !== undefined) expect(said.message).toBe(message);
    },
  );
});

it('every check has cases that pass or skip, and cases that fail or warn', () => {
  for (const { name } of CHECKS) {
    const verdicts = new Set((CASES.get(name) ?? []).map(([, , verdict]) => verdict));
    expect(verdicts.has('PASS'), name).toBe(true);
    expect(verdicts.has('FAIL'), name).toBe(true);
  }
});

describe('what a verdict measured', () => {
  it('is kept exactly, so that a failure never shows the limit itself', () => {
    const over = verdictOf('PRICE_SANITY', { order: { price: '2695.05' } });
    expect(over).toMatchObject({ value: '0.10002041', limit: '0.1' });
    const under = verdictOf('RISK_REWARD', { order: { takeProfit: '2489.95' } });
    expect(under).toMatchObject({ value: '1.9975', limit: '2' });
  });

  it('is text of a plain number, or null', () => {
    const large = verdictOf('BALANCE', { marginPerUnit: '99999999999999', instrument: RELIANCE });
    expect(large).toMatchObject({ verdict: 'FAIL', value: '999999999999990', limit: '100000' });
    expect(verdictOf('BALANCE', { marginPerUnit: null })).toMatchObject({ value: null, limit: null });
  });
});
