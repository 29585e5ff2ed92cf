/**
 * A small world for the plan of protection: an exchange that fills, cancels and refuses as it likes, and an OMS that
 * knows what its last poll saw and does what the plan says. Nothing in it remembers what happened.
 */
import { decimal } from '../../../../src/domain/money.ts';
import type { OrderStatus } from '../../../../src/domain/order-status.ts';
import { type Side, sideSign } from '../../../../src/domain/order.ts';
import { type GuardRole, type ProtectionMode, closingSide } from '../../../../src/domain/protection.ts';
import {
  type Action,
  type Guard,
  type GuardCommand,
  planProtection,
} from '../../../../src/risk/protection/plan.ts';

export const WITHIN_MS = 3000;
const POLL_MS = 500;
const TRIGGER = decimal('95');
const TARGET = decimal('110');

interface WorldGuard {
  readonly id: string;
  readonly role: GuardRole;
  /** As the OMS knows it. */
  status: OrderStatus;
  filled: number;
  quantity: number;
  command: GuardCommand | null;
  modifyRefused: boolean;
  updatedAt: number;
  sentAt: number;
  /** As it is at the exchange; null: it never arrived there. */
  truth: { isLive: boolean; filled: number; quantity: number } | null;
}

interface WorldGroup {
  readonly side: Side;
  mode: ProtectionMode;
  readonly hasStop: boolean;
  stopRefusals: number;
  targetRefusals: number;
  nakedSince: number | null;
  guards: WorldGuard[];
}

export type Step =
  | { readonly kind: 'entryFill' | 'handSell'; readonly quantity: number }
  | { readonly kind: 'guardFill'; readonly index: number; readonly quantity: number }
  | { readonly kind: 'exchangeCancels'; readonly index: number }
  | { readonly kind: 'refuseNext' | 'loseNext' | 'swallowNext' }
  | { readonly kind: 'send' | 'poll' | 'wait' };

export class World {
  net = 0;
  /** The position as the OMS knows it. */
  booked = 0;
  now = 0;
  groups: WorldGroup[] = [];
  /** Every time after a look that the guards which will last did not cover exactly what was held. */
  readonly broken: string[] = [];
  private opened = 0;
  private bookedOpened = 0;
  private ids = 0;
  private faults: ('refuse' | 'lose' | 'swallow')[] = [];

  run(step: Step): void {
    switch (step.kind) {
      case 'entryFill':
        this.net += step.quantity;
        this.opened += step.quantity;
        return;
      case 'handSell':
        this.net -= Math.min(step.quantity, Math.max(0, this.net));
        return;
      case 'guardFill': {
        this.fillGuard(step.index, step.quantity);
        return;
      }
      case 'exchangeCancels': {
        const guard = this.atExchange()[step.index];
        if (guard?.truth != null) guard.truth.isLive = false;
        return;
      }
      case 'refuseNext':
        this.faults.push('refuse');
        return;
      case 'loseNext':
        this.faults.push('lose');
        return;
      case 'swallowNext':
        this.faults.push('swallow');
        return;
      case 'send': {
        this.send();
        return;
      }
      case 'poll': {
        this.poll();
        return;
      }
      case 'wait':
        this.now += WITHIN_MS;
        return;
    }
  }

  /** Lets everything come to rest, without more faults: what is on its way arrives, exits find a market. */
  settle(): void {
    this.faults = [];
    for (let round = 0; round < 40; round++) {
      this.send();
      for (const guard of this.atExchange()) if (guard.role === 'EXIT') this.fill(guard, guard.quantity);
      this.poll();
      if (round % 4 === 3) this.now += WITHIN_MS;
    }
  }

  /** Live units at the exchange by role, of both sides. */
  live(role: GuardRole): number {
    return this.atExchange()
      .filter((guard) => guard.role === role)
      .reduce((total, { truth }) => total + (truth === null ? 0 : truth.quantity - truth.filled), 0);
  }

  private all(): { readonly group: WorldGroup; readonly guard: WorldGuard }[] {
    return this.groups.flatMap((group) => group.guards.map((guard) => ({ group, guard })));
  }

  private atExchange(): WorldGuard[] {
    return this.all().flatMap(({ guard }) => (guard.truth?.isLive === true ? [guard] : []));
  }

  private fillGuard(index: number, quantity: number): void {
    const guard = this.atExchange()[index];
    if (guard !== undefined) this.fill(guard, quantity);
  }

  private fill(guard: WorldGuard, most: number): void {
    const { truth } = guard;
    const group = this.groups.find(({ guards }) => guards.includes(guard));
    if (truth === null || group === undefined) return;
    const quantity = Math.min(most, truth.quantity - truth.filled);
    truth.filled += quantity;
    this.net += sideSign(closingSide(group.side)) * quantity;
    if (truth.filled === truth.quantity) truth.isLive = false;
  }

