import type { Account } from './account.ts';
import { type FundsView, openAverage, openQuantity, type Position, totalBlocked } from './funds.ts';
import type { Market } from './market.ts';
import { rupees } from './paise.ts';

type Row = Record<string, unknown>;

/** A row of GET /portfolio/positions; the formulas of kite.md 3.6, which hold on every row of positions.json. */
export function positionRow(position: Position, market: Market): Row {
  const quote = market.quote(position.token);
  const quantity = openQuantity(position);
  const average = (value: number, count: number): number => (count === 0 ? 0 : value / count / 100);
  const value = position.sellValue - position.buyValue;
  const pnl = rupees(value + quantity * quote.last);
  const buyPrice = average(position.buyValue, position.buyQuantity);
  const sellPrice = average(position.sellValue, position.sellQuantity);
  return {
    tradingsymbol: quote.instrument.tradingsymbol,
    exchange: quote.instrument.exchange,
    instrument_token: position.token,
    product: position.product,
    quantity,
    overnight_quantity: 0,
    multiplier: 1,
    average_price: openAverage(position) / 100,
    close_price: rupees(quote.close),
    last_price: rupees(quote.last),
    value: rupees(value),
    pnl,
    m2m: pnl,
    unrealised: pnl,
    realised: 0,
    buy_quantity: position.buyQuantity,
    buy_price: buyPrice,
    buy_value: rupees(position.buyValue),
    buy_m2m: rupees(position.buyValue),
    sell_quantity: position.sellQuantity,
    sell_price: sellPrice,
    sell_value: rupees(position.sellValue),
    sell_m2m: rupees(position.sellValue),
    day_buy_quantity: position.buyQuantity,
    day_buy_price: buyPrice,
    day_buy_value: rupees(position.buyValue),
    day_sell_quantity: position.sellQuantity,
    day_sell_price: sellPrice,
    day_sell_value: rupees(position.sellValue),
  };
}

/** The rows of GET /portfolio/holdings. Shares sold today stay until settlement and show as used. */
export function holdingRows(account: Account, market: Market): Row[] {
  return [...account.holdings.values()].map((holding) => {
    const quote = market.quote(holding.token);
    const sold = -openQuantity(
      account.position(holding.token, 'CNC') ?? {
        token: holding.token,
        product: 'CNC',
        buyQuantity: 0,
        buyValue: 0,
        sellQuantity: 0,
        sellValue: 0,
      },
    );
    const used = Math.min(holding.quantity, Math.max(0, sold));
    const quantity = holding.quantity - used;
    return {
      tradingsymbol: quote.instrument.tradingsymbol,
      exchange: quote.instrument.exchange,
      instrument_token: holding.token,
      isin: quote.instrument.isin,
      product: 'CNC',
      price: 0,
      quantity,
      used_quantity: used,
      t1_quantity: 0,
      realised_quantity: quantity,
      authorised_quantity: 0,
      authorised_date: '1970-01-01 00:00:00',
      authorisation: {},
      opening_quantity: holding.quantity,
      short_quantity: 0,
      collateral_quantity: 0,
      collateral_type: '',
      discrepancy: false,
      average_price: rupees(holding.averagePrice),
      last_price: rupees(quote.last),
      close_price: rupees(quote.close),
      pnl: rupees((quote.last - holding.averagePrice) * quantity),
      day_change: rupees(quote.last - quote.close),
      day_change_percentage: ((quote.last - quote.close) / quote.close) * 100,
      mtf: { quantity: 0, used_quantity: 0, average_price: 0, value: 0, initial_margin: 0 },
    };
  });
}

/** The two segments of GET /user/margins. Everything traded here is in `equity`; `commodity` has no money. */
export function marginRows(funds: FundsView): { readonly equity: Row; readonly commodity: Row } {
  const { blocked } = funds;
  return {
    equity: segmentRow({
      opening: funds.opening,
      net: funds.available,
      exposure: blocked.exposure,
      realised: funds.realised,
      unrealised: funds.unrealised,
      premium: blocked.premium,
      span: blocked.span,
      delivery: totalBlocked(blocked) - blocked.exposure - blocked.premium - blocked.span,
    }),
    commodity: segmentRow({
      opening: 0,
      net: 0,
      exposure: 0,
      realised: 0,
      unrealised: 0,
      premium: 0,
      span: 0,
      delivery: 0,
    }),
  };
}

interface Segment {
  readonly opening: number;
  readonly net: number;
  readonly exposure: number;
  readonly realised: number;
  readonly unrealised: number;
  readonly premium: number;
  readonly span: number;
  readonly delivery: number;
}

function segmentRow(segment: Segment): Row {
  return {
    enabled: true,
    net: rupees(segment.net),
    available: {
      adhoc_margin: 0,
      cash: rupees(segment.opening),
      opening_balance: rupees(segment.opening),
      live_balance: rupees(segment.net),
      collateral: 0,
      intraday_payin: 0,
    },
    utilised: {
      debits: rupees(segment.opening - segment.net),
      exposure: rupees(segment.exposure),
      m2m_realised: rupees(segment.realised),
      m2m_unrealised: rupees(segment.unrealised),
      option_premium: rupees(segment.premium),
      payout: 0,
      span: rupees(segment.span),
      holding_sales: 0,
      turnover: 0,
      liquid_collateral: 0,
      stock_collateral: 0,
      delivery: rupees(segment.delivery),
    },
  };
}
