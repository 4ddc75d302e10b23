// One request to the admin API, and who is at the other end. Over port or socket the server first proves that it knows the token
// (proof.ts), which is never sent; over https:// a certificate proves the server, and the token is sent as a bearer token, or an SVID
// proves the client.
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { type RequestOptions as HttpsOptions, request as startRequest } from 'node:https';
import type { ConnectionOptions } from 'node:tls';
import { CellwallError } from '../lib/errors.ts';
import { isLoopback } from '../lib/loopback.ts';
import { checkSocket } from './admin-socket.ts';
import { proofIdentity, proofKey, proofTls } from './proof.ts';
import { type SvidCredential, svidTls } from './svid-tls.ts';
import { type TokenSource, tokenRefused } from './token-refused.ts';

export interface Exchange {
  /** For messages. */
  readonly host: string;
  send(
    method: 'GET' | 'POST',
    path: string,
    body?: object,
  ): Promise<{ readonly status: number; readonly text: string }>;
}

export interface ExchangeOptions {
  readonly url: string;
  readonly credential: Credential;
  /** For one request without a body; large ones get more time. */
  readonly timeoutMs: number;
  /** Of W3C Trace Context: what is done is a part of that. */
  readonly traceparent?: string;
  /** Called every now and then while waiting for an answer. */
  readonly onWait?: (waited: Waited) => void;
}

export interface Waited {
  readonly ms: number;
  /** Size of what was sent. */
  readonly bytes: number;
}

export type Credential =
  | ({ readonly kind: 'token' } & TokenSource)
  /** For https:// only. */
  | ({ readonly kind: 'svid' } & SvidCredential);

/** The agent passes on what TLS accepts, although its types do not say so. */
type RequestOptions = HttpsOptions & Pick<ConnectionOptions, 'pskCallback'>;

type Target =
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'port'; readonly host: string; readonly port: number; readonly certified: boolean };

/** Documents are read, judged, written and pushed: the more there are, the longer it takes. */
const msPerMiB = 20_000;
const firstWaitMs = 1000;
const waitMs = 5000;
const maxAnswerBytes = 64 * 1024 * 1024;

/** Throws `invalid_argument` for an SVID that is not used with https://. */
export function createExchange({ url, credential, timeoutMs, traceparent, onWait }: ExchangeOptions): Exchange {
  const { target, host } = readAddress(url);
  const isCertified = target.kind === 'port' && target.certified;
  if (credential.kind === 'svid' && !isCertified) {
    throw new CellwallError('invalid_argument', `an SVID is not a credential at ${host}: it is for TLS`, {
      hint: 'use --admin https://HOST:PORT, the --admin-tls-listen of that control plane; or a token instead of --admin-svid',
    });
  }
  const [tls, bearer] = wayOf(credential, isCertified);
  return {
    host,
    async send(method, path, body) {
      if (target.kind === 'socket') checkSocket(target.path);
      const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
      const bytes = payload?.length ?? 0;
      const ms = timeoutMs + Math.round((bytes / 1_048_576) * msPerMiB);
      const signal = AbortSignal.timeout(ms);
      const options: RequestOptions = {
        ...(target.kind === 'socket' ? { socketPath: target.path } : { host: target.host, port: target.port }),
        ...tls,
        ...{ method, path, signal, agent: false },
        headers: {
          accept: 'application/json',
          ...bearer,
          ...(traceparent === undefined ? {} : { traceparent }),
          ...(payload === undefined ? {} : { 'content-type': 'application/json', 'content-length': payload.length }),
        },
      };
      const progress = onWait === undefined ? undefined : tellWhileWaiting(bytes, onWait);
      // Nothing is sent before the peer has proved itself.
      let arrived = false;
      try {
        return await exchanged(options, payload, () => {
          arrived = true;
        });
      } catch (cause) {
        const hint = method === 'POST' && arrived ? mayBeDone(path) : undefined;
        if (signal.aborted) {
          const told = `${host} did not answer within ${Math.round(ms / 1000)} s`;
          throw new CellwallError('deadline_exceeded', told, { hint: hint ?? 'see its log: is it busy?', cause });
        }
        const why = failure(host, credential, cause);
        if (hint === undefined || why.code !== 'unavailable') throw why;
        throw new CellwallError('unavailable', `${host} closed the connection before it answered`, { hint, cause });
      } finally {
        progress?.();
      }
    },
  };
}

