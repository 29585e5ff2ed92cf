import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ALERT_TYPES, canBeOff, isAlertType } from '../../../src/domain/alert-types.ts';

/** What the sources name as a type where they raise an alert. */
function raised(): Map<string, string> {
  const found = new Map<string, string>();
  for (const folder of ['src/services', 'src/risk/monitor', 'src/domain']) {
    for (const file of readdirSync(folder).filter((name) => name.endsWith('.ts'))) {
      const source = readFileSync(join(folder, file), 'utf8');
      if (!/raiseAlert|raise\(|MonitorRule|LossLimit|Outcome/.test(source)) continue;
      const types = source.matchAll(/\btype: (?:[\w.]+ \? )?'([a-z]+(?:_[a-z]+)+)'(?: : '([a-z_]+)')?/g);
      for (const [, one, other] of types) {
        for (const type of [one, other]) if (type !== undefined) found.set(type, file);
      }
    }
  }
  return found;
}

it('every type of alert that is raised is listed, so that it can be set, muted or kept from both', () => {
  const types = raised();
  expect(types.size).toBeGreaterThan(40);
  for (const [type, file] of types) expect(isAlertType(type), `${type} of ${file}`).toBe(true);
});

it('what says that trading is stopped, in doubt or out of sight can not be off', () => {
  for (const type of [
    ...(['order_rejected', 'command_failed', 'order_unknown', 'kill_switch_triggered'] as const),
    ...(['daily_loss_limit', 'drawdown_limit', 'position_loss_limit'] as const),
    ...(['reconciliation_difference', 'worker_down', 'broker_session_expired'] as const),
    // Until it is acknowledged no stop of the old price is placed.
    'corporate_action_suspected' as const,
  ]) {
    expect(canBeOff(type), type).toBe(false);
  }
  expect(Object.keys(ALERT_TYPES)).toContain('order_filled');
  expect(isAlertType('toString')).toBe(false);
});
