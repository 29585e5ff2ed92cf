import { describe, expect, test } from 'vitest';
import { parsePostmasterFile } from '../../../src/runtime/private-postgres/cluster.ts';

const RUNNING = [
  '4711',
  '/data/postgres',
  '1795000000',
  '43279',
  '',
  '127.0.0.1',
  '  5432001   32768',
  'ready   ',
  '',
];

describe('postmaster.pid', () => {
  test('of a serving server gives its pid and port', () => {
    expect(parsePostmasterFile(RUNNING.join('\n'))).toEqual({ pid: 4711, port: 43279, ready: true });
  });

  test('of a server that still starts is not ready', () => {
    const lines = RUNNING.with(7, 'starting');
    expect(parsePostmasterFile(lines.join('\n'))).toEqual({ pid: 4711, port: 43279, ready: false });
  });

  test('written only in part gives what is there', () => {
    expect(parsePostmasterFile('4711\n/data/postgres\n')).toEqual({ pid: 4711, port: null, ready: false });
  });

  test.each(['', 'not a pid\n', '-1\n', '0\n'])('with first line %j names no server', (text) => {
    expect(parsePostmasterFile(text)).toBeNull();
  });
});
