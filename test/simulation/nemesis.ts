/** Does the faults of the schedule, one after the other, and measures how long trading takes to work again. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { NewOrder } from '../../src/client/index.ts';
import { userOf } from '../support/pipeline/book.ts';
import { waitFor } from '../support/wait.ts';
import { type Ledger, type Progress, placeOrder, release } from './load.ts';
import { CANARY } from './options.ts';
import { type Event, type Fault, nameOf } from './schedule.ts';
import { GROUP_NAMES } from './workers.ts';
import { TOKEN, type World } from './world.ts';

/** Claims made before Postgres went down may still be sent: their window, and what the machine is late by. */
const SETTLE_MS = 1800;
const RECOVERY_MS = { broker: 30_000, other: 10_000 } as const;
/** A canary that takes this much longer than its bound is not waited for. */
const CANARY_DEADLINE = 4;
/** Faults that ended this long before a canary are not part of its story. */
const STORY_MS = 5000;

export interface Recovery {
  readonly fault: string;
  readonly ms: number;
  readonly boundMs: number;
}

export interface Span {
  readonly what: string;
  readonly fromMs: number;
  toMs: number;
}

export class Nemesis {
  readonly #world: World;
  readonly #ledger: Ledger;
  readonly #canaries: Promise<void>[] = [];
  readonly recoveries: Recovery[] = [];
  /** What disturbed the run, and when, by the wall clock. */
  readonly spans: Span[] = [];
  /** Monotonic: the end of the newest disturbance. */
  #quietSinceMs = performance.now();
  #active = 0;
  #canaryNumber = 0;

  constructor(world: World, ledger: Ledger) {
    this.#world = world;
    this.#ledger = ledger;
  }

  async play(schedule: readonly Event[], progress: Progress, isOver: () => boolean): Promise<void> {
    for (const { at, fault } of schedule) {
      while (progress.done < at && !isOver()) await sleep(20);
      await this.#strike(fault);
    }
    await Promise.all(this.#canaries);
  }

  async #strike(fault: Fault): Promise<void> {
    const name = nameOf(fault);
    const span: Span = { what: name, fromMs: Date.now(), toMs: Number.MAX_SAFE_INTEGER };
    this.spans.push(span);
    this.#active += 1;
    try {
      await this.#do(fault);
    } catch (error) {
      this.#ledger.violations.push(`the fault "${name}" could not be made: ${String(error).slice(0, 400)}`);
    } finally {
      this.#active -= 1;
      span.toMs = Date.now();
      this.#quietSinceMs = performance.now();
    }
    this.#ledger.count(`fault ${name}`);
    const isOfBroker = fault.kind === 'session' || (fault.kind === 'network' && fault.server === 'broker');
    this.#canaries.push(this.#canary(name, isOfBroker ? RECOVERY_MS.broker : RECOVERY_MS.other));
  }

  /** An order of an account that nothing disturbs: filled, trading works again. Faults that follow start the time anew. */
  async #canary(fault: string, boundMs: number): Promise<void> {
    const { options, ask } = this.#world;
    const clientOrderId = `canary-${options.seed}-${(this.#canaryNumber += 1)}`;
    const body = {
      clientOrderId,
      accountId: CANARY,
      exchange: 'NSE',
      symbol: 'RELIANCE',
      product: 'MIS',
      side: 'BUY',
      orderType: 'LIMIT',
      quantity: 1,
      price: '2450.00',
      stopLoss: '2430.00',
      takeProfit: '2491.00',
      maxAgeMs: 0,
    } as const satisfies NewOrder;
    const endedMs = performance.now();
    try {
      await placeOrder(this.#world, { body, account: CANARY }, this.#ledger, 'place');
      for (;;) {
        const [row] = await ask<{ status: string }>(
          `select status from orders where account_id = $1 and client_order_id = $2`,
          [CANARY, clientOrderId],
        );
        if (row?.status === 'FILLED') break;
        // In doubt, where its process was killed between claim and answer: an order like any other, no measure.
        if (row?.status === 'UNKNOWN' || row?.status === 'REJECTED') {
          this.#ledger.count(`canary ${row.status}`);
          return;
        }
        const quietMs = this.#active > 0 ? 0 : performance.now() - Math.max(endedMs, this.#quietSinceMs);
        if (quietMs > CANARY_DEADLINE * boundMs * options.patience) {
          throw new Error(`it is ${row?.status ?? 'not there'}: ${await this.#storyOf(clientOrderId)}`);
        }
        await sleep(60);
      }
      if (this.#active > 0) return; // Filled while the next fault lasts: it says nothing of this one.
      const ms = performance.now() - Math.max(endedMs, this.#quietSinceMs);
      this.recoveries.push({ fault, ms, boundMs });
      if (ms > boundMs * options.patience) {
        const story = await this.#storyOf(clientOrderId);
        this.#ledger.violations.push(
          `trading took ${Math.round(ms)} ms to work again after "${fault}" (bound ${boundMs * options.patience}): ${story}`,
        );
      }
    } catch (error) {
      this.#ledger.violations.push(
        `trading did not work again after "${fault}": ${String(error).slice(0, 300)}`,
      );
    }
  }

