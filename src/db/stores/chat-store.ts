import pg from 'pg';
import type { ChatInput, PromptAction } from '../../domain/chat.ts';
import type { Database } from '../client.ts';
import { isRefusedWrite } from '../errors.ts';

/** Telegram hands an update out again for a day at most. */
const KEPT_FOR = '7 days';

export interface NewUpdate {
  readonly key: string;
  readonly input: ChatInput;
}

/**
 * What people sent, kept before it is acknowledged; one that was kept before is left as it is. One that no row can
 * hold must not keep the others out: the keys of such are returned, and it is dropped.
 */
export async function keepUpdates(
  db: Database,
  accountId: string,
  updates: readonly NewUpdate[],
): Promise<string[]> {
  if (updates.length === 0) return [];
  try {
    await insertUpdates(db, accountId, updates);
    return [];
  } catch (error) {
    if (!isRefusedWrite(error)) throw error;
    if (updates.length === 1) return updates.map(({ key }) => key);
  }
  const refused: string[] = [];
  for (const update of updates) refused.push(...(await keepUpdates(db, accountId, [update])));
  return refused;
}

async function insertUpdates(db: Database, accountId: string, updates: readonly NewUpdate[]): Promise<void> {
  await db.reads.query({
    name: 'sauda_keep_updates',
    text: `with old as (delete from chat_updates
        where account_id = $1 and done_at < clock_timestamp() - interval '${KEPT_FOR}')
      insert into chat_updates (account_id, key, input)
      select $1, u.key, u.input from json_to_recordset($2::json) as u(key text, input jsonb)
      on conflict do nothing`,
    values: [accountId, JSON.stringify(updates)],
  });
}

export interface KeptUpdate {
  readonly accountId: string;
  readonly key: string;
  readonly input: ChatInput;
  readonly receivedAt: Date;
  /** Real time of the database. */
  readonly now: Date;
  /** 0: it may stop trading. 1: it changes something. 2: it only looks. */
  readonly urgency: 0 | 1 | 2;
}

/** What may stop trading, then what changes something or answers a question, then the rest. */
const URGENCY = `case
  when input ->> 'kind' = 'command' and input ->> 'name' = 'halt' then 0
  when input ->> 'kind' = 'press' and input ->> 'data' like 'p:%' then 0
  when input ->> 'kind' in ('press', 'code') and coalesce(input ->> 'data', '') not like 'v:%' then 1
  when input ->> 'name' = any($3::text[]) then 1
  else 2 end`;

/** What is still to be done, the most urgent first and then the oldest; `acting` are commands that change something. */
export async function readOpenUpdates(
  db: Database,
  accountId: string,
  { limit, acting }: { readonly limit: number; readonly acting: readonly string[] },
): Promise<KeptUpdate[]> {
  const { rows } = await db.reads.query<KeptUpdate>({
    name: 'sauda_open_updates',
    text: `select account_id as "accountId", key, input, received_at as "receivedAt", clock_timestamp() as now,
        ${URGENCY} as urgency
      from chat_updates where done_at is null and account_id = $1
      order by urgency, received_at, key limit $2`,
    values: [accountId, limit, acting],
  });
  return rows;
}

/** Ends an update whose whole effect was an answer. */
export async function endUpdate(db: Database, accountId: string, key: string): Promise<void> {
  await db.reads.query({
    name: 'sauda_end_update',
    text: `update chat_updates set done_at = clock_timestamp() where account_id = $1 and key = $2 and done_at is null`,
    values: [accountId, key],
  });
}

export interface NewPrompt {
  readonly accountId: string;
  readonly nonce: string;
  readonly chatId: string;
  readonly userId: string;
  readonly action: PromptAction;
  readonly code: string | null;
  readonly livesMs: number;
}

/** Keeps a prompt; on the way it drops those of earlier days. */
export async function insertPrompt(db: Database, prompt: NewPrompt): Promise<void> {
  const { accountId, nonce, chatId, userId, action, code, livesMs } = prompt;
  await db.reads.query({
    name: 'sauda_insert_prompt',
    text: `with old as (delete from chat_prompts
        where account_id = $1 and expires_at < clock_timestamp() - interval '1 day')
      insert into chat_prompts (account_id, nonce, chat_id, user_id, action, code, expires_at)
      values ($1, $2, $3, $4, $5, $6, clock_timestamp() + $7::float8 * interval '1 millisecond')`,
    values: [accountId, nonce, chatId, userId, JSON.stringify(action), code, livesMs],
  });
}

