import { describe, expect, it } from 'vitest';
import {
  parseAccountId,
  parseClientOrderId,
  parseOrderId,
  parseStrategyId,
} from '../../../src/domain/ids.ts';

describe('ids', () => {
  it('reads a UUID as an order id and lowers its case', () => {
    const id = '0189DCD5-5311-7D40-8DB0-9496A2EEF37B';
    expect(parseOrderId(id)).toEqual({ ok: true, value: id.toLowerCase() });
  });

  it.each(['', '1', '0189dcd553117d408db09496a2eef37b', '0189dcd5-5311-7d40-8db0-9496a2eef37b\n'])(
    'refuses %j as an order id',
    (id) => {
      expect(parseOrderId(id).ok).toBe(false);
    },
  );

  it.each([parseAccountId, parseStrategyId, parseClientOrderId])(
    'reads 1 to 64 plain characters (%o)',
    (parse) => {
      expect(parse('main').ok).toBe(true);
      expect(parse('a.b_C-9').ok).toBe(true);
      expect(parse('a'.repeat(64)).ok).toBe(true);
      for (const bad of ['', 'a'.repeat(65), 'a b', 'a:b', 'a/b', 'a\n', '\u0967', 'a\u0000']) {
        expect(parse(bad).ok).toBe(false);
      }
    },
  );
});
