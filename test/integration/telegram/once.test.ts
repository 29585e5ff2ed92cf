import { afterAll, beforeAll, expect, it } from 'vitest';
import { keepUpdates } from '../../../src/db/stores/chat-store.ts';
import { AlreadyDoneError, onceForUpdate } from '../../../src/services/once-for-update.ts';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';

let pipeline: Pipeline;
beforeAll(async () => {
  pipeline = await startPipeline({ backend: 'postgres', roles: [] });
});
afterAll(() => pipeline.stop());

const accountId = 'main';
const keep = (key: string) =>
  keepUpdates(pipeline.parts.context.db, accountId, [
    { key, input: { kind: 'command', name: 'halt', argument: '', chatId: '1', userId: '1', saidAt: null } },
  ]);
const noted = (kind: string) => pipeline.sql('select from journal where kind = $1', [kind]);

it('two runs of one update at the same time have its effect once, and the other is told so', async () => {
  await keep('1/1');
  const run = () => {
    const context = onceForUpdate(pipeline.parts.context, { accountId, key: '1/1' });
    return context.withAccount({
      accountId,
      actor: 'test',
      needs: {},
      run: (view) => view.note('Twice', 'x', {}),
    });
  };
  const ended = await Promise.allSettled([run(), run(), run()]);
  const failed = ended.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
  expect(failed).toHaveLength(2);
  for (const error of failed) expect(error).toBeInstanceOf(AlreadyDoneError);
  expect(await noted('Twice')).toHaveLength(1);
});

it('an effect that fails leaves its update to be done, and later steps of one run go through', async () => {
  await keep('1/2');
  const context = onceForUpdate(pipeline.parts.context, { accountId, key: '1/2' });
  const step = (run: () => void) => context.withAccount({ accountId, actor: 'test', needs: {}, run });
  const fail = () => {
    throw new RangeError('no');
  };
  await expect(step(fail)).rejects.toThrow('no');
  expect(await pipeline.sql(`select from chat_updates where key = '1/2' and done_at is null`)).toHaveLength(
    1,
  );
  await step(() => undefined);
  await step(() => undefined);
  expect(await pipeline.sql(`select from chat_updates where key = '1/2' and done_at is null`)).toHaveLength(
    0,
  );
});

it('what no row can hold keeps nothing else out', async () => {
  const said = { kind: 'command', name: 'halt', chatId: '1', userId: '1', saidAt: null } as const;
  const refused = await keepUpdates(pipeline.parts.context.db, accountId, [
    { key: '1/3', input: { ...said, argument: 'before' } },
    { key: '1/4', input: { ...said, argument: `half of one ${'🙂'[0]!}` } },
    { key: '1/5', input: { ...said, argument: 'with a NUL \0' } },
    { key: '1/6', input: { ...said, argument: 'after' } },
  ]);
  expect(refused).toEqual(['1/4', '1/5']);
  expect(
    await pipeline.sql(`select key from chat_updates where key in ('1/3','1/4','1/5','1/6') order by key`),
  ).toEqual([{ key: '1/3' }, { key: '1/6' }]);
});
