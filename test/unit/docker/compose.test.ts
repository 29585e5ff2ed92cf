import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const compose = readFileSync('docker-compose.yml', 'utf8');

describe('docker-compose.yml', () => {
  it('publishes ports on loopback alone', () => {
    const published = [...compose.matchAll(/ports: \[(.*)\]/g)].flatMap((match) =>
      (match[1] ?? '').split(','),
    );
    expect(published.map((port) => port.trim())).toEqual(["'127.0.0.1:8080:8080'", "'127.0.0.1:8081:8081'"]);
    expect(compose.match(/^ *(ports|network_mode|privileged):/gm)).toHaveLength(1);
  });

  it('keeps the queues safe: append-only, and nothing is ever evicted', () => {
    expect(compose).toMatch(/--appendonly, 'yes'/);
    expect(compose).toMatch(/--maxmemory-policy, noeviction/);
  });

  it('has PostgreSQL 17 with a password of its own, which has no default', () => {
    expect(compose).toContain('image: postgres:17');
    expect(compose).toContain('${POSTGRES_PASSWORD:?');
  });

  it('names only variables that the configuration knows', () => {
    const app = compose.slice(compose.indexOf('  sauda:'), compose.indexOf('\nvolumes:'));
    const names = [...app.matchAll(/^ {6}([A-Z_]+):/gm)].map((match) => match[1] ?? '');
    const known = readFileSync('.env.example', 'utf8');
    expect(names).not.toEqual([]);
    for (const name of names) expect(known).toMatch(new RegExp(`^#?${name}=`, 'm'));
  });
});
