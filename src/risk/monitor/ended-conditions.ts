import { type OrderStatus, isInTransit } from '../../domain/order-status.ts';

/** An alert that somebody else raised, with what has become of its condition. */
export interface StandingAlert {
  readonly condition: string;
  readonly type: string;
  readonly at: Date;
  readonly acknowledgedAt: Date | null;
  readonly order: {
    readonly status: OrderStatus;
    readonly brokerStatus: string | null;
    readonly awaitingTradesSince: Date | null;
    readonly parkedAt: Date | null;
    readonly updatedAt: Date;
    readonly finishedAt: Date | null;
  } | null;
  /** A read of the broker's book succeeded after the alert was raised. */
  readonly readSince: boolean;
  /** The broker's row that could not be applied was applied after the alert was raised. */
  readonly rowAppliedSince: boolean;
}

/**
 * Whether the condition of an alert about an order or the broker holds no longer, by the rows. What merely happened
 * (a late fill, a twin) has no end: it stands until a person has acknowledged it and its order is finished.
 */
export function hasEnded(alert: StandingAlert): boolean {
  const { type, order, at } = alert;
  switch (type) {
    case 'order_unknown':
      return order !== null && order.status !== 'UNKNOWN';
    case 'trades_missing':
      return order !== null && order.awaitingTradesSince === null;
    case 'order_budget_spent':
      return order !== null && order.status !== 'VALIDATED';
    case 'order_parked':
      return order !== null && (order.parkedAt === null || order.finishedAt !== null);
    case 'order_in_transit':
      return order !== null && (order.finishedAt !== null || !isInTransit(order.brokerStatus ?? ''));
    case 'broker_status_unknown':
      return (
        order !== null &&
        (order.finishedAt !== null || !alert.condition.endsWith(`:${order.brokerStatus ?? ''}`))
      );
    case 'broker_row_not_applied':
      return order === null ? alert.rowAppliedSince : order.updatedAt > at;
    case 'broker_session_expired':
    case 'broker_unreadable':
      return alert.readSince;
    case 'late_trade':
    case 'late_twin':
    case 'broker_twin':
    case 'broker_terms_differ':
    case 'broker_contradiction':
      return alert.acknowledgedAt !== null && (order === null || order.finishedAt !== null);
    default:
      return false;
  }
}
