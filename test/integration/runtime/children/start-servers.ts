/** Starts the servers of a test run, paused when told "paused", says their pids on one line, and lives until it is killed. */
import { startFixedPostgres } from '../../../support/servers/postgres.ts';
import { startTestRedis } from '../../../support/servers/redis.ts';

const [postgres, redis] = await Promise.all([startFixedPostgres(), startTestRedis()]);
if (process.argv[2] === 'paused') {
  await postgres.pause();
  redis?.pause();
}
console.log(JSON.stringify([postgres.pid, ...(redis === null ? [] : [redis.pid()])]));
setInterval(() => undefined, 1_000);