  private send(): void {
    for (const { group, guard } of this.all()) {
      if (guard.status === 'PENDING') this.submit(group, guard);
      else if (guard.command !== null && guard.truth !== null) this.sendCommand(guard);
    }
  }

  private submit(group: WorldGroup, guard: WorldGuard): void {
    guard.updatedAt = this.now;
    const others = group.guards.filter(
      ({ role, status, id }) =>
        id !== guard.id && role === guard.role && status !== 'UNKNOWN' && status !== 'PENDING',
    );
    const taken = others.reduce((total, { quantity, filled }) => total + quantity - filled, 0);
    if (guard.quantity > heldOf(group, this.booked) - taken) {
      guard.status = 'REJECTED';
      return;
    }
    const fault = this.faults.shift();
    if (fault === 'refuse') {
      guard.status = 'REJECTED';
      if (guard.role === 'STOP') group.stopRefusals += 1;
      if (guard.role === 'TARGET') group.targetRefusals += 1;
      return;
    }
    // Lost on the way there, or only its answer was.
    if (fault !== 'swallow') guard.truth = { isLive: true, filled: 0, quantity: guard.quantity };
    guard.status = fault === undefined ? 'SUBMITTED' : 'UNKNOWN';
  }

  private sendCommand(guard: WorldGuard): void {
    const { command, truth } = guard;
    if (truth === null || command === null) return;
    if (command.kind === 'MODIFY' && command.isSent) return;
    const fault = this.faults.shift();
    if (fault === 'refuse') {
      guard.command = null;
      guard.modifyRefused ||= command.kind === 'MODIFY';
      return;
    }
    if (fault === 'swallow') {
      if (command.kind === 'MODIFY') guard.command = { ...command, isSent: true };
      guard.sentAt = this.now;
      return;
    }
    guard.sentAt = this.now;
    if (command.kind === 'CANCEL') truth.isLive = false;
    else if (truth.isLive) {
      const wanted = guard.filled + command.leaves;
      if (wanted > truth.filled) truth.quantity = wanted;
      else guard.modifyRefused = true;
    }
    guard.command = command.kind === 'CANCEL' ? command : { ...command, isSent: true };
  }

  private poll(): void {
    this.now += POLL_MS;
    for (const { guard } of this.all()) this.follow(guard);
    const before = this.booked;
    this.booked = this.net;
    if (this.opened > this.bookedOpened && this.booked > 0) this.begin('BUY', true);
    this.bookedOpened = this.opened;
    // What guards opened, nobody asked for.
    if (this.booked < 0 && before >= 0) this.begin('SELL', false);
    if (this.booked > 0 && before < 0) this.begin('BUY', false);
    for (const group of this.groups) this.look(group);
    this.groups = this.groups.filter((group) => group.guards.length > 0 || heldOf(group, this.booked) > 0);
  }

  private follow(guard: WorldGuard): void {
    const { truth } = guard;
    if (truth === null) return;
    const { command: asked } = guard;
    // A modify asks for a quantity in all: what fills meanwhile is left out of what it leaves.
    const command =
      asked?.kind === 'MODIFY'
        ? { ...asked, leaves: Math.max(0, asked.leaves - (truth.filled - guard.filled)) }
        : asked;
    guard.command = command;
    // What the book does not show is given up as lost after a while.
    const isDone =
      command?.kind === 'MODIFY' &&
      command.isSent &&
      (truth.quantity - truth.filled === command.leaves || this.now - guard.sentAt > 2 * WITHIN_MS);
    if (guard.filled !== truth.filled || guard.quantity !== truth.quantity) guard.updatedAt = this.now;
    guard.filled = truth.filled;
    guard.quantity = truth.quantity;
    if (isDone) guard.command = null;
    guard.status = truth.isLive ? 'OPEN' : truth.filled === truth.quantity ? 'FILLED' : 'CANCELLED';
  }

  private begin(side: Side, hasStop: boolean): void {
    if (this.groups.some((group) => group.side === side)) return;
    const mode = hasStop ? 'STOP' : 'EXIT';
    this.groups.push({
      ...{ side, mode, hasStop },
      stopRefusals: 0,
      targetRefusals: 0,
      nakedSince: null,
      guards: [],
    });
  }

  private look(group: WorldGroup): void {
    group.guards = group.guards.filter(({ status }) => !FINAL.has(status));
    if (group.stopRefusals >= 2) group.mode = 'EXIT';
    const held = heldOf(group, this.booked);
    const mayFill = potential(group, this.now);
    const plan = this.plan(group, held);
    group.mode = plan.mode;
    for (const action of plan.actions) this.act(group, action);
    group.guards = group.guards.filter(({ status }) => !FINAL.has(status));
    const stops = group.guards.filter(({ role }) => role === 'STOP');
    const covered = stops.reduce((total, guard) => total + (guard.truth === null ? 0 : leaves(guard)), 0);
    group.nakedSince = covered < held ? (group.nakedSince ?? this.now) : null;
    // However it is covered, the plan must have nothing more to say of the same state.
    const again = this.plan(group, held);
    if (again.actions.length > 0 && !hasUnsent(plan.actions)) {
      this.broken.push(`a second look asks for more: ${JSON.stringify(again.actions)}`);
    }
    const mayFillNow = potential(group, this.now);
    if (mayFillNow > Math.max(held, mayFill)) {
      this.broken.push(`guards of ${mayFillNow} may fill for ${held} held`);
    }
    const most = lasting(group, 'STOP', this.now) + lasting(group, 'EXIT', this.now);
    if (most > held && !group.guards.some(isInFlight)) {
      this.broken.push(`guards of ${most} will last for ${held} held`);
    }
  }

