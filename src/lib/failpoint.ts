import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Named places at every commit and call where a test may kill, stop or break the process. They do nothing unless
 * armed, and configuration refuses to arm them in production.
 * Spec: "submit.afterClaim:kill,poll.read:sleep:300,validate.decided:throw", with an optional "@n" for the nth pass.
 */
type Action = { readonly kind: 'kill' | 'throw' | 'hang' } | { readonly kind: 'sleep'; readonly ms: number };

interface Armed {
  readonly action: Action;
  passesLeft: number;
}

const armed = new Map<string, Armed>();

export function armFailpoints(spec: string): void {
  armed.clear();
  for (const part of spec.split(',').filter((text) => text !== '')) {
    const [place = '', kind = '', ms = '0'] = part.split(':');
    const [name = '', nth = '1'] = place.split('@');
    if (!/^[1-9]\d{0,5}$/.test(nth) || !/^\d{1,7}$/.test(ms))
      throw new Error(`unreadable failpoint "${part}"`);
    armed.set(name, { action: actionOf(kind, Number(ms)), passesLeft: Number(nth) });
  }
}

export async function failpoint(name: string): Promise<void> {
  if (armed.size === 0) return;
  const point = armed.get(name);
  if (point === undefined || --point.passesLeft > 0) return;
  const { action } = point;
  switch (action.kind) {
    case 'kill':
      process.kill(process.pid, 'SIGKILL');
      return sleep(60_000);
    case 'throw':
      armed.delete(name);
      throw new Error(`failpoint ${name}`);
    case 'hang':
      return new Promise(() => undefined);
    case 'sleep':
      return sleep(action.ms);
  }
}

function actionOf(kind: string, ms: number): Action {
  if (kind === 'kill' || kind === 'throw' || kind === 'hang') return { kind };
  if (kind === 'sleep') return { kind, ms };
  throw new Error(`unknown failpoint action "${kind}"`);
}
