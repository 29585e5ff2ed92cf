import { ApiProblem, fieldProblem } from './problem.ts';
import { parseStrictJson } from './strict-json.ts';

/** Bytes of the largest body that is read (api.md). */
export const MAX_BODY_BYTES = 65_536;

/** A service that says text of what is JSON. */
const TEXT_TYPE = /^text\/plain\s*(;\s*charset\s*=\s*"?utf-?8"?\s*)?$/i;
const JSON_TYPE = /^application\/json\s*(;\s*charset\s*=\s*"?utf-?8"?\s*)?$/i;

/**
 * The parsed JSON of a request; throws ApiProblem on anything that is not one I-JSON document of fair size. Where a
 * body may be left out, nothing at all is undefined, whatever type the headers say that it has.
 */
export async function readJsonBody(
  request: Request,
  { mayBeLeftOut, mayBeText = false }: { readonly mayBeLeftOut: boolean; readonly mayBeText?: boolean },
): Promise<unknown> {
  const early = mayBeLeftOut ? await readBytes(request) : null;
  if (early?.byteLength === 0) return undefined;
  checkMediaType(request.headers, mayBeText);
  const bytes = early ?? (await readBytes(request));
  const parsed = parseStrictJson(decode(bytes));
  if (parsed.ok) return parsed.value;
  const { pointer, code, message } = parsed.error;
  throw new ApiProblem(code === 'UNKNOWN_FIELD' ? 'INVALID_BODY' : 'BAD_JSON', {
    errors: [fieldProblem(pointer, code, message)],
  });
}

const FORM_TYPE = /^application\/x-www-form-urlencoded\s*(;\s*charset\s*=\s*"?utf-?8"?\s*)?$/i;

/** The fields of a form that a page sent; throws ApiProblem on another type or size. */
export async function readForm(request: Request): Promise<URLSearchParams> {
  if (!FORM_TYPE.test(request.headers.get('content-type')?.trim() ?? '')) {
    throw new ApiProblem('UNSUPPORTED_MEDIA_TYPE', { detail: 'This takes a form.' });
  }
  return new URLSearchParams(decode(await readBytes(request)));
}

function checkMediaType(headers: Headers, mayBeText: boolean): void {
  const encoding = headers.get('content-encoding');
  if (encoding !== null && encoding.trim().toLowerCase() !== 'identity') {
    throw new ApiProblem('UNSUPPORTED_MEDIA_TYPE', { headers: { 'accept-encoding': 'identity' } });
  }
  const type = headers.get('content-type')?.trim() ?? '';
  if (!JSON_TYPE.test(type) && !(mayBeText && TEXT_TYPE.test(type))) {
    throw new ApiProblem('UNSUPPORTED_MEDIA_TYPE', { headers: { accept: 'application/json' } });
  }
}

/** Never holds more than the limit and one chunk, whatever Content-Length says. */
export async function readBytes(request: Request): Promise<Uint8Array> {
  const declared = Number(request.headers.get('content-length') ?? 0);
  if (declared > MAX_BODY_BYTES) throw tooLarge();
  const reader = request.body?.getReader();
  if (reader === undefined) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await readChunk(reader);
    if (done) return Buffer.concat(chunks);
    size += value.byteLength;
    if (size > MAX_BODY_BYTES) throw tooLarge();
    chunks.push(value);
  }
}

async function readChunk(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<
  { readonly done: true; readonly value?: undefined } | { readonly done: false; readonly value: Uint8Array }
> {
  try {
    const chunk = await reader.read();
    return chunk.done ? { done: true } : { done: false, value: chunk.value };
  } catch {
    throw new ApiProblem('BAD_JSON', { detail: 'The body was cut off.' });
  }
}

function tooLarge(): ApiProblem {
  return new ApiProblem('BODY_TOO_LARGE', { detail: `A body may have ${MAX_BODY_BYTES} bytes at most.` });
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new ApiProblem('BAD_JSON', { detail: 'The body is not valid UTF-8.' });
  }
}
