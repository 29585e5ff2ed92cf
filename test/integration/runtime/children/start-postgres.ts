/** Starts the private Postgres of argv[2], says what happened on one line, and lives until it is killed. */
import { findPrivatePostgres, startPrivatePostgres } from '../../../../src/runtime/private-postgres.ts';

const dataDir = process.argv[2] ?? '';
const command = process.argv[3] ?? 'hold';
const postgres = await startPrivatePostgres({ dataDir, fast: true });
const { how, pid, port, url, directory } = postgres;
const found = await findPrivatePostgres({ dataDir });
if (command === 'stop') await postgres.stop();
console.log(JSON.stringify({ how, pid, port, url, directory, found: found?.url ?? null }));
if (command === 'hold') setInterval(() => undefined, 1_000);
