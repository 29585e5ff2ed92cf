/** A source of numbers in [0, 1). */
export type Random = () => number;

/** One that can begin anew, as with another seed or the same again. */
export type SeededRandom = Random & { readonly reseed: (seed: number) => void };

/** Mulberry32: a small seeded generator. The same seed gives the same market and the same fills. */
export function mulberry32(seed: number): SeededRandom {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  const reseed = (other: number): void => {
    state = other >>> 0;
  };
  return Object.assign(next, { reseed });
}

/** A value near the standard normal distribution (sum of four uniforms), cheap enough for every tick. */
export function gaussian(random: Random): number {
  return (random() + random() + random() + random() - 2) * 1.732;
}
