import { type Command, Option } from 'commander';
import type { Client, JobBody, QueueBody, QueuesBody } from '../client/index.ts';
import { table } from './format.ts';

type Say = (value: unknown, text: () => string) => void;

/** Seeing the queues and the processes that work on them; pausing, resuming, retrying. */
export function addQueueCommands(program: Command, say: Say, connect: () => Promise<Client>): void {
  program
    .command('queues')
    .description('the queues and the processes that work on them')
    .action(async () => {
      const queues = await (await connect()).queues();
      say(queues, () => queuesText(queues));
    });

  const queue = program.command('queue').description('one queue: its jobs, pause, resume, retry');
  queue
    .command('jobs')
    .description('its jobs: sauda queue jobs submit --state failed')
    .argument('<name>')
    .addOption(
      new Option('--state <state>').choices(['waiting', 'active', 'delayed', 'failed']).default('waiting'),
    )
    .action(async (name: string, { state }: { state: string }) => {
      const { items } = await (await connect()).jobs(name, { state });
      say(items, () => jobsText(items));
    });
  for (const verb of ['pause', 'resume'] as const) {
    queue
      .command(verb)
      .description(verb === 'pause' ? 'begin no more of its jobs' : 'let it go on')
      .argument('<name>')
      .requiredOption('--reason <text>', 'for the journal')
      .action(async (name: string, { reason }: { reason: string }) => {
        const client = await connect();
        const changed = await (verb === 'pause'
          ? client.pauseQueue(name, reason)
          : client.resumeQueue(name, reason));
        say(changed, () => `${changed.name} is ${changed.paused ? 'paused' : 'running'}`);
      });
  }
  queue
    .command('retry')
    .description('look at a failed job again; nothing is sent to the broker a second time by it')
    .argument('<name>')
    .argument('<id>', 'as "sauda queue jobs NAME --state failed" shows it')
    .action(async (name: string, id: string) => {
      await (await connect()).retryJob(name, id);
      say({ queue: name, id }, () => 'it is due');
    });
}

function queuesText({ items, workers }: QueuesBody): string {
  const figures = (one: QueueBody): string[] =>
    one.counts === null
      ? ['?', '?', '?']
      : [one.counts.waiting, one.counts.active, one.counts.delayed].map(String);
  return [
    table(
      ['queue', 'waiting', 'active', 'delayed', 'oldest', 'a minute', 'failed', 'state'],
      items.map((one) => [
        one.name,
        ...figures(one),
        one.oldestWaitingAgeMs === null ? '?' : `${(one.oldestWaitingAgeMs / 1000).toFixed(1)} s`,
        String(one.throughputPerMinute),
        String(one.failedPerMinute),
        one.paused ? `paused by ${one.pausedBy ?? '?'}: ${one.pauseReason ?? ''}` : 'running',
      ]),
    ),
    '',
    table(
      ['process', 'pid', 'host', 'version', 'schema', 'last sign of life', ''],
      workers.map((one) => [
        one.role,
        String(one.pid),
        one.host,
        one.version,
        one.schemaVersion,
        one.heartbeatAt,
        one.alive ? '' : 'SILENT',
      ]),
    ),
  ].join('\n');
}

function jobsText(items: readonly JobBody[]): string {
  if (items.length === 0) return 'none';
  return table(
    ['id', 'order', 'account', 'at', 'error'],
    items.map((one) => [
      one.id,
      one.orderId ?? '',
      one.accountId ?? '',
      one.at,
      one.error?.slice(0, 120) ?? '',
    ]),
  );
}