  private plan(group: WorldGroup, held: number) {
    return planProtection({
      policy: 'exchange',
      mode: group.mode,
      held,
      side: closingSide(group.side),
      guards: group.guards.map((guard) => this.factsOf(guard)),
      stop: group.hasStop ? { orderType: 'SL-M', trigger: TRIGGER, price: null } : null,
      isStopPassed: false,
      target: group.hasStop ? TARGET : null,
      isTargetPassed: false,
      exitPrice: decimal('99'),
      isClosing: false,
      isHeldBack: false,
      leaving: 0,
      waitsForOther:
        this.now - (group.nakedSince ?? this.now) < WITHIN_MS &&
        this.groups.some((other) => other.side !== group.side && other.guards.length > 0),
      mayPlace: { stop: true, target: group.targetRefusals < 2, exit: true },
      slice: 40,
      protectWithinMs: WITHIN_MS,
    });
  }

  private factsOf(guard: WorldGuard): Guard {
    const { id, role, status, filled, command, modifyRefused } = guard;
    return {
      ...{ id, role, status, filled },
      command: command?.kind === 'MODIFY' ? { ...command, sentMs: this.now - guard.sentAt } : command,
      leaves: leaves(guard),
      orderType: role === 'STOP' ? 'SL-M' : 'LIMIT',
      trigger: role === 'STOP' ? TRIGGER : null,
      price: role === 'TARGET' ? TARGET : null,
      takesCancel: true,
      takesModify: status === 'OPEN' && !modifyRefused,
      isTriggered: false,
      idleMs: this.now - guard.updatedAt,
    };
  }

  private act(group: WorldGroup, action: Action): void {
    if (action.kind === 'place') {
      group.guards.push({
        id: String(++this.ids),
        role: action.role,
        status: 'PENDING',
        filled: 0,
        quantity: action.quantity,
        command: null,
        modifyRefused: false,
        updatedAt: this.now,
        sentAt: this.now,
        truth: null,
      });
      return;
    }
    const guard = group.guards.find(({ id }) => id === action.id);
    if (guard === undefined) throw new Error(`there is no guard ${action.id}`);
    if (action.kind === 'cancel' && guard.status === 'PENDING') guard.status = 'CANCELLED';
    else if (action.kind === 'cancel') guard.command = { kind: 'CANCEL' };
    else guard.command = { kind: 'MODIFY', isSent: false, leaves: action.leaves, sentMs: 0 };
  }
}

const FINAL: ReadonlySet<OrderStatus> = new Set(['FILLED', 'CANCELLED', 'REJECTED', 'EXPIRED']);

function heldOf({ side }: WorldGroup, net: number): number {
  return Math.max(0, sideSign(side) * net);
}

function leaves({ quantity, filled }: WorldGuard): number {
  return quantity - filled;
}

function lasting(group: WorldGroup, role: GuardRole, now: number): number {
  return group.guards
    .filter((guard) => guard.role === role)
    .filter(({ status, updatedAt }) => status !== 'UNKNOWN' || now - updatedAt <= WITHIN_MS)
    .reduce((total, guard) => {
      if (guard.command === null) return total + leaves(guard);
      return total + (guard.command.kind === 'CANCEL' ? 0 : guard.command.leaves);
    }, 0);
}

/** The most that stops and exits of a group may still close together. */
function potential(group: WorldGroup, now: number): number {
  return group.guards
    .filter(({ role }) => role !== 'TARGET')
    .filter(({ status, updatedAt }) => status !== 'UNKNOWN' || now - updatedAt <= WITHIN_MS)
    .reduce((total, guard) => {
      return total + Math.max(leaves(guard), askedOf(guard, now));
    }, 0);
}

/** What a modify asks for; one without an answer for so long is not counted on any more, and gets a stop beside it. */
function askedOf({ command, sentAt }: WorldGuard, now: number): number {
  if (command?.kind !== 'MODIFY') return 0;
  return command.isSent && now - sentAt > WITHIN_MS ? 0 : command.leaves;
}

function isInFlight({ command }: WorldGuard): boolean {
  return command?.kind === 'MODIFY' && command.isSent;
}

function hasUnsent(actions: readonly Action[]): boolean {
  return actions.some(({ kind }) => kind === 'cancel');
}