  /** The steps of a canary, with the faults since a while before it, on one clock. */
  async #storyOf(clientOrderId: string): Promise<string> {
    const steps = await this.#world.ask<{ kind: string; at: number }>(
      `select j.kind || ' ' || j.actor as kind, (extract(epoch from j.at::timestamptz - coalesce(
          (select shift from sauda.clock_offset), interval '0')) * 1000)::float8 as at
        from orders o join journal j on j.account_id = o.account_id and j.entity = o.id::text
        where o.account_id = $1 and o.client_order_id = $2 order by j.seq`,
      [CANARY, clientOrderId],
    );
    const zero = steps[0]?.at ?? 0;
    const faults = this.spans.filter(({ toMs }) => toMs > zero - STORY_MS);
    return [
      ...steps.map(({ kind, at }) => ({ what: kind, at })),
      ...faults.flatMap(({ what, fromMs, toMs }) => [
        { what: `<${what}>`, at: fromMs },
        { what: `</${what}>`, at: toMs },
      ]),
    ]
      .sort((a, b) => a.at - b.at)
      .map(({ what, at }) => `${Math.round(at - zero)} ${what}`)
      .join(', ');
  }

  async #do(fault: Fault): Promise<void> {
    const { servers, workers, proxies } = this.#world;
    const { redis, postgres } = servers;
    switch (fault.kind) {
      case 'kill':
        return workers.kill(fault.group, fault.next);
      case 'stop':
        return workers.pause(fault.group, fault.ms);
      case 'machine':
        await Promise.all(GROUP_NAMES.map((group) => workers.hold(group)));
        await redis?.kill('SIGKILL');
        await postgres.crash();
        await sleep(fault.ms);
        await Promise.all([postgres.start(), redis?.start()]);
        for (const group of GROUP_NAMES) workers.release(group);
        return;
      case 'redisFlush':
        return redis?.flushAll();
      case 'redisRestart':
        return redis?.restart();
      case 'redisDown':
        await redis?.kill('SIGKILL');
        await sleep(fault.ms);
        return redis?.start();
      case 'redisPause':
        redis?.pause();
        await sleep(fault.ms);
        redis?.continue();
        return;
      case 'redisFull':
        await redis?.command('CONFIG SET maxmemory 1');
        await sleep(fault.ms);
        await redis?.command('CONFIG SET maxmemory 0');
        return;
      case 'postgresCrash':
        await postgres.crash();
        await this.#nothingIsTaken(fault.ms);
        return postgres.start();
      case 'postgresPause':
        await postgres.pause();
        await sleep(fault.ms);
        return postgres.resume();
      case 'session':
        return this.#forbid(fault.ms);
      case 'cliHalt':
        return this.#haltFromTheCommandLine(fault.account, fault.ms);
      case 'databaseClock':
        await this.#world.ask(
          `insert into sauda.clock_offset (id, shift) values (true, $1 * interval '1 millisecond')
           on conflict (id) do update set shift = sauda.clock_offset.shift + excluded.shift`,
          [fault.byMs],
        );
        return;
      case 'network': {
        const proxy = proxies[fault.server];
        if (proxy === null) return;
        if (fault.how === 'resetAll') {
          proxy.resetAll();
          return;
        }
        const mode = { latency: { latencyMs: 400 }, cut: { cutAfter: 300 } } as const;
        await proxy.setMode(fault.how === 'latency' || fault.how === 'cut' ? mode[fault.how] : fault.how);
        // As a router that restarts: who tries again meets nobody.
        if (fault.how === 'refuse') proxy.resetAll();
        await sleep(fault.ms);
        return proxy.setMode('pass');
      }
    }
  }

  /** While Postgres is down an order is refused with 503, and nothing is sent to the broker. */
  async #nothingIsTaken(ms: number): Promise<void> {
    const { apiUrl, exchange, options } = this.#world;
    const placements = async () =>
      ((await exchange('GET', '/state'))['calls'] as Record<string, number>)['placeOrder'] ?? 0;
    await sleep(SETTLE_MS * options.patience ** 0.5);
    const before = await placements();
    const response = await fetch(`${apiUrl}/v1/orders`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        ...{ clientOrderId: `down-${options.seed}-${Date.now()}`, accountId: CANARY, exchange: 'NSE' },
        ...{ symbol: 'RELIANCE', side: 'BUY', quantity: 1, orderType: 'LIMIT', product: 'MIS' },
        ...{ price: '2450.00', stopLoss: '2430.00' },
      }),
      signal: AbortSignal.timeout(10_000),
    }).catch(() => null);
    if (response !== null) {
      this.#ledger.count(`POST while Postgres is down: ${response.status}`);
      if (response.status !== 503) {
        this.#ledger.violations.push(`an order was answered ${response.status} while Postgres was down`);
      }
    }
    await sleep(Math.max(0, ms - SETTLE_MS));
    const sent = (await placements()) - before;
    if (sent > 0) this.#ledger.violations.push(`${sent} orders were sent while Postgres was down`);
  }

  /** A dead session, for every account but the canary's. */
  async #forbid(ms: number): Promise<void> {
    const { options, exchange } = this.#world;
    const ids: unknown[] = [];
    for (const account of options.accounts) {
      const user = userOf(account);
      const fault = { call: 'any', kind: 'forbidden', user, count: -1 };
      ids.push((await exchange('POST', '/faults', fault))['id']);
    }
    await sleep(ms);
    for (const id of ids) await exchange('DELETE', `/faults/${String(id)}`);
  }

  /** `sauda halt` needs nothing but Postgres: the API is dead, and Redis does not answer. */
  async #haltFromTheCommandLine(account: string, ms: number): Promise<void> {
    const { workers, servers, cli } = this.#world;
    if (this.#ledger.halting.has(account)) return;
    this.#ledger.halting.add(account);
    await workers.hold('api');
    servers.redis?.pause();
    try {
      const { code, output } = await cli('halt', '--account', account, '--reason', 'simulation');
      const answeredAtMs = Date.now();
      if (code !== 0) {
        this.#ledger.violations.push(`sauda halt ended with ${code}: ${output.slice(0, 300)}`);
        return;
      }
      await sleep(ms);
      const releasedAtMs = Date.now();
      this.#ledger.halts.push({ account, answeredAtMs, releasedAtMs, inFlight: inFlightOf(output) });
      this.#ledger.count('halted from the command line');
    } finally {
      servers.redis?.continue();
      workers.release('api');
    }
    await waitFor(() => workers.isReady('api'), { what: 'the API to run', timeoutMs: 60_000 });
    await release(this.#world, account);
    this.#ledger.halting.delete(account);
  }
}

function inFlightOf(output: string): string[] {
  const done = JSON.parse(output.slice(output.indexOf('{'))) as { inFlight?: { id: string }[] };
  return (done.inFlight ?? []).map(({ id }) => id);
}
