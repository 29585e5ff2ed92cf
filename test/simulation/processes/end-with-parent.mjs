/**
 * Loaded before a process of the simulation (`--import`): it ends when the simulation does, however that ends. The
 * channel to it closes then; by itself the channel keeps no process running.
 */
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
process.channel?.unref();
