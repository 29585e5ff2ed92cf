import type { AlertChannel } from '../alert-channels/port.ts';
import type { BrokerPort } from '../broker/port.ts';
import type { AccountTransactions } from '../db/account-transaction.ts';
import type { AccountView } from '../db/account-view.ts';
import type { Database } from '../db/client.ts';
import type { Decimal } from '../domain/money.ts';
import type { BudgetLimits } from '../domain/order-budget.ts';
import type { ProtectionPolicy } from '../domain/protection-policy.ts';
import type { SessionRules } from '../domain/session.ts';
import type { FundsReader } from '../market-data/funds.ts';
import type { HoldingsReader } from '../market-data/holdings.ts';
import type { InstrumentDirectory } from '../market-data/instruments.ts';
import type { MarginReader } from '../market-data/margins.ts';
import type { PriceReader } from '../market-data/prices.ts';
import type { Queues } from '../queues/queues.ts';
import type { Limits } from '../risk/limits.ts';
import type { MonitorSettings } from '../risk/monitor/monitor.ts';
import type { Claim, ClaimDecision } from './claim.ts';

/** Settings that services decide by; the rest of the configuration is not theirs. */
export interface ServiceSettings {
  readonly limits: Limits;
  readonly session: SessionRules;
  readonly budget: BudgetLimits;
  readonly accountBalance: Decimal;
  readonly brokerTimeoutMs: number;
  /** Largest exit of a contract whose freeze quantity is not known, units; 0: no limit. */
  readonly freezeQuantity: number;
  /** How long after its slot a call may still be started (protocol.md: 250). */
  readonly sendWindowMs: number;
  readonly unknownHorizonMs: number;
  /** Who decides about an order in doubt past its horizon: a person, or enough clean reads without it. */
  readonly unknownPolicy: 'ask' | 'neverPlaced';
  /** How long a modify that was taken may be missing from the book. */
  readonly modifyConfirmMs: number;
  readonly pollIntervalMs: number;
  readonly reconcileIntervalMs: number;
  readonly monitor: MonitorSettings;
  readonly protection: ProtectionSettings;
  /** Until a CRITICAL alert that nobody acknowledged is told again; 0: never. */
  readonly alertRepeatMs: number;
}

export interface ProtectionSettings {
  /** Of orders that name none. */
  readonly policy: ProtectionPolicy;
  /** How long a fill may be without its stop, before a person is told. */
  readonly withinMs: number;
}

export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/**
 * Where one process both checks and sends orders, an order that passed its checks need not take the queue again: it is
 * claimed in the transaction that validated it and sent from here. Closed or full, the order stays VALIDATED and takes
 * the queue. Nothing here is state: a claim whose process died is resolved like any other.
 */
export interface SubmitLane {
  /** True when claims may be made for it now. */
  hasRoom(): boolean;
  /** What to do with a VALIDATED order, in the transaction that is under way; see decideClaim. */
  decide(context: Context, view: AccountView, orderId: string, claimId: string): ClaimDecision;
  /** After a commit without an answer: whether the claim is ours all the same. */
  recover(context: Context, accountId: string, orderId: string, claimId: string): Promise<ClaimDecision>;
  /** Makes the call of a committed claim, in the background; its errors are recorded as those of a job are. */
  send(context: Context, claim: Claim): void;
}

/** What every service is given: its ports, never a global. */
export interface Context extends AccountTransactions {
  readonly db: Database;
  readonly queues: Pick<Queues, 'enqueue'>;
  /** The broker session of an account. */
  readonly broker: (accountId: string) => BrokerPort;
  readonly instruments: InstrumentDirectory;
  readonly prices: PriceReader;
  readonly funds: FundsReader;
  readonly margins: MarginReader;
  readonly lane: SubmitLane;
  readonly holdings: HoldingsReader;
  readonly alertChannels: readonly AlertChannel[];
  readonly settings: ServiceSettings;
  readonly newId: () => string;
  readonly log: Log;
  /** Name of this process in leases and journal entries, e.g. "submitter:4711". */
  readonly processName: string;
}