/** What the handshake shows or proves, and the matching header. */
function wayOf(credential: Credential, isCertified: boolean): readonly [RequestOptions, OutgoingHttpHeaders] {
  if (credential.kind === 'svid') return [svidTls(credential), {}];
  const { token } = credential;
  if (isCertified) return [{ minVersion: 'TLSv1.2' }, { authorization: `Bearer ${token.reveal()}` }];
  const proof: RequestOptions = {
    ...proofTls,
    pskCallback: () => ({ psk: proofKey(token), identity: proofIdentity(token) }),
    // No certificate, so no name in it: the key is the proof.
    checkServerIdentity: () => undefined,
  };
  return [proof, {}];
}

async function exchanged(
  options: RequestOptions,
  payload: Buffer | undefined,
  connected: () => void,
): Promise<{ readonly status: number; readonly text: string }> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = startRequest(options, resolve);
    request.on('error', reject);
    request.once('socket', (socket) => socket.once('secureConnect', connected));
    request.end(payload);
  });
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxAnswerBytes) {
      throw new CellwallError('resource_exhausted', `the answer is larger than ${maxAnswerBytes / 1_048_576} MiB`, {
        hint: 'is it a control plane? check the address given with --admin (CELLWALL_ADMIN)',
      });
    }
    chunks.push(chunk);
  }
  return { status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') };
}

/** The answer ends it. */
function tellWhileWaiting(bytes: number, tell: (waited: Waited) => void): () => void {
  const since = performance.now();
  const next = (ms: number): NodeJS.Timeout =>
    setTimeout(() => {
      tell({ ms: performance.now() - since, bytes });
      timer = next(waitMs);
    }, ms);
  let timer = next(firstWaitMs);
  return () => clearTimeout(timer);
}

/** It is unknown whether the request was executed: where to look. */
function mayBeDone(path: string): string | undefined {
  if (path === '/v1/diff' || path === '/v1/simulate') return undefined;
  return path === '/v1/apply' || path === '/v1/rollback'
    ? 'unless it was a dry run, the change may be in force, or may still come into force: "cellwall history" ' +
        'shows whether it is; repeating the same apply does no harm'
    : 'it may have been done: "cellwall audit" shows whether it was';
}

function failure(host: string, credential: Credential, cause: unknown): CellwallError {
  if (cause instanceof CellwallError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : message;
  // What a server says, or how it fails, if it has a different key.
  if (credential.kind === 'token' && /bad record mac|decrypt error|unknown psk identity/i.test(message)) {
    return tokenRefused(host, credential, cause);
  }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL')) {
    return new CellwallError('unavailable', `${host} is not an admin API: it does not prove that it knows the token`, {
      hint: 'check which program listens there; the token was not sent. Is "cellwall serve" running, and is this its --admin-listen?',
      cause,
    });
  }
  return new CellwallError('unavailable', `cannot reach the control plane at ${host} (${code})`, {
    hint: 'start it with "cellwall serve", or name its admin address with --admin (CELLWALL_ADMIN)',
    cause,
  });
}

function readAddress(text: string): { readonly target: Target; readonly host: string } {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length);
    return { target: { kind: 'socket', path }, host: path };
  }
  if (!text.includes('://') && !/^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):\d{1,5}$/.test(text)) {
    throw new CellwallError('invalid_argument', `not host:port: ${JSON.stringify(text)}`, {
      hint:
        '--admin (CELLWALL_ADMIN) is the address of an admin API, as in 127.0.0.1:18080, unix:/path/admin.sock or ' +
        'https://cellwall.example:18080',
    });
  }
  const url = URL.parse(text.includes('://') ? text : `http://${text}`);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new CellwallError('invalid_argument', `not an address of an admin API: ${text}`, {
      hint: 'as in 127.0.0.1:18080, unix:/path/admin.sock or https://cellwall.example:18080',
    });
  }
  const host = url.hostname.replaceAll(/[[\]]/g, '');
  const certified = url.protocol === 'https:';
  if (!certified && !isLoopback(host)) {
    throw new CellwallError('invalid_argument', `the token is not sent to ${url.host} without TLS`, {
      hint: 'use https://, or run the command on the host of the control plane, or through a tunnel to it (ssh -L)',
    });
  }
  const port = url.port === '' ? (certified ? 443 : 80) : Number(url.port);
  return { target: { kind: 'port', host, port, certified }, host: url.host };
}
