import { type Decimal, decimal } from '../domain/money.ts';
import { type FinishedOrder, type LiveOrder, counted } from '../domain/live-order.ts';
import type { Reserve } from '../domain/order-reserve.ts';

/** Orders as parts of the account's document (account-load.ts): the columns that limits look at, in its order. */
const amount = (text: unknown) => (text === null ? null : decimal(text as string));

type LiveValues = readonly [
  ...[string, number, LiveOrder['product'], LiveOrder['side'], LiveOrder['role'], LiveOrder['status']],
  ...[number, number, number, string | null, string | null, string | null],
  ...[string | null, LiveOrder['orderType'], string | null, string | null, string | null, string],
  ...[Reserve | null],
];

/** Hundreds are read with every validation: what few checks look at is made when it is looked at. */
class LiveRow implements LiveOrder {
  readonly id: string;
  readonly instrumentId: number;
  readonly product: LiveOrder['product'];
  readonly side: LiveOrder['side'];
  readonly role: LiveOrder['role'];
  readonly status: LiveOrder['status'];
  readonly quantity: number;
  readonly filledQuantity: number;
  readonly openingQuantity: number;
  readonly marginPerUnit: Decimal | null;
  readonly riskPerUnit: Decimal | null;
  readonly submittedAt: Date | null;
  readonly strategyId: string | null;
  readonly orderType: LiveOrder['orderType'];
  readonly valuePerUnit: Decimal | null;
  private readonly priceText: string | null;
  private readonly triggerText: string | null;
  private readonly createdText: string;

  constructor(values: LiveValues) {
    this.id = values[0];
    this.instrumentId = values[1];
    this.product = values[2];
    this.side = values[3];
    this.role = values[4];
    this.status = values[5];
    this.filledQuantity = values[7];
    const { quantity, openingQuantity, marginPerUnit, riskPerUnit, valuePerUnit } = counted({
      role: values[4],
      quantity: values[6],
      openingQuantity: values[8],
      marginPerUnit: amount(values[9]),
      riskPerUnit: amount(values[10]),
      valuePerUnit: amount(values[16]),
      reserve: values[18],
    });
    this.quantity = quantity;
    this.openingQuantity = openingQuantity;
    this.marginPerUnit = marginPerUnit;
    this.riskPerUnit = riskPerUnit;
    this.submittedAt = values[11] === null ? null : new Date(values[11]);
    this.strategyId = values[12];
    this.orderType = values[13];
    this.priceText = values[14];
    this.triggerText = values[15];
    this.valuePerUnit = valuePerUnit;
    this.createdText = values[17];
  }

  get price(): Decimal | null {
    return amount(this.priceText);
  }

  get triggerPrice(): Decimal | null {
    return amount(this.triggerText);
  }

  get createdAt(): Date {
    return new Date(this.createdText);
  }
}

export function decodeLive(values: readonly unknown[]): LiveOrder {
  return new LiveRow(values as LiveValues);
}

export function decodeFinished(values: readonly unknown[]): FinishedOrder {
  const [id, strategyId, instrumentId, side, role, status, quantity, ...rest] = values as [
    ...[string, string | null, number, FinishedOrder['side'], FinishedOrder['role'], FinishedOrder['status']],
    ...[
      number,
      string | null,
      string | null,
      number,
      number,
      FinishedOrder['rejectedBy'],
      string | null,
      string,
      FinishedOrder['cause'],
    ],
  ];
  const [price, trigger, filledQuantity, openingQuantity, rejectedBy, failedCheck, createdAt, cause] = rest;
  return {
    ...{ id, strategyId, instrumentId, side, role, status, quantity, filledQuantity, openingQuantity },
    ...{ rejectedBy, failedCheck, cause, price: amount(price), triggerPrice: amount(trigger) },
    createdAt: new Date(createdAt),
  };
}
