import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { showOrders } from '../../../src/runtime/terminal.ts';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { waitFor } from '../../support/wait.ts';

let pipeline: Pipeline;
let terminal: { stop(): Promise<void> };
let lines: string[];

beforeEach(async () => {
  pipeline = await startPipeline({ backend: 'postgres', environment: { PROTECTION: 'exchange' } });
  lines = [];
  terminal = showOrders(pipeline.parts.database, (line) => lines.push(stripVTControlCharacters(line)));
});
afterEach(async () => {
  await terminal.stop();
  await pipeline.stop();
});

describe('what a newcomer sees in the terminal', () => {
  it('is the way of an order and of its guards, by names that a person can read, in order of time', async () => {
    const order = await pipeline.place({ clientOrderId: 'w1', quantity: 10, takeProfit: null });
    await pipeline.waitForStatus(order, 'FILLED');
    const stop = await waitFor(() => lines.find((line) => line.includes('w1 stop ')), { what: 'the stop' });
    expect(stop).toContain('accepted  SELL 10 RELIANCE');
    const position = await waitFor(() => lines.find((line) => line.includes(' position ')), {
      what: 'the position',
    });
    expect(position).toContain(' w1 ');
    expect(position).toMatch(
      /RELIANCE \+10 at 2450\.00, last 2450\.00, P&L \+0\.00 \(net of charges -\d+\.\d\d\)/,
    );
    const checks = lines.find((line) => line.includes(' checks ') && line.includes(' w1 '));
    expect(checks).toMatch(/ \d+ passed, \d warnings?/);
    const times = lines.map((line) => line.slice(0, 8));
    expect(times).toEqual([...times].sort());
  });
});
