/** Starts the servers of a test run, says their pids on one line, and lives until it is killed. */
import { startTestPostgres } from '../../../support/servers/postgres.ts';
import { startTestRedis } from '../../../support/servers/redis.ts';

const [postgres, redis] = await Promise.all([startTestPostgres(), startTestRedis()]);
console.log(JSON.stringify([postgres.pid, ...(redis === null ? [] : [redis.pid()])]));
setInterval(() => undefined, 1_000);
