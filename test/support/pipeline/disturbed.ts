import type { BrokerPort } from '../../../src/broker/port.ts';
import type { Composition } from '../../../src/runtime/compose.ts';

/** Every so many rows of a book are listed again. */
const AGAIN_EVERY = 3;

/**
 * Readers of the order book and the tradebook get them in a new order each time, and rows of the book more than once:
 * the broker promises neither an order nor that a row comes once (controls.md U7, U21). The same seed, the same books.
 */
export function disturbBooks(parts: Composition, seed = 1): Composition {
  const random = mulberry32(seed);
  const shuffled = <Row>(rows: readonly Row[]): Row[] => {
    const left = [...rows];
    return rows.map(() => left.splice(Math.floor(random() * left.length), 1)[0] as Row);
  };
  const disturbed = new Map<BrokerPort, BrokerPort>();
  const broker = (accountId: string): BrokerPort => {
    const real = parts.context.broker(accountId);
    const known = disturbed.get(real);
    if (known !== undefined) return known;
    const made: BrokerPort = Object.assign(Object.create(real) as BrokerPort, {
      getOrders: async () => {
        const rows = await real.getOrders();
        return shuffled([...rows, ...rows.filter((_, index) => index % AGAIN_EVERY === 0)]);
      },
      getTrades: async () => shuffled(await real.getTrades()),
    });
    disturbed.set(real, made);
    return made;
  };
  return { ...parts, context: { ...parts.context, broker } };
}

/** A small generator of numbers from 0 to 1: tests may not depend on chance. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
