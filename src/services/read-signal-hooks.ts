export { findSignalHook, listSignalHooks } from '../db/stores/signal-hook-store.ts';
export type { SignalHookRow } from '../db/account-rows.ts';
