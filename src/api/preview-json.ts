import { formatIst } from '../domain/calendar.ts';
import type { Decimal } from '../domain/money.ts';
import type { Preview } from '../services/preview-order.ts';
import { decimalText, moneyOrNull, moneyText } from './order-json.ts';
import type { PreviewJson } from './schemas/preview.ts';

/** A preview as it is answered: losses are positive, as they are in the sentences of the checks. */
export function previewJson(accountId: string, preview: Preview): PreviewJson {
  const { request, failed, effect, atStop, atTarget, largest } = preview;
  return {
    accountId,
    strategyId: request.strategyId,
    symbol: request.symbol,
    exchange: request.exchange,
    side: request.side,
    quantity: request.quantity,
    orderType: request.orderType,
    product: request.product,
    reduceOnly: request.reduceOnly,
    at: formatIst(preview.at),
    passes: failed === null,
    failedCheck: failed?.check ?? null,
    reason: failed?.message ?? null,
    checks: [...preview.checks],
    reducingQuantity: effect.reducingQuantity,
    openingQuantity: effect.openingQuantity,
    worstCaseQuantity: effect.worstCaseQuantity,
    referencePrice: moneyOrNull(preview.reference),
    lastPrice: moneyOrNull(preview.lastPrice),
    lastPriceAgeMs: preview.lastPriceAgeMs,
    value: moneyOrNull(preview.value),
    margin: moneyOrNull(preview.margin),
    availableFunds: moneyOrNull(preview.availableFunds),
    charges: moneyText(preview.charges),
    riskCapital: moneyText(preview.riskCapital),
    worstLoss: moneyOrNull(atStop?.gross.negated() ?? null),
    netWorstLoss: moneyOrNull(atStop?.net.negated() ?? null),
    reward: moneyOrNull(atTarget?.gross ?? null),
    netReward: moneyOrNull(atTarget?.net ?? null),
    riskReward: ratioOrNull(preview.riskReward),
    netRiskReward: ratioOrNull(preview.netRiskReward),
    largestQuantity: {
      quantity: largest.quantity,
      limitedBy: largest.limitedBy?.check ?? null,
      message: largest.limitedBy?.message ?? null,
    },
  };
}

function ratioOrNull(value: Decimal | null): string | null {
  return value === null ? null : decimalText(value.toDecimalPlaces(4));
}
