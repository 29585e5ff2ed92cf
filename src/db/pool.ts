import pg from 'pg';

/** A connection that was idle for longer is asked whether it still answers before anybody relies on it. */
const FRESH_MS = 1000;
/** How long that answer may take. */
const PROOF_MS = 1000;

type Callback = (error: Error | undefined, client: pg.PoolClient | undefined, done: Done) => void;
type Done = (error?: Error | boolean) => void;

/** A query with a time limit of its own, milliseconds; pg knows the field, its types do not. */
export function within(ms: number, text: string): pg.QueryConfig {
  return Object.assign({ text }, { query_timeout: ms });
}

/**
 * A pool that does not trust connections which died without a word, as when a firewall forgot them: nothing tells so
 * but silence, and a query would wait for its whole time limit, one dead connection after the other. One that was idle
 * is asked first. Where one is found dead, all that are idle are dropped, here and in the pools that `onDead` tells.
 */
export class ProvenPool extends pg.Pool {
  /** Monotonic: when each connection that is open last answered. */
  readonly #answeredAtMs = new WeakMap<pg.PoolClient, number>();
  readonly #idle = new Set<pg.PoolClient>();
  constructor(config: pg.PoolConfig, onDead: () => void) {
    super(config);
    this.on('acquire', (client) => this.#idle.delete(client));
    this.on('remove', (client) => this.#idle.delete(client));
    this.on('release', (error: unknown, client) => {
      if (this.ending) return;
      // The server's own refusal is an answer, too; anything else may be a connection that is dead.
      if (Boolean(error) && !(error instanceof pg.DatabaseError)) {
        onDead();
        return;
      }
      this.#answeredAtMs.set(client, performance.now());
      this.#idle.add(client);
    });
  }

  override connect(): Promise<pg.PoolClient>;
  override connect(callback: Callback): void;
  override connect(callback?: Callback): Promise<pg.PoolClient> | undefined {
    const connected = this.#connectProven();
    if (callback === undefined) return connected;
    void connected.then(
      (client) => callback(undefined, client, (error) => client.release(error)),
      (error: unknown) => callback(error as Error, undefined, () => undefined),
    );
    return undefined;
  }

  /** Ends every idle connection; the next query opens a new one. */
  dropIdle(): void {
    for (const client of this.#idle) {
      this.#answeredAtMs.set(client, Number.NEGATIVE_INFINITY);
      cut(client);
    }
  }

  async #connectProven(): Promise<pg.PoolClient> {
    for (;;) {
      const client = await super.connect();
      const answeredAtMs = this.#answeredAtMs.get(client);
      if (answeredAtMs === undefined || performance.now() - answeredAtMs < FRESH_MS) return client;
      if (await answers(client)) return client;
      cut(client);
      client.release(true);
    }
  }
}

async function answers(client: pg.PoolClient): Promise<boolean> {
  try {
    await client.query(within(PROOF_MS, 'select'));
    return true;
  } catch {
    return false;
  }
}

/** A dead connection takes no farewell: it would wait for an answer to that, too, and hold its place in the pool. */
function cut(client: pg.PoolClient): void {
  (client as pg.PoolClient & Pick<pg.Client, 'connection'>).connection.stream.destroy();
}
