import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';

interface Service {
  readonly image?: string;
  readonly build?: string;
  readonly command?: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly restart?: string;
  readonly stop_grace_period?: string;
  readonly network_mode?: string;
  readonly privileged?: boolean;
}
interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

const TEXT = readFileSync('docker-compose.yml', 'utf8');
const compose = parse(TEXT, { merge: true }) as Compose;
const KINDS = readdirSync('workers')
  .map((file) => file.replace(/\.ts$/, ''))
  .filter((name) => name !== 'all');
const SERVERS = ['postgres', 'redis'];
const ours = Object.entries(compose.services).filter(([name]) => !SERVERS.includes(name));

describe('docker-compose.yml', () => {
  it('has one service for each kind of worker, which runs it, and no other', () => {
    expect(ours.map(([name]) => name).sort()).toEqual([...KINDS].sort());
    for (const [name, service] of ours) {
      expect(service.command).toEqual(['node', `dist/workers/${name}.js`]);
      expect(service.build).toBe('.');
    }
  });

  it('asks every service how it is, starts it again, and gives it time to end', () => {
    for (const [name, service] of Object.entries(compose.services)) {
      expect(service.healthcheck?.test.length, name).toBeGreaterThan(1);
      expect(service.restart, name).toBe('unless-stopped');
    }
    for (const [name, service] of ours) expect(service.stop_grace_period, name).toBe('10s');
  });

  it('asks each process at a port that it serves', () => {
    for (const [name, { healthcheck, environment }] of ours) {
      const port = /127\.0\.0\.1:(\d+)/.exec(healthcheck?.test.join(' ') ?? '')?.[1];
      const served = { api: '8080', 'paper-exchange': '8081' }[name] ?? String(environment?.['METRICS_PORT']);
      expect(port, name).toBe(served);
    }
  });

  it.each([...new Set(ours.map(([, { healthcheck }]) => healthcheck?.test.join('\n') ?? ''))])(
    'asks so that an answer is health, and trouble or no answer is not: %#',
    async (question) => {
      const [kind, program, ...args] = question.split('\n');
      expect([kind, program]).toEqual(['CMD', 'node']);
      let status = 200;
      const server = createServer((_request, response) => response.writeHead(status).end());
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      const ask = async (): Promise<number | null> => {
        const here = args.map((arg) => arg.replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${port}`));
        const child = spawn(process.execPath, here, { stdio: 'ignore' });
        await once(child, 'exit');
        return child.exitCode;
      };
      expect(await ask()).toBe(0);
      status = 503;
      expect(await ask()).toBe(1);
      await new Promise((resolve) => server.close(resolve));
      expect(await ask()).toBe(1);
    },
  );

  it('waits for the servers, and keeps what must outlive a container in volumes that it names', () => {
    for (const [name, service] of ours.filter(([one]) => one !== 'paper-exchange')) {
      expect(service.depends_on, name).toEqual({
        postgres: { condition: 'service_healthy' },
        redis: { condition: 'service_healthy' },
      });
    }
    const used = Object.values(compose.services).flatMap(({ volumes = [] }) => volumes);
    expect(used).toHaveLength(Object.keys(compose.services).length);
    const names = new Set(used.map((volume) => volume.split(':')[0] ?? ''));
    expect([...names].sort()).toEqual(Object.keys(compose.volumes).sort());
  });

  it('publishes ports on loopback alone', () => {
    const published = Object.values(compose.services).flatMap(({ ports = [] }) => ports);
    expect(published).toEqual(['127.0.0.1:8080:8080', '127.0.0.1:8081:8081']);
    for (const { network_mode, privileged } of Object.values(compose.services)) {
      expect([network_mode, privileged]).toEqual([undefined, undefined]);
    }
  });

  it('keeps the queues safe: append-only, and nothing is ever evicted', () => {
    const command = compose.services['redis']?.command?.join(' ');
    expect(command).toContain('--appendonly yes');
    expect(command).toContain('--maxmemory-policy noeviction');
  });

  it('has PostgreSQL 17 with a password of its own, which has no default', () => {
    expect(compose.services['postgres']?.image).toMatch(/^postgres:17/);
    expect(compose.services['postgres']?.environment?.['POSTGRES_PASSWORD']).toMatch(
      /^\$\{POSTGRES_PASSWORD:\?/,
    );
  });

  it('names only variables that the configuration knows', () => {
    const known = readFileSync('.env.example', 'utf8');
    const names = new Set(ours.flatMap(([, { environment }]) => Object.keys(environment ?? {})));
    expect(names.size).toBeGreaterThan(5);
    for (const name of names) expect(known).toMatch(new RegExp(`^#?${name}=`, 'm'));
  });
});

describe('the units of systemd', () => {
  const unit = (name: string) => readFileSync(`deploy/systemd/${name}`, 'utf8');

  it('run what the build makes, end it as a signal does, and give it more time than it takes', () => {
    expect(unit('sauda.service')).toContain('dist/workers/all.js');
    expect(unit('sauda@.service')).toContain('dist/workers/%i.js');
    for (const text of [unit('sauda.service'), unit('sauda@.service')]) {
      expect(text).toMatch(/^KillSignal=SIGTERM$/m);
      expect(text).toMatch(/^TimeoutStopSec=10$/m);
      expect(text).toMatch(/^NoNewPrivileges=yes$/m);
      expect(text).toMatch(/^EnvironmentFile=/m);
    }
  });

  it('start each kind that needs nothing special; the bot and the exchange are for whoever wants them', () => {
    const named = [...unit('sauda.target').matchAll(/sauda@([a-z-]+)\.service/g)].map(([, kind]) => kind);
    const chosen = KINDS.filter((kind) => kind !== 'telegram-bot' && kind !== 'paper-exchange');
    expect(named.sort()).toEqual(chosen.sort());
  });

  const VERIFIER = '/usr/bin/systemd-analyze';
  it.skipIf(!existsSync(VERIFIER))('are understood by systemd, every line of them', () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'sauda-units-'));
    onTestFinished(() => {
      rmSync(folder, { recursive: true, force: true });
    });
    for (const name of readdirSync('deploy/systemd')) {
      // The program of this machine, which the verifier wants to find.
      const text = unit(name).replace('/usr/bin/node', process.execPath);
      writeFileSync(path.join(folder, name), text);
    }
    const units = ['sauda.service', 'sauda@api.service', 'sauda.target'].map((name) =>
      path.join(folder, name),
    );
    const verdict = spawnSync(VERIFIER, ['verify', '--man=no', ...units], { encoding: 'utf8' });
    expect(verdict.status, verdict.stderr).toBe(0);
    // Of other units on this machine it may complain.
    expect(verdict.stderr.split('\n').filter((line) => line.includes('sauda'))).toEqual([]);
  });
});
