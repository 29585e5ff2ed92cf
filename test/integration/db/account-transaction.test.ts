import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CommitUnknownError } from '../../../src/db/errors.ts';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { positionRow } from '../../unit/db/fixtures.ts';

describe('an account transaction', () => {
  let pipeline: Pipeline;

  beforeAll(async () => {
    pipeline = await startPipeline({ backend: 'postgres', roles: [] });
  });
  afterAll(async () => {
    await pipeline.stop();
  });

  const openCycles = () => pipeline.sql(`select cycle from positions where status = 'OPEN'`);
  const work = { accountId: 'main', actor: 'test', needs: { cyclesOf: ['1/MIS/OMS'] } };

  it('that changes the budget alone is kept', async () => {
    const budget = { slots: [1, 2, 3] };
    await pipeline.parts.context.withAccount({ ...work, run: (view) => view.setBudget(budget) });
    expect(await pipeline.sql(`select budget from accounts where id = 'main'`)).toEqual([{ budget }]);
  });

  it('that opens two cycles of a key is refused by the commit, and that is certain', async () => {
    const both = pipeline.parts.context.withAccount({
      ...work,
      run: (view) => [1, 2].forEach((cycle) => view.putPosition(positionRow({ cycle }))),
    });
    const error: unknown = await both.catch((refused: unknown) => refused);
    expect(error).toMatchObject({ constraint: 'one_open_cycle_per_key' });
    expect(error).not.toBeInstanceOf(CommitUnknownError);
    expect(await openCycles()).toEqual([]);
  });

  it('deletes a cycle that its work took away', async () => {
    const { context } = pipeline.parts;
    await context.withAccount({ ...work, run: (view) => view.putPosition(positionRow()) });
    expect(await openCycles()).toEqual([{ cycle: 1 }]);
    await context.withAccount({
      ...work,
      run: (view) =>
        view
          .cyclesOf({ instrumentId: 1, product: 'MIS', managedBy: 'OMS' })
          .forEach((row) => view.removePosition(row)),
    });
    expect(await openCycles()).toEqual([]);
  });
});
