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
}

/** Whatever its status is. */
export interface BoundedAnswer {
  readonly status: number;
  /** As it was sent. */
  readonly contentType: string | undefined;
  readonly text: string;
}

const mostBytes = 262_144;

/**
 * The answer's text. Throws `unavailable` if nobody answers, or it says that it cannot now (429, 5xx); `failed_precondition` with its
 * status otherwise: permissions and configuration do not mend themselves, but may be mended.
 */
export async function boundedCall(call: BoundedCall): Promise<string> {
  const { status, text } = await boundedAnswer(call);
  if (status >= 200 && status < 300) return text;
  if (status === 429 || status >= 500) throw failed(call, `HTTP status ${status}`);
  throw failed(call, `HTTP status ${status}`, 'failed_precondition', hintFor(status));
}

/** The same for a caller who reads refusals, too. Throws `unavailable` if nobody answers. */
export function boundedAnswer(call: BoundedCall): Promise<BoundedAnswer> {
  const { url, method = 'GET', headers = {}, body, ca, identify, timeoutMs = 10_000 } = call;
  const { protocol } = new URL(url);
  const request = protocol === 'https:' ? requestTls : requestPlain;
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => reject(failed(call, why));
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const asked = request(
      url,
      {
        method,
        headers: { ...headers, ...length },
        agent: false,
        signal: AbortSignal.timeout(timeoutMs),
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
          resolve({ status: response.statusCode ?? 0, contentType: response.headers['content-type'], text });
        });
      },
    );
    asked.on('error', ({ name, message }) => fail(name === 'TimeoutError' ? 'no answer in time' : message));
    asked.end(body);
  });
}

function failed({ who, url }: BoundedCall, why: string, code: ErrorCode = 'unavailable', hint?: string): CellwallError {
  return new CellwallError(code, `${who} at ${new URL(url).origin}: ${why}`, hint === undefined ? {} : { hint });
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
