import { describe, expect, it } from 'vitest';
import { decimal } from '../../../../src/domain/money.ts';
import {
  CHASE_AFTER_MS,
  type GroupFacts,
  type Guard,
  planProtection,
} from '../../../../src/risk/protection/plan.ts';

const STOP = { orderType: 'SL-M', trigger: decimal('95'), price: null } as const;

const facts = (changes: Partial<GroupFacts> = {}): GroupFacts => ({
  policy: 'exchange',
  mode: 'STOP',
  held: 20,
  side: 'SELL',
  guards: [],
  stop: STOP,
  isStopPassed: false,
  target: null,
  isTargetPassed: false,
  exitPrice: decimal('99'),
  isClosing: false,
  isHeldBack: false,
  leaving: 0,
  waitsForOther: false,
  mayPlace: { stop: true, target: true, exit: true },
  slice: 100,
  protectWithinMs: 3000,
  ...changes,
});

let ids = 0;
const guard = (role: Guard['role'], leaves: number, changes: Partial<Guard> = {}): Guard => ({
  id: `g${++ids}`,
  role,
  status: 'OPEN',
  leaves,
  filled: 0,
  orderType: role === 'STOP' ? 'SL-M' : 'LIMIT',
  trigger: role === 'STOP' ? decimal('95') : null,
  price: role === 'STOP' ? null : decimal('99'),
  command: null,
  takesModify: true,
  takesCancel: true,
  isTriggered: false,
  idleMs: 0,
  ...changes,
});
const stop = (leaves: number, changes: Partial<Guard> = {}) => guard('STOP', leaves, changes);
const CANCEL = { kind: 'CANCEL' } as const;
const NEVER = { takesModify: false } as const;
const place = (role: string, quantity: number) => ({ kind: 'place', role, quantity });
const resize = (leaves: number) => expect.objectContaining({ kind: 'modify', leaves }) as unknown;
const cancels = expect.objectContaining({ kind: 'cancel' }) as unknown;

