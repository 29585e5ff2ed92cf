/** A client of server-sent events that shows every frame, unlike the SDK. */
export interface SseFrame {
  readonly id: string | null;
  readonly event: string | null;
  readonly data: string | null;
}

export interface Sse {
  readonly response: Response;
  /** The next frame that is not a comment; null when the stream has ended. Throws when the connection breaks. */
  next(): Promise<SseFrame | null>;
  /** Frames with data until one has this number, as [number, data]. */
  until(seq: number): Promise<[number, Record<string, unknown>][]>;
  cancel(): Promise<void>;
}

export async function openSse(url: string, headers: Readonly<Record<string, string>>): Promise<Sse> {
  const gone = new AbortController();
  const response = await fetch(url, { headers, signal: gone.signal });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  const next: Sse['next'] = async () => {
    for (;;) {
      const end = rest.indexOf('\n\n');
      if (end < 0) {
        const { done, value } = await reader.read();
        if (done) return null;
        rest += value;
        continue;
      }
      const frame = rest.slice(0, end);
      rest = rest.slice(end + 2);
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(frame)?.[1] ?? null;
      if (!frame.startsWith(':')) return { id: field('id'), event: field('event'), data: field('data') };
    }
  };
  return {
    response,
    next,
    until: async (seq) => {
      const seen: [number, Record<string, unknown>][] = [];
      while ((seen.at(-1)?.[0] ?? 0) < seq) {
        const frame = await next();
        if (frame === null) throw new Error(`the stream ended before ${seq}`);
        if (frame.event !== null) throw new Error(`the stream ended: ${frame.data ?? ''}`);
        if (frame.data === null) continue;
        seen.push([Number(frame.id), JSON.parse(frame.data) as Record<string, unknown>]);
      }
      return seen;
    },
    cancel: async () => {
      gone.abort();
      await reader.cancel().catch(() => undefined);
    },
  };
}
