import { describe, expect, it } from 'vitest';
import type { Loaded } from '../../../src/db/account-load.ts';
import { cameBackBehindHalt, cancelLateTwin } from '../../../src/services/behind-halt.ts';
import { ACCOUNT, ALL, ORDER_ID, orderRow, strategyRow, view } from '../db/fixtures.ts';
import { type OrderChanges, at } from '../risk/fixtures.ts';

const HALT_ID = '0198f000-0000-7000-8000-0000000000aa';
const HALTED: Loaded['account'] = {
  ...ACCOUNT,
  tradingState: 'HALTED',
  tradingStateAt: at(10),
  haltId: HALT_ID,
};
const RELEASED: Loaded['account'] = { ...ACCOUNT, tradingStateAt: at(10) };

describe('an entry that the broker did not take', () => {
  const cameBack = (
    account: Loaded['account'],
    changes: OrderChanges = {},
    strategyAt: Date | null = null,
  ) => {
    const of = view({
      account,
      orders: [orderRow({ status: 'SUBMITTING', claimedAt: at(5), ...changes })],
      strategies: [strategyRow({ tradingStateAt: strategyAt })],
    });
    return cameBackBehindHalt(of, of.order(ORDER_ID)!);
  };

  it('is not sent again when trading was halted since its claim, released or not', () => {
    expect(cameBack(HALTED)).toBe(true);
    expect(cameBack(RELEASED)).toBe(true);
    expect(cameBack(RELEASED, { claimedAt: at(10) })).toBe(true);
  });

  it('is sent again when it was claimed later, when nothing was ever halted, or when it is an exit', () => {
    expect(cameBack(RELEASED, { claimedAt: at(11) })).toBe(false);
    expect(cameBack(ACCOUNT)).toBe(false);
    expect(cameBack(HALTED, { reduceOnly: true })).toBe(false);
  });

  it('is judged by the halts of its own strategy, and of no other', () => {
    expect(cameBack(ACCOUNT, { strategyId: 'momentum' }, at(10))).toBe(true);
    expect(cameBack(ACCOUNT, { strategyId: null }, at(10))).toBe(false);
  });
});

describe('an entry that turns up late', () => {
  const cancels = (account: Loaded['account'], changes: OrderChanges = {}): number => {
    const of = view(
      { account, orders: [orderRow({ status: 'SUBMITTED', brokerOrderId: 'b1', ...changes })] },
      { ...ALL, openCommands: true },
    );
    cancelLateTwin({ newId: () => HALT_ID }, of, of.order(ORDER_ID)!);
    return of.openCommands(ORDER_ID).filter(({ kind }) => kind === 'CANCEL').length;
  };

  it('is cancelled while trading is HALTED', () => {
    expect(cancels(HALTED)).toBe(1);
  });

  it('is left alone while it is not, and so is an exit', () => {
    expect(cancels(RELEASED)).toBe(0);
    expect(cancels(HALTED, { reduceOnly: true })).toBe(0);
  });
});