describe('the plan of protection', () => {
  it.each<[string, Partial<GroupFacts>, unknown[]]>([
    ['places a stop of what is held', {}, [place('STOP', 20)]],
    ['cuts a large stop into slices', { slice: 8 }, [8, 8, 4].map((part) => place('STOP', part))],
    ['leaves a stop of what is held alone', { guards: [stop(20)] }, []],
    ['grows the stop that is there', { guards: [stop(15)] }, [resize(20)]],
    ['places a second one beside a full slice', { slice: 15, guards: [stop(15)] }, [place('STOP', 5)]],
    [
      'places a second one beside one that takes no modify',
      { guards: [stop(15, NEVER)] },
      [place('STOP', 5)],
    ],
    [
      'waits for a modify that asks for enough',
      { guards: [stop(15, { command: { kind: 'MODIFY', isSent: true, leaves: 20, sentMs: 3000 } })] },
      [],
    ],
    [
      'does not wait for ever for a modify that may be lost',
      { guards: [stop(15, { command: { kind: 'MODIFY', isSent: true, leaves: 20, sentMs: 3001 } })] },
      [place('STOP', 5)],
    ],
    [
      'counts on a stop whose answer is young',
      { guards: [stop(20, { status: 'UNKNOWN', idleMs: 3000 })] },
      [],
    ],
    [
      'does not count for ever on one whose fate is unknown',
      { guards: [stop(20, { status: 'UNKNOWN', idleMs: 3001 })] },
      [place('STOP', 20)],
    ],
    ['waits for the end of a stop being cancelled', { guards: [stop(20, { command: CANCEL })] }, []],
    ['shrinks a stop that is too large', { held: 12, guards: [stop(20)] }, [resize(12)]],
    ['cancels one it can not shrink', { held: 12, guards: [stop(20, NEVER)] }, [cancels]],
    ['cancels the small one first', { held: 15, guards: [stop(15), stop(5)] }, [cancels]],
    [
      'cancels everything of a closed position',
      { held: 0, guards: [stop(20), guard('TARGET', 20)] },
      [cancels, cancels],
    ],
    [
      'waits out the pause after a cancel that was refused',
      { held: 0, guards: [stop(20, { takesCancel: false })] },
      [],
    ],
    [
      'neither cancels another one in its place, nor places more, in that pause',
      { held: 15, guards: [stop(15, NEVER), stop(5, { ...NEVER, takesCancel: false })] },
      [],
    ],
    [
      'resizes a target in that pause',
      { held: 12, guards: [stop(12), guard('TARGET', 20, { takesCancel: false })], target: decimal('99') },
      [resize(12)],
    ],
    ['moves a stop that waits elsewhere', { guards: [stop(20, { trigger: decimal('90') })] }, [resize(20)]],
    [
      'replaces one that can not be moved',
      { guards: [stop(20, { trigger: decimal('90'), takesModify: false })] },
      [cancels],
    ],
    [
      'does not move one that was triggered',
      { guards: [stop(20, { isTriggered: true, trigger: decimal('90') })] },
      [],
    ],
    ['waits for the old side to end', { waitsForOther: true }, []],
    ['places nothing while it is held back', { isHeldBack: true, isStopPassed: true }, []],
    [
      'leaves what rests where it is while it is held back',
      { isHeldBack: true, guards: [stop(20, { trigger: decimal('90') })] },
      [],
    ],
    [
      'makes what rests smaller, and moves nothing, while it is held back',
      {
        ...{ isHeldBack: true, held: 12, target: decimal('120') },
        guards: [stop(20, { trigger: decimal('90') }), guard('TARGET', 20)],
      },
      [
        expect.objectContaining({ kind: 'modify', leaves: 12, stop: null }),
        expect.objectContaining({ kind: 'modify', leaves: 12, target: null }),
      ],
    ],
    ['stands aside while a flatten closes', { isClosing: true, guards: [stop(20)] }, []],
    ['exits where the market is beyond the stop already', { isStopPassed: true }, [place('EXIT', 20)]],
    ['does not exit beside a stop that waits for its fill', { isStopPassed: true, guards: [stop(20)] }, []],
    ['exits what no stop covers', { mode: 'EXIT', guards: [stop(12)] }, [place('EXIT', 8)]],
    ['does not exit twice', { mode: 'EXIT', guards: [guard('EXIT', 20)] }, []],
    [
      'does not exit beside an exit in doubt',
      { mode: 'EXIT', guards: [guard('EXIT', 5, { status: 'UNKNOWN' })] },
      [],
    ],
    [
      'prices an exit again that rests unfilled',
      { mode: 'EXIT', exitPrice: decimal('97'), guards: [guard('EXIT', 20, { idleMs: CHASE_AFTER_MS })] },
      [cancels],
    ],
    [
      'lets an exit rest at the best that can be asked',
      { mode: 'EXIT', guards: [guard('EXIT', 20, { idleMs: CHASE_AFTER_MS })] },
      [],
    ],
    [
      'takes back a triggered stop that rests unfilled',
      { guards: [stop(20, { isTriggered: true, idleMs: CHASE_AFTER_MS })] },
      [cancels],
    ],
    [
      'takes back one that is filled in part and rests',
      { guards: [stop(20, { status: 'PARTIALLY_FILLED', isTriggered: true, idleMs: CHASE_AFTER_MS })] },
      [cancels],
    ],
    [
      'takes back one at a limit for a MARKET exit when no price is known',
      {
        exitPrice: null,
        guards: [stop(20, { isTriggered: true, price: decimal('93'), idleMs: CHASE_AFTER_MS })],
      },
      [cancels],
    ],
    [
      'does the same with an exit',
      { mode: 'EXIT', exitPrice: null, guards: [guard('EXIT', 20, { idleMs: CHASE_AFTER_MS })] },
      [cancels],
    ],
    [
      'leaves a MARKET exit that rests alone for longer when no price is known',
      { mode: 'EXIT', exitPrice: null, guards: [guard('EXIT', 20, { price: null, idleMs: 14_999 })] },
      [],
    ],
    [
      'asks for it anew then',
      { mode: 'EXIT', exitPrice: null, guards: [guard('EXIT', 20, { price: null, idleMs: 15_000 })] },
      [cancels],
    ],
    [
      'makes the stop smaller by what a flatten of a part closes',
      { leaving: 5, guards: [stop(20)] },
      [resize(15)],
    ],
    ['leaves it at what stays', { leaving: 5, guards: [stop(15)] }, []],
    [
      'and the target with it',
      { leaving: 5, target: decimal('99'), guards: [stop(15), guard('TARGET', 20)] },
      [resize(15)],
    ],
    ['watches by itself with the policy oms', { policy: 'oms' }, []],
    ['exits by itself with the policy oms', { policy: 'oms', isStopPassed: true }, [place('EXIT', 20)]],
    [
      'takes profit by itself with the policy oms',
      { policy: 'oms', isTargetPassed: true },
      [place('EXIT', 20)],
    ],
    ['waits out the pause after a refusal', { mayPlace: { stop: false, target: false, exit: false } }, []],
  ])('%s', (_, changes, actions) => {
    expect(planProtection(facts(changes)).actions).toEqual(actions);
  });

  it.each<[string, Partial<GroupFacts>, unknown[]]>([
    ['is placed beside a stop that rests', { guards: [stop(20)] }, [place('TARGET', 20)]],
    ['waits for its stop to rest', { guards: [stop(20, { status: 'SUBMITTING' })] }, []],
    [
      'waits for the stop to be as large',
      { guards: [stop(15, { command: { kind: 'MODIFY', isSent: true, leaves: 20, sentMs: 3000 } })] },
      [],
    ],
    [
      'shrinks with what is held',
      { held: 12, guards: [stop(12), guard('TARGET', 20, { price: decimal('110') })] },
      [resize(12)],
    ],
    ['moves with its price', { guards: [stop(20), guard('TARGET', 20)] }, [resize(20)]],
    [
      'is taken back when the position leaves',
      { mode: 'EXIT', guards: [stop(20), guard('TARGET', 20)] },
      [cancels],
    ],
  ])('a target %s', (_, changes, actions) => {
    expect(planProtection(facts({ target: decimal('110'), ...changes })).actions).toEqual(actions);
  });
});
