/** What processes cost, read from Linux's /proc: with everything that they started, and no shared page counted twice. */
import { readdir, readFile } from 'node:fs/promises';

export interface TreeCost {
  readonly processes: number;
  /** Proportional set size: a page that n processes share counts for a n-th in each. */
  readonly residentBytes: number;
  /** Since their start, those that ended already included. */
  readonly cpuMs: number;
}

/** USER_HZ, which Linux fixes for programs. */
const TICK_MS = 10;

interface Stat {
  readonly pid: number;
  readonly parent: number;
  readonly cpuMs: number;
}

/** The processes and all below them. Throws where there is no /proc. */
export async function readTree(roots: readonly number[]): Promise<TreeCost> {
  const stats = await readStats();
  const tree = new Set(roots);
  for (let before = 0; before !== tree.size;) {
    before = tree.size;
    for (const { pid, parent } of stats) if (tree.has(parent)) tree.add(pid);
  }
  const ours = stats.filter(({ pid }) => tree.has(pid));
  const resident = await Promise.all(ours.map(({ pid }) => readPss(pid)));
  return {
    processes: ours.length,
    residentBytes: resident.reduce((sum, bytes) => sum + bytes, 0),
    cpuMs: ours.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
  };
}

async function readStats(): Promise<Stat[]> {
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const stats = await Promise.all(
    names.map(async (name): Promise<Stat[]> => {
      const text = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
      // proc(5): after the program's name come state, parent (4) ... utime, stime, and those of ended children (14-17).
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
      const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
      return text === '' ? [] : [{ pid: Number(name), parent: Number(fields[1]), cpuMs: ticks * TICK_MS }];
    }),
  );
  return stats.flat();
}

async function readPss(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
  return Number(/^Pss: +(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1024;
}
