/** Loaded before a worker (`--import`): its wall clock is off by SIM_CLOCK_SHIFT_MS, as on a machine without NTP. */
const shiftMs = Number(process.env['SIM_CLOCK_SHIFT_MS'] ?? '0');
const RealDate = globalThis.Date;
const now = () => RealDate.now() + shiftMs;

class ShiftedDate extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(now());
    else super(...args);
  }

  static now() {
    return now();
  }
}

if (shiftMs !== 0) globalThis.Date = ShiftedDate;
