import { execFile } from 'node:child_process';
import * as fs from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeTemporaryFolder } from '../../support/servers/temporary-folder.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../../', import.meta.url));
const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
/** What a user's project has: nothing of this repository but the packed package. */
let app: string;
let folder: string;
let server: Server;
let url: string;

/** As `npm pack` makes it, with the client built for it alone, so that a `dist` of yesterday proves nothing. */
beforeAll(async () => {
  folder = await makeTemporaryFolder('package');
  const source = path.join(folder, 'source');
  app = path.join(folder, 'app');
  const installed = path.join(app, 'node_modules/sauda');
  await fs.mkdir(source);
  await fs.mkdir(installed, { recursive: true });
  await fs.copyFile(path.join(root, 'package.json'), path.join(source, 'package.json'));
  const out = ['--outDir', path.join(source, 'dist'), '--tsBuildInfoFile', path.join(folder, 'build.info')];
  await compile([path.join(root, 'tsconfig.client.json'), '--emitDeclarationOnly', 'false', ...out]);
  await run('npm', ['pack', '--ignore-scripts', '--offline', '--silent'], { cwd: source });
  const [packed = ''] = (await fs.readdir(source)).filter((name) => name.endsWith('.tgz'));
  await run('tar', ['-xzf', path.join(source, packed), '-C', installed, '--strip-components=1']);
  await fs.writeFile(path.join(app, 'package.json'), '{"type":"module","private":true}');
  const options = {
    ...{ module: 'NodeNext', target: 'ES2023', strict: true, types: ['node'], outDir: 'out', rootDir: '.' },
    typeRoots: [path.join(root, 'node_modules/@types')],
  };
  await fs.writeFile(path.join(app, 'tsconfig.json'), JSON.stringify({ compilerOptions: options }));
  server = createServer((request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ equity: request.headers.authorization }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.close();
  await fs.rm(folder, { recursive: true, force: true });
});

/** The compiler tells what is wrong on standard output. */
async function compile(project: readonly string[]): Promise<void> {
  const failure = await run(process.execPath, [tsc, '-p', ...project]).then(
    () => '',
    (error: unknown) => String(Reflect.get(Object(error) as object, 'stdout')),
  );
  expect(failure).toBe('');
}

it('sauda/client is imported from a packed copy, with its types, and needs nothing else of it', async () => {
  await fs.writeFile(
    path.join(app, 'strategy.ts'),
    `import { type NewOrder, type OrderBody, createClient, isFinished } from 'sauda/client';
const client = createClient({ baseUrl: process.argv[2] ?? '', token: 'of-a-strategy' });
const order: NewOrder = { symbol: 'INFY', exchange: 'NSE', side: 'BUY', quantity: 1, orderType: 'MARKET', product: 'MIS' };
// @ts-expect-error a side is BUY or SELL: were the types not found, nothing would be wrong here
const wrong: NewOrder = { ...order, side: 'HOLD' };
const status: OrderBody['status'] = 'FILLED';
const { equity } = await client.risk();
console.log(equity, isFinished(status), typeof wrong);
`,
  );
  await compile([app]);
  const { stdout } = await run(process.execPath, ['out/strategy.js', url], { cwd: app });
  expect(stdout.trim()).toBe('Bearer of-a-strategy true object');
});

it('nothing of the server can be imported', async () => {
  for (const inner of ['sauda', 'sauda/dist/src/client/client.js', 'sauda/dist/src/cli/main.js']) {
    const code = `import(${JSON.stringify(inner)}).catch((e) => console.log(e.code))`;
    const { stdout } = await run(process.execPath, ['-e', code], { cwd: app });
    expect([inner, stdout.trim()]).toEqual([inner, 'ERR_PACKAGE_PATH_NOT_EXPORTED']);
  }
});
