/**
 * Prices and values inside the exchange are whole paise in safe integers: exact, and cheap on the matching path.
 * NSE and NFO quote no finer than a paisa. Only the wire sees rupees.
 */
export type Paise = number;

const PLAIN = /^(\d{1,10})(?:\.(\d{1,8}))?$/;

/** Paise of a plain decimal text in rupees; null when it is no number, 'fine' when finer than a paisa. */
export function parsePaise(text: string): Paise | 'fine' | null {
  const match = PLAIN.exec(text);
  if (match === null) return null;
  const fraction = (match[2] ?? '').padEnd(2, '0');
  if (/[1-9]/.test(fraction.slice(2))) return 'fine';
  return Number(match[1]) * 100 + Number(fraction.slice(0, 2));
}

/** Rupees as Kite's JSON writes them: the double nearest to the exact decimal. */
export function rupees(paise: Paise): number {
  return paise / 100;
}

/** "2450.00" */
export function rupeesText(paise: Paise): string {
  return (paise / 100).toFixed(2);
}

/** "0.05", "0.5", "10": as prices appear inside Kite's messages. */
export function shortRupees(paise: Paise): string {
  return String(paise / 100);
}

/** Average in rupees to four places of `value` paise over `quantity`; 0 when there is none. */
export function averageRupees(value: Paise, quantity: number): number {
  return quantity === 0 ? 0 : Math.round((value * 100) / quantity) / 10_000;
}
