import { isExit } from '../../domain/order.ts';
import { type Check, type CheckInput, addsRisk, fail, pass, rupees } from '../check.ts';

/**
 * The kill switch (trading.md section 4), of the account and of the order's strategy: both must let it pass. Runs
 * again, under the lock, when the order is about to be sent.
 */
export const circuitBreaker: Check = {
  name: 'CIRCUIT_BREAKER',
  run: (input) => {
    const { account, strategyState, strategyExits, strategyReason } = input;
    const ofAccount = judge(input, account.tradingState, account.haltExits, account.tradingStateReason);
    if (ofAccount.verdict === 'FAIL' || strategyState === null || strategyState === 'ACTIVE')
      return ofAccount;
    return judge(input, strategyState, strategyExits ?? 'reduceOnly', strategyReason);
  },
};

function judge(
  input: CheckInput,
  state: CheckInput['account']['tradingState'],
  exits: CheckInput['account']['haltExits'],
  reason: string | null,
): ReturnType<Check['run']> {
  const { order, uncovers, addedMargin } = input;
  const because = reason === null ? '' : ` (${reason})`;
  // A stop that is moved away raises risk as an entry does.
  const lowers = !addsRisk(input);
  const byOperator = order.cause === 'OPERATOR';
  // A stop closes what would otherwise be unprotected: leaving a hedge is the lesser harm.
  const mayUncover = byOperator || order.role === 'STOP';
  switch (state) {
    case 'ACTIVE':
      return pass('trading is ACTIVE');
    case 'REDUCING':
      if (lowers && uncovers !== null && !mayUncover) {
        return fail(`trading is REDUCING${because} and the order would leave ${uncovers} uncovered`);
      }
      if (lowers && addedMargin?.gt(0) === true && !mayUncover) {
        return fail(
          `trading is REDUCING${because} and the order would raise the margin of what is left by ${rupees(addedMargin)}`,
          addedMargin,
          0,
        );
      }
      return lowers
        ? pass('trading is REDUCING and the order lowers the position')
        : fail(`trading is REDUCING${because}: only orders that lower the worst-case position are taken`);
    case 'HALTED':
      if (exits === 'operatorOnly' && !byOperator) {
        return fail(`trading is HALTED${because} and exits are left to operators`);
      }
      return lowers && isExit(order)
        ? pass('trading is HALTED; exits pass')
        : fail(`trading is HALTED${because}: entries are refused until a person releases it`);
  }
}
