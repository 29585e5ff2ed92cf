/** The faults of a run, drawn before it begins. They go by operations of the load, so that slow machines see the same. */
import { type Draws, type Options, drawsOf } from './options.ts';
import { type Group, GROUP_NAMES, type Life } from './workers.ts';

export type Fault =
  | { readonly kind: 'kill'; readonly group: Group; readonly next: Life }
  | { readonly kind: 'stop'; readonly group: Group; readonly ms: number }
  | { readonly kind: 'machine'; readonly ms: number }
  | { readonly kind: 'redisFlush' }
  | { readonly kind: 'redisRestart' }
  | { readonly kind: 'redisDown' | 'redisPause' | 'redisFull'; readonly ms: number }
  | { readonly kind: 'postgresCrash' | 'postgresPause'; readonly ms: number }
  | { readonly kind: 'session'; readonly ms: number }
  | { readonly kind: 'cliHalt'; readonly account: string; readonly ms: number }
  | { readonly kind: 'databaseClock'; readonly byMs: number }
  | {
      readonly kind: 'network';
      readonly server: 'postgres' | 'redis' | 'broker';
      readonly how: 'refuse' | 'blackhole' | 'severed' | 'dropReplies' | 'latency' | 'cut' | 'resetAll';
      readonly ms: number;
    };

export interface Event {
  /** Begins once so many operations of the load have begun. */
  readonly at: number;
  readonly fault: Fault;
}

/** Places where a process of the group kills itself in its next life. */
const FAILPOINTS: Readonly<Record<Group, readonly string[]>> = {
  api: ['accept.beforeCommit@4', 'accept.afterCommit@3', 'cancel.afterCommit', 'modify.afterCommit'],
  validator: ['validate.begin@5', 'validate.afterCommit@4', 'alert.delivered@3'],
  'submitter-a': ['submit.afterClaim@3', 'submit.beforeCall@3', 'submit.afterCall@3', 'submit.afterRecord@4'],
  'submitter-b': ['submit.afterClaim@2', 'submit.afterCall@2', 'command.afterClaim', 'command.afterCall'],
  poller: [
    'poll.read@5',
    'poll.beforeCommit@3',
    'poll.afterCommit@3',
    'reconcile.begun',
    'reconcile.compared',
  ],
  dispatcher: ['dispatch.beat@3', 'risk.beforeCommit', 'submit.afterClaim'],
};

const NETWORK = [
  ...(['refuse', 'blackhole', 'severed', 'dropReplies', 'latency', 'cut', 'resetAll'] as const).flatMap(
    (how) => [
      { kind: 'network', server: 'postgres', how } as const,
      { kind: 'network', server: 'broker', how } as const,
    ],
  ),
  ...(['refuse', 'blackhole', 'severed', 'latency', 'resetAll'] as const).map(
    (how) => ({ kind: 'network', server: 'redis', how }) as const,
  ),
];
const PLAIN = [
  ...(['postgresCrash', 'postgresPause', 'session', 'machine', 'stop', 'cliHalt', 'databaseClock'] as const),
  ...([
    'redisFlush',
    'redisRestart',
    'redisDown',
    'redisPause',
    'redisFull',
    'postgresCrash',
    'stop',
  ] as const),
].map((kind) => ({ kind }) as const);
/** One deck for all seeds: seeds one after the other deal it to its end before a kind comes again. */
const DECK = [...PLAIN, ...NETWORK];

export function drawSchedule(options: Options, operations: number): Event[] {
  const draws = drawsOf(options.seed, 'nemesis');
  const kinds = Array.from(
    { length: options.faults },
    (_, n) => DECK[((options.seed * options.faults + n) * 7) % DECK.length]!,
  );
  const faults = draws
    .shuffled(kinds)
    .filter((card) => options.backend === 'redis' || !isOfRedis(card))
    .map((card) => drawFault(draws, options, card));
  const kills = Array.from({ length: options.kills }, () => drawKill(draws));
  const places = (count: number): number[] =>
    Array.from({ length: count }, (_, n) =>
      Math.floor(((n + 0.2 + 0.6 * draws.random()) / count) * operations * 0.92),
    );
  const at = [...places(faults.length), ...places(kills.length)];
  return [...faults, ...kills]
    .map((fault, n): Event => ({ at: at[n] ?? 0, fault }))
    .sort((a, b) => a.at - b.at);
}

type Card = (typeof DECK)[number];

function isOfRedis(card: Card): boolean {
  return card.kind.startsWith('redis') || (card.kind === 'network' && card.server === 'redis');
}

function drawKill(draws: Draws): Fault {
  const group = draws.pick(GROUP_NAMES);
  const failpoints = draws.chance(0.45) ? { failpoints: `${draws.pick(FAILPOINTS[group])}:kill` } : {};
  const clock = draws.chance(0.1) ? { clockShiftMs: draws.pick([-45_000, 45_000]) } : {};
  return { kind: 'kill', group, next: { ...failpoints, ...clock } };
}

function drawFault(draws: Draws, options: Options, card: Card): Fault {
  const ms = draws.between(400, 3500);
  switch (card.kind) {
    case 'stop':
      return { kind: 'stop', group: draws.pick(GROUP_NAMES), ms: draws.between(300, 6000) };
    case 'machine':
      return { kind: 'machine', ms: draws.between(300, 1500) };
    case 'redisFlush':
    case 'redisRestart':
      return { kind: card.kind };
    case 'redisDown':
    case 'redisPause':
    case 'redisFull':
    case 'postgresPause':
      return { kind: card.kind, ms };
    case 'postgresCrash':
      return { kind: 'postgresCrash', ms: draws.between(2500, 4000) };
    case 'session':
      return { kind: 'session', ms: 3000 };
    case 'cliHalt':
      return { kind: 'cliHalt', account: draws.pick(options.accounts), ms: draws.between(500, 1500) };
    case 'databaseClock':
      // Forward alone: a clock that goes back is not one that Postgres runs on.
      return { kind: 'databaseClock', byMs: draws.between(1000, 45_000) };
    case 'network':
      return { ...card, ms };
  }
}

/** How an event reads in the schedule, and the key of its recovery times. */
export function nameOf(fault: Fault): string {
  switch (fault.kind) {
    case 'network':
      return `${fault.server} ${fault.how}`;
    case 'kill':
    case 'stop':
      return `${fault.kind} ${fault.group}`;
    case 'machine':
    case 'redisFlush':
    case 'redisRestart':
    case 'redisDown':
    case 'redisPause':
    case 'redisFull':
    case 'postgresCrash':
    case 'postgresPause':
    case 'session':
    case 'cliHalt':
    case 'databaseClock':
      return fault.kind;
  }
}
