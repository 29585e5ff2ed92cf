import { KiteTicker } from 'kiteconnect';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import type { RunningPaperExchange } from '../../../src/paper-exchange/index.ts';
import { eventually } from '../../support/wait.ts';
import { addFault, control, type Json, kiteOf, place, startExchange } from './fixture.ts';

interface Stream {
  readonly socket: WebSocket;
  readonly frames: Buffer[];
  readonly texts: Json[];
}

async function connect(running: RunningPaperExchange, accessToken = 'paper'): Promise<Stream> {
  const url = `${running.url.replace('http', 'ws')}/?api_key=paper&access_token=${accessToken}&uid=1`;
  const socket = new WebSocket(url);
  const stream: Stream = { socket, frames: [], texts: [] };
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    if (isBinary) stream.frames.push(data);
    else stream.texts.push(JSON.parse(data.toString()) as Json);
  });
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  onTestFinished(() => socket.terminate());
  return stream;
}

function ticksOf(stream: Stream): Json[] {
  const parser = new KiteTicker({ api_key: 'a', access_token: 'b' }) as unknown as {
    parseBinary: (bytes: ArrayBuffer) => Json[];
  };
  return stream.frames
    .filter((frame) => frame.length > 1)
    .flatMap((frame) => parser.parseBinary(Uint8Array.from(frame).buffer));
}

describe('the ticker', () => {
  it('beats every second with a single byte', async () => {
    const stream = await connect(await startExchange());
    await eventually(
      () => expect(stream.frames.filter((frame) => frame.length === 1).length).toBeGreaterThan(2),
      { what: 'three heartbeats' },
    );
  });

  it('sends a snapshot on subscribing, changes as they happen, and nothing after unsubscribing', async () => {
    const running = await startExchange();
    const stream = await connect(running);
    stream.socket.send(JSON.stringify({ a: 'subscribe', v: [738_561, 256_265, 99] }));
    await eventually(() => expect(ticksOf(stream)).toHaveLength(2), { what: 'the snapshot' });
    stream.socket.send(JSON.stringify({ a: 'mode', v: ['full', [738_561]] }));
    await eventually(() => expect(ticksOf(stream).at(-1)).toMatchObject({ mode: 'full' }), {
      what: 'full mode',
    });
    await control(running, 'PUT', '/prices', { 'NSE:RELIANCE': '2460.00' });
    await eventually(
      () => expect(ticksOf(stream).at(-1)).toMatchObject({ instrument_token: 738_561, last_price: 2460 }),
      { what: 'the new price' },
    );
    stream.socket.send(JSON.stringify({ a: 'unsubscribe', v: [738_561] }));
    stream.socket.send(JSON.stringify({ a: 'mode', v: ['ltp', [256_265]] }));
    await eventually(() => expect(ticksOf(stream).at(-1)).toMatchObject({ mode: 'ltp' }), {
      what: 'the last message',
    });
    const seen = ticksOf(stream).length;
    await control(running, 'PUT', '/prices', { 'NSE:RELIANCE': '2470.00', 'NSE:NIFTY 50': '24510.00' });
    await eventually(() => expect(ticksOf(stream).length).toBeGreaterThan(seen), { what: 'the index' });
    expect(ticksOf(stream).slice(seen)).toMatchObject([{ instrument_token: 256_265, last_price: 24_510 }]);
  });

  it('sends order updates to every connection of the user and to nobody else', async () => {
    const running = await startExchange();
    const [one, two, other] = await Promise.all([
      connect(running),
      connect(running),
      connect(running, 'paper-ANNA'),
    ]);
    const id = await place(kiteOf(running), { price: 2400, tag: 'abc' });
    await kiteOf(running)['cancelOrder']!('regular', id);
    for (const stream of [one, two]) {
      await eventually(() => expect(stream.texts).toHaveLength(1), { what: 'the update' });
      expect(stream.texts[0]).toMatchObject({
        type: 'order',
        data: { order_id: id, status: 'CANCELLED', tag: 'abc', user_id: 'PAPER', checksum: '' },
      });
    }
    expect(other.texts).toEqual([]);
  });

  it('says nothing of an order that is still hidden', async () => {
    const running = await startExchange();
    const stream = await connect(running);
    await addFault(running, { call: 'placeOrder', kind: 'lateVisibility', delayMs: 60_000 });
    const hidden = await place(kiteOf(running));
    const shown = await place(kiteOf(running));
    await eventually(() => expect(stream.texts).toHaveLength(1), { what: 'the update' });
    expect((stream.texts[0]!['data'] as Json)['order_id']).toBe(shown);
    expect(hidden).not.toBe(shown);
  });

  it('refuses a bad token with 403 on the upgrade', async () => {
    const running = await startExchange();
    await expect(connect(running, 'stale')).rejects.toThrow('403');
  });

  it('answers nonsense with an error frame and keeps the connection', async () => {
    const stream = await connect(await startExchange());
    stream.socket.send('nonsense');
    await eventually(() => expect(stream.texts).toMatchObject([{ type: 'error' }]), {
      what: 'the error frame',
    });
    expect(stream.socket.readyState).toBe(WebSocket.OPEN);
  });
});