/** The question can be seen now: its time begins. */
export async function beginPrompt(
  db: Database,
  { accountId, nonce, livesMs }: Pick<NewPrompt, 'accountId' | 'nonce' | 'livesMs'>,
): Promise<void> {
  await db.reads.query({
    name: 'sauda_begin_prompt',
    text: `update chat_prompts set expires_at = clock_timestamp() + $3::float8 * interval '1 millisecond'
      where account_id = $1 and nonce = $2 and expires_at > clock_timestamp()`,
    values: [accountId, nonce, livesMs],
  });
}

/** GONE: unknown, used, or too old. NOT_YOURS: another person's, which stays as it is. */
export type PromptUse =
  { readonly state: 'USED'; readonly action: PromptAction } | { readonly state: 'GONE' | 'NOT_YOURS' };

export interface PromptPress {
  readonly accountId: string;
  readonly nonce: string;
  readonly chatId: string;
  readonly userId: string;
  /** Of the update that presses. */
  readonly key: string;
}

/**
 * Uses a prompt up, once: `key` alone may use it again, after a crash between this and its effect. Whether it was in
 * time is judged by when its update was received.
 */
export async function usePrompt(db: Database, press: PromptPress): Promise<PromptUse> {
  const { accountId, nonce, chatId, userId, key } = press;
  const { rows } = await db.reads.query<{ action: PromptAction }>({
    name: 'sauda_use_prompt',
    text: `update chat_prompts p set used_by = $5 from chat_updates u
      where p.account_id = $1 and p.nonce = $2 and p.chat_id = $3 and p.user_id = $4
        and u.account_id = $1 and u.key = $5
        and (p.used_by = $5 or (p.used_by is null and u.received_at <= p.expires_at))
      returning p.action`,
    values: [accountId, nonce, chatId, userId, key],
  });
  const [used] = rows;
  if (used !== undefined) return { state: 'USED', action: used.action };
  const { rows: others } = await db.reads.query<{ user_id: string }>({
    name: 'sauda_prompt_owner',
    text: `select user_id from chat_prompts where account_id = $1 and nonce = $2 and used_by is null
      and expires_at > clock_timestamp()`,
    values: [accountId, nonce],
  });
  const [other] = others;
  return { state: other !== undefined && other.user_id !== userId ? 'NOT_YOURS' : 'GONE' };
}

/** Wrong codes that a prompt survives. */
const MAX_WRONG_CODES = 3;

export type CodeUse =
  | { readonly state: 'USED'; readonly action: PromptAction }
  /** NONE: no prompt waits for a code of this person. */
  | { readonly state: 'WRONG' | 'NONE' };

/** Uses the prompt that waits for this code of this person; a wrong code counts against it. */
export async function useCode(
  db: Database,
  typed: Omit<PromptPress, 'nonce'> & { readonly code: string },
): Promise<CodeUse> {
  const { accountId, chatId, userId, key, code } = typed;
  const { rows } = await db.reads.query<{ action: PromptAction }>({
    name: 'sauda_use_code',
    text: `update chat_prompts p set used_by = $4 from chat_updates u
      where p.account_id = $1 and p.chat_id = $2 and p.user_id = $3 and p.code = $5 and p.wrong_codes < ${MAX_WRONG_CODES}
        and u.account_id = $1 and u.key = $4
        and (p.used_by = $4 or (p.used_by is null and u.received_at <= p.expires_at))
      returning p.action`,
    values: [accountId, chatId, userId, key, code],
  });
  const [used] = rows;
  if (used !== undefined) return { state: 'USED', action: used.action };
  const wrong = await db.reads.query({
    name: 'sauda_wrong_code',
    text: `update chat_prompts set wrong_codes = wrong_codes + 1
      where account_id = $1 and chat_id = $2 and user_id = $3 and code is not null and used_by is null
        and expires_at > clock_timestamp()`,
    values: [accountId, chatId, userId],
  });
  return { state: (wrong.rowCount ?? 0) > 0 ? 'WRONG' : 'NONE' };
}

