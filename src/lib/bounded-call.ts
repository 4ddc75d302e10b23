// A call to somebody else's HTTP service: within a time, with an answer of bounded size, without redirects. What it answers is verified by
// whoever asks, and never printed when it is an error.
import { request as requestPlain } from 'node:http';
import { request as requestTls } from 'node:https';
import { CellwallError, type ErrorCode } from './errors.ts';

export interface BoundedCall {
  /** Who is called, as in `the CA`. */
  readonly who: string;
  readonly url: string;
  readonly method?: 'GET' | 'POST' | 'PUT';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** PEM. Default: the system's roots. */
  readonly ca?: string;
  /** With `ca`: looks at the server's certificate (DER) in place of its host name, and throws to refuse it. */
  readonly identify?: (certificate: Buffer) => void;
  readonly timeoutMs?: number;
  /** Ends it earlier. */
  readonly signal?: AbortSignal;
}

/** Whatever its status is. */
export interface BoundedAnswer {
  readonly status: number;
  /** As it was sent. */
  readonly contentType: string | undefined;
  /** Its `Retry-After`, as it was sent. */
  readonly retryAfter: string | undefined;
  readonly text: string;
}

/** It answered, and with no success. */
export class RefusedCall extends CellwallError {
  readonly status: number;
  /** When it wants to be asked again, milliseconds from now: up to five minutes. */
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, { status, retryAfterMs, hint }: RefusedWith) {
    super(code, message, hint === undefined ? {} : { hint });
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

interface RefusedWith {
  readonly status: number;
  readonly retryAfterMs: number | undefined;
  readonly hint?: string;
}

const mostRetryAfterMs = 300_000;

const mostBytes = 262_144;

/**
 * The answer's text. Throws `unavailable` if nobody answers, or it says that it cannot now (429, 5xx); `failed_precondition` with its
 * status otherwise: permissions and configuration do not mend themselves, but may be mended. If it answered, the error is a `RefusedCall`.
 */
export async function boundedCall(call: BoundedCall): Promise<string> {
  const { status, text, retryAfter } = await boundedAnswer(call);
  if (status >= 200 && status < 300) return text;
  const [message, retryAfterMs] = [said(call, `HTTP status ${status}`), readRetryAfter(retryAfter)];
  if (status === 429 || status >= 500) throw new RefusedCall('unavailable', message, { status, retryAfterMs });
  throw new RefusedCall('failed_precondition', message, { status, retryAfterMs, hint: hintFor(status) });
}

/** The same for a caller who reads refusals, too. Throws `unavailable` if nobody answers. */
export function boundedAnswer(call: BoundedCall): Promise<BoundedAnswer> {
  const { url, method = 'GET', headers = {}, body, ca, identify, timeoutMs = 10_000, signal } = call;
  const over = AbortSignal.timeout(timeoutMs);
  const { protocol } = new URL(url);
  const request = protocol === 'https:' ? requestTls : requestPlain;
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => reject(new CellwallError('unavailable', said(call, why)));
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const asked = request(
      url,
      {
        method,
        headers: { ...headers, ...length },
        agent: false,
        signal: signal === undefined ? over : AbortSignal.any([over, signal]),
        ...(ca && { ca }),
        ...(identify && identifiedBy(identify)),
      },
      (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > mostBytes) response.destroy(new Error('the answer is too large'));
          else chunks.push(chunk);
        });
        response.on('error', ({ message }) => fail(message));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          const { 'content-type': contentType, 'retry-after': retryAfter } = response.headers;
          resolve({ status: response.statusCode ?? 0, contentType, retryAfter, text });
        });
      },
    );
    asked.on('error', (reason) => fail(wordsOf(reason)));
    asked.end(body);
  });
}

/** What a wrong port or scheme looks like is not told in the words of parsers. */
function wordsOf({ name, message, ...more }: Error): string {
  if (name === 'TimeoutError') return 'no answer in time';
  const code = 'code' in more ? String(more.code) : '';
  if (code.startsWith('HPE_'))
    return 'no HTTP/1.1 there: is that a port for gRPC (4317, say; 4318 is for HTTP), or for TLS?';
  if (code === 'EPROTO' && message.includes('wrong version number'))
    return 'no TLS there: is http:// meant, or another port?';
  return message;
}

function said({ who, url }: BoundedCall, why: string): string {
  return `${who} at ${new URL(url).origin}: ${why}`;
}

/** Seconds, or a date (RFC 9110, §10.2.3). */
function readRetryAfter(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return ms >= 0 ? Math.min(ms, mostRetryAfterMs) : undefined;
}

function identifiedBy(identify: (certificate: Buffer) => void) {
  return {
    minVersion: 'TLSv1.2',
    // A root of a trust domain need not be signed by itself (X509-SVID §6.1).
    allowPartialTrustChain: true,
    checkServerIdentity: (_host: string, { raw }: { readonly raw: Buffer }): Error | undefined => {
      try {
        identify(raw);
        return undefined;
      } catch (reason) {
        return CellwallError.from(reason);
      }
    },
  } as const;
}

function hintFor(status: number): string {
  if (status === 401 || status === 403)
    return 'its credentials were refused: are they right, and do they allow this call?';
  if (status === 404) return 'is the address right, and the names in it?';
  return 'its own log says why';
}
