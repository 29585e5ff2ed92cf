import { ok, type Result } from '../lib/result.ts';
import { istDateTime } from './clock.ts';
import type { Gtt, GttLeg, GttTerms } from './gtt.ts';
import { inputError, type KiteError } from './kite-error.ts';
import type { Market } from './market.ts';
import { type Form, PRODUCTS } from './order-form.ts';
import { type Paise, parsePaise, rupees } from './paise.ts';
import type { RestCall, RestParts, Route } from './rest-parts.ts';
import { isRecord } from './settings.ts';
import { type Answer, failure, success } from './wire.ts';

/** A trigger lives for a year (gtt_get_orders.json). */
const LIFE_MS = 365 * 86_400_000;

/** /gtt/triggers. */
export function gttRoutes({ exchange }: Pick<RestParts, 'exchange'>): Route[] {
  const { gtts, market } = exchange;
  const idOf = ({ path }: RestCall): number => Number(path('id'));
  const place = ({ account, form }: RestCall): Answer => {
    const terms = parseGtt(form, market);
    return terms.ok ? idAnswer(gtts.place(account, terms.value)) : failure(terms.error);
  };
  const modify = (call: RestCall): Answer => {
    const terms = parseGtt(call.form, market);
    return terms.ok ? idAnswer(gtts.modify(call.account, idOf(call), terms.value)) : failure(terms.error);
  };
  const remove = (call: RestCall): Answer => idAnswer(gtts.delete(call.account, idOf(call)));
  const list = ({ account }: RestCall): Answer =>
    success(gtts.of(account).map((gtt) => gttRow(gtt, exchange.market)));
  const one = (call: RestCall): Answer => {
    const found = gtts.find(call.account, idOf(call));
    return found.ok ? success(gttRow(found.value, exchange.market)) : failure(found.error);
  };
  const path = '/gtt/triggers';
  return [
    { method: 'POST', path, call: 'placeGtt', limit: 'other', handle: place },
    { method: 'PUT', path: `${path}/:id`, call: 'modifyGtt', limit: 'other', handle: modify },
    { method: 'DELETE', path: `${path}/:id`, call: 'cancelGtt', limit: 'other', handle: remove },
    { method: 'GET', path, call: 'gtts', limit: 'other', handle: list },
    { method: 'GET', path: `${path}/:id`, call: 'gtts', limit: 'other', handle: one },
  ];
}

function idAnswer(result: Result<number, KiteError>): Answer {
  return result.ok ? success({ trigger_id: result.value }) : failure(result.error);
}

/** Decodes the form of a placement or a change: `type`, and `condition` and `orders` as JSON. */
function parseGtt(form: Form, market: Market): Result<GttTerms, KiteError> {
  const type = form.get('type');
  const legCount = type === 'single' ? 1 : type === 'two-leg' ? 2 : 0;
  if (legCount === 0) return inputError('Invalid `type`.');
  const condition = parseJson(form.get('condition'));
  if (!isRecord(condition)) return inputError('Invalid `condition`.');
  const quote = market.find(`${String(condition['exchange'])}:${String(condition['tradingsymbol'])}`);
  if (quote === undefined) return inputError('Invalid `condition`: the instrument does not exist.');
  const triggers = listOf(condition['trigger_values']).map(paiseOf);
  const legs = listOf(parseJson(form.get('orders'))).map(parseLeg);
  if (triggers.length !== legCount || triggers.includes(null)) return inputError('Invalid `trigger_values`.');
  if (legs.length !== legCount || legs.includes(null)) {
    return inputError('Invalid `orders`: one LIMIT order for each trigger value.');
  }
  return ok({
    token: quote.instrument.token,
    triggers: triggers.filter((value) => value !== null),
    legs: legs.filter((leg) => leg !== null),
  });
}

function parseLeg(value: unknown): GttLeg | null {
  if (!isRecord(value)) return null;
  const { transaction_type: side, order_type: orderType, quantity } = value;
  const product = PRODUCTS.find((known) => known === value['product']);
  const price = paiseOf(value['price']);
  if (price === null || orderType !== 'LIMIT' || !Number.isSafeInteger(quantity)) return null;
  if (side !== 'BUY' && side !== 'SELL') return null;
  if (product === undefined) return null;
  return { side, product, quantity: Number(quantity), price };
}

function paiseOf(value: unknown): Paise | null {
  const paise = typeof value === 'number' ? parsePaise(String(value)) : null;
  return typeof paise === 'number' ? paise : null;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function parseJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '') as unknown;
  } catch {
    return undefined;
  }
}

/** A row of GET /gtt/triggers: the fields of gtt_get_order.json. */
function gttRow(gtt: Gtt, market: Market): Record<string, unknown> {
  const { exchange, tradingsymbol } = market.quote(gtt.token).instrument;
  return {
    id: gtt.id,
    user_id: gtt.user,
    parent_trigger: null,
    type: gtt.legs.length === 1 ? 'single' : 'two-leg',
    created_at: istDateTime(gtt.createdAt),
    updated_at: istDateTime(gtt.updatedAt),
    expires_at: istDateTime(gtt.createdAt + LIFE_MS),
    status: gtt.status,
    condition: {
      ...{ exchange, tradingsymbol, instrument_token: gtt.token },
      last_price: rupees(gtt.setAt),
      trigger_values: gtt.triggers.map(rupees),
    },
    orders: gtt.legs.map((leg, index) => {
      const order = {
        ...{ exchange, tradingsymbol, product: leg.product, order_type: 'LIMIT' },
        ...{ transaction_type: leg.side, quantity: leg.quantity, price: rupees(leg.price) },
      };
      const result = gtt.result?.leg === index ? resultRow(gtt, order) : null;
      return { ...order, result };
    }),
    meta: {},
  };
}

function resultRow(gtt: Gtt, order: Record<string, unknown>): Record<string, unknown> | null {
  const { result } = gtt;
  if (result === null) return null;
  const { outcome } = result;
  const isPlaced = outcome !== null && 'orderId' in outcome;
  return {
    ...{ account_id: gtt.user, ...order, validity: 'DAY' },
    meta: JSON.stringify({ app_id: 1, gtt: gtt.id }),
    timestamp: istDateTime(result.at),
    triggered_at: rupees(result.last),
    order_result: {
      status: isPlaced ? 'success' : 'failed',
      order_id: isPlaced ? outcome.orderId : '',
      rejection_reason: outcome !== null && 'refusal' in outcome ? outcome.refusal : '',
    },
  };
}
