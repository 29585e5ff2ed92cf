export * from './accounts.ts';
export * from './market.ts';
export * from './operations.ts';
export * from './orders.ts';
export * from './positions.ts';
export * from './protection.ts';
export * from './views.ts';
export * from './chat.ts';
