import { runProcess } from '../src/runtime/process.ts';
import { startTelegramAlone } from '../src/runtime/telegram-role.ts';

await runProcess('telegram-bot', (parts, config) => startTelegramAlone(parts, config));
