import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { stopOnSignal } from '../../../src/runtime/shutdown.ts';

type Handler = (signal: NodeJS.Signals) => void;

const handlers = new Map<string, Handler>();
const exit = vi.fn<(code: number) => void>();
const tell = vi.fn<(line: string) => void>();

const send = async (signal: 'SIGINT' | 'SIGTERM'): Promise<void> => {
  handlers.get(signal)?.(signal);
  await vi.advanceTimersByTimeAsync(0);
};

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(process, 'on').mockImplementation(((signal: string, handler: Handler) => {
    handlers.set(signal, handler);
    return process;
  }) as never);
  vi.spyOn(process, 'exit').mockImplementation(exit as never);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  handlers.clear();
  exit.mockReset();
  tell.mockReset();
});

describe('a process told to stop', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('by %s stops its parts once and ends with 0', async (signal) => {
    const stop = vi.fn(() => Promise.resolve());
    stopOnSignal(stop, { tell });
    await send(signal);
    expect(stop.mock.calls).toEqual([[signal]]);
    expect(exit.mock.calls).toEqual([[0]]);
  });

  it.each([
    ['works', () => Promise.resolve()],
    ['fails', () => Promise.reject(new Error('no such process'))],
    ['hangs too', () => new Promise(() => undefined)],
  ])('ends within five seconds, with 0, although a part hangs and the last resort %s', async (_how, end) => {
    const lastResort = vi.fn(end);
    stopOnSignal(() => new Promise(() => undefined), { tell, lastResort });
    await send('SIGTERM');
    await vi.advanceTimersByTimeAsync(3000);
    expect(exit).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(2000);
    expect(exit.mock.calls).toEqual([[0]]);
    expect(tell).toHaveBeenCalledOnce();
    expect(lastResort).toHaveBeenCalledOnce();
  });

  it('ends with 1 and says why when stopping fails', async () => {
    stopOnSignal(() => Promise.reject(new Error('the pool is gone')), { tell });
    await send('SIGTERM');
    expect(exit.mock.calls).toEqual([[1]]);
    expect(tell.mock.calls).toEqual([['stopping failed: the pool is gone']]);
  });

  it('takes a second signal within two seconds for the same one, and a later one as "at once"', async () => {
    const stop = vi.fn(() => new Promise<void>(() => undefined));
    const lastResort = vi.fn(() => Promise.resolve());
    stopOnSignal(stop, { tell, lastResort });
    await send('SIGINT');
    await vi.advanceTimersByTimeAsync(1500);
    await send('SIGINT');
    expect(exit).not.toHaveBeenCalled();
    expect(stop).toHaveBeenCalledOnce();
    await vi.advanceTimersByTimeAsync(1000);
    await send('SIGINT');
    expect(exit.mock.calls).toEqual([[130]]);
    expect(lastResort).toHaveBeenCalledOnce();
  });
});