/**
 * Takes the next place of a chat: how long until it comes, milliseconds; null when it is further away than `mostMs`,
 * and none is taken. Any number of processes may send to one chat.
 */
export async function takePlace(
  db: Database,
  chatId: string,
  { gapMs, mostMs }: { readonly gapMs: number; readonly mostMs: number },
): Promise<number | null> {
  const { rows } = await db.beats.query<{ wait: number }>({
    name: 'sauda_take_place',
    text: `insert into chat_pace as p (chat_id, next_at)
      values ($1, clock_timestamp() + $2::float8 * interval '1 millisecond')
      on conflict (chat_id) do update
        set next_at = greatest(p.next_at, clock_timestamp()) + $2::float8 * interval '1 millisecond'
        where p.next_at <= clock_timestamp() + $3::float8 * interval '1 millisecond'
      returning greatest(0, extract(epoch from next_at - clock_timestamp()) * 1000 - $2)::float8 as wait`,
    values: [chatId, gapMs, mostMs],
  });
  return rows[0]?.wait ?? null;
}

/** No message to the chat for so long from now: it has just taken one, or asked us to wait. */
export async function restChat(db: Database, chatId: string, forMs: number): Promise<void> {
  await db.beats.query({
    name: 'sauda_rest_chat',
    text: `insert into chat_pace as p (chat_id, next_at)
      values ($1, clock_timestamp() + $2::float8 * interval '1 millisecond')
      on conflict (chat_id) do update set next_at = greatest(p.next_at, excluded.next_at)`,
    values: [chatId, forMs],
  });
}

export interface Mute {
  readonly type: string;
  readonly until: Date;
  readonly by: string;
}

export async function putMute(
  db: Database,
  mute: {
    readonly accountId: string;
    readonly channel: string;
    readonly type: string;
    readonly minutes: number;
    readonly by: string;
  },
): Promise<void> {
  await db.reads.query({
    name: 'sauda_put_mute',
    text: `insert into chat_mutes (account_id, channel, type, until, by)
      values ($1, $2, $3, clock_timestamp() + $4::float8 * interval '1 minute', $5)
      on conflict (account_id, channel, type) do update set until = excluded.until, by = excluded.by`,
    values: [mute.accountId, mute.channel, mute.type, mute.minutes, mute.by],
  });
}

/** Those in force. */
export async function listMutes(db: Database, accountId: string, channel: string): Promise<Mute[]> {
  const { rows } = await db.reads.query<Mute>({
    name: 'sauda_mutes',
    text: `select type, until, by from chat_mutes
      where account_id = $1 and channel = $2 and until > clock_timestamp() order by type`,
    values: [accountId, channel],
  });
  return rows;
}

export interface HeldLock {
  /** Resolves when the lock is lost: the connection ended. */
  readonly lost: Promise<void>;
  release(): Promise<void>;
}

/** Which of the database's advisory locks: "sauda" in ASCII. */
const LOCK_SPACE = 1_935_766_628;

/**
 * An advisory lock of its own session, so that it ends with the process that holds it; null when somebody else has
 * it. On a connection of its own: none of a pool is kept from the others.
 */
export async function holdLock(url: string, name: string): Promise<HeldLock | null> {
  const client = new pg.Client({
    connectionString: url,
    application_name: `sauda:${name}`,
    keepAlive: true,
    connectionTimeoutMillis: 5000,
    options: '-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=2',
  });
  let lose: () => void = () => undefined;
  const lost = new Promise<void>((resolve) => (lose = resolve));
  client.on('error', () => lose());
  client.on('end', () => lose());
  await client.connect();
  const { rows } = await client.query<{ held: boolean }>(
    'select pg_try_advisory_lock($1, hashtext($2)) as held',
    [LOCK_SPACE, name],
  );
  if (rows[0]?.held !== true) {
    await client.end();
    return null;
  }
  return { lost, release: () => client.end() };
}
