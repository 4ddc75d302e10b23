// Client of the identity API, using only node:https: the sidecar's helper must start fast and stay small. The server is trusted by the
// trust domain's root and its exact SPIFFE ID; on first contact the roots are pinned by the token's fingerprints.
import { createPublicKey, type KeyObject } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { createCsr } from '../identity/x509/create-csr.ts';
import { certificateFingerprint } from '../identity/x509/fingerprint.ts';
import { fromPem, toPem } from '../identity/x509/pem.ts';
import { createProof } from '../identity/x509/possession.ts';
import { uriSans } from '../identity/x509/uri-sans.ts';
import { CellwallError } from '../lib/errors.ts';
import { isErrorCode } from '../lib/http-status.ts';
import { type AttestRequest, type IssueReply, identityPaths, type RenewRequest } from './identity-protocol.ts';
import { serverUriOfRoots } from './server-uri.ts';

export interface IdentityClient {
  /** Exchanges evidence for an SVID with `key`; `nodeKey` is the key that the host keeps. */
  attest(params: {
    readonly evidence: AttestRequest['evidence'];
    readonly key: KeyObject;
    readonly nodeKey: KeyObject;
  }): Promise<IssueReply>;
  /** A new SVID with `key`, for the holder of the current one. */
  renew(params: {
    readonly chain: string;
    readonly currentKey: KeyObject;
    readonly key: KeyObject;
  }): Promise<IssueReply>;
}

export interface IdentityClientOptions {
  readonly host: string;
  readonly port: number;
  /** PEM of the roots that are trusted. */
  readonly roots: string;
  /** The SPIFFE ID of the server. Default: derived from the trust domain that the roots name. */
  readonly serverId?: string | undefined;
  /** What is issued counts once this host says that it is in use (identity-protocol.ts). */
  readonly confirmed?: boolean;
  readonly timeoutMs?: number;
  /** Aborts what is in progress. */
  readonly signal?: AbortSignal | undefined;
}

const maxReplyBytes = 1_048_576;

/** Errors that the server reports are thrown with its code and hint. Default time limit 5 s. */
export function createIdentityClient(options: IdentityClientOptions): IdentityClient {
  const { host, port, roots, timeoutMs = 5000, signal, serverId: expected = serverUriOfRoots(roots) } = options;
  const confirmed = options.confirmed === true ? ({ confirmed: true } as const) : {};
  const post = async (path: string, body: AttestRequest | RenewRequest): Promise<IssueReply> =>
    parseReply(
      await exchange({ host, port, path, body: JSON.stringify(body), timeoutMs, signal, trust: { roots, expected } }),
    );
  return {
    attest({ evidence, key, nodeKey }) {
      const csr = createCsr(key);
      return post(identityPaths.attest, {
        evidence,
        csr,
        nodeKey: createPublicKey(nodeKey).export({ format: 'der', type: 'spki' }).toString('base64url'),
        proof: createProof('attest', derOf(csr), nodeKey),
        ...confirmed,
      });
    },
    renew({ chain, currentKey, key }) {
      const csr = createCsr(key);
      const proof = createProof('renew', derOf(csr), currentKey);
      return post(identityPaths.renew, { chain, csr, proof, ...confirmed });
    },
  };
}

/**
 * The root certificates with those fingerprints, as PEM, from a server that is not trusted yet. Only what is pinned is accepted: anything
 * else that came over this connection may be an impostor's.
 */
export async function fetchPinnedRoots(
  { host, port, timeoutMs = 5000, signal }: Omit<IdentityClientOptions, 'roots' | 'serverId'>,
  fingerprints: readonly string[],
): Promise<string> {
  const bundle = await exchange({ host, port, path: identityPaths.bundle, timeoutMs, signal });
  const roots = fromPem(bundle, 'CERTIFICATE').filter((der) => fingerprints.includes(certificateFingerprint(der)));
  if (roots.length > 0) return roots.map((root) => toPem(root, 'CERTIFICATE')).join('');
  throw new CellwallError('unauthenticated', `${host}:${port} does not have a root that the join token names`, {
    hint: 'check the address; if the control plane was made anew, make a new token: cellwall token create',
  });
}

interface Exchange {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly body?: string;
  /** Absent: the server is not verified (first contact only). */
  readonly trust?: { readonly roots: string; readonly expected: string };
}

function exchange({ host, port, path, timeoutMs, signal, body, trust }: Exchange): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => {
      const reason = cause instanceof CellwallError ? cause : unreachable(host, port, cause);
      reject(reason);
    };
    const outgoing = request(
      {
        host,
        port,
        path,
        method: body === undefined ? 'GET' : 'POST',
        agent: false,
        minVersion: 'TLSv1.3',
        signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal === undefined ? [] : [signal])]),
        headers:
          body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        ...(trust === undefined
          ? // No `ca` at all would load the public web's roots: 20 ms for nothing.
            { rejectUnauthorized: false, ca: [] }
          : {
              ca: trust.roots,
              // Instead of the host name: the exact SPIFFE ID (X509-SVID §5.2). The chain is verified as well.
              checkServerIdentity: (_name: string, { raw }: { readonly raw: Buffer }) =>
                wrongServer(raw, trust.expected),
            }),
      },
      (response) => readReply(response, resolve, fail),
    );
    outgoing.on('error', fail);
    outgoing.end(body);
  });
}

/** The body of a reply with status 200; anything else is an error reported by the identity API. */
export function readReply(
  response: IncomingMessage,
  resolve: (text: string) => void,
  fail: (reason: Error) => void,
): void {
  const chunks: Buffer[] = [];
  let size = 0;
  response.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > maxReplyBytes) response.destroy(new CellwallError('resource_exhausted', 'the reply is too large'));
    else chunks.push(chunk);
  });
  response.on('error', fail);
  response.on('end', () => {
    const text = Buffer.concat(chunks).toString('utf8');
    if (response.statusCode === 200) resolve(text);
    else fail(errorOf(response.statusCode ?? 0, text));
  });
}

function wrongServer(raw: Buffer, expected: string): CellwallError | undefined {
  const names = uriSans(raw);
  if (names.length === 1 && names[0] === expected) return undefined;
  return new CellwallError('unauthenticated', `the server is not ${expected}`, { hint: 'check the address' });
}

function derOf(csr: string): Buffer {
  const [der] = fromPem(csr, 'CERTIFICATE REQUEST', 1);
  if (der === undefined) throw new CellwallError('internal', 'an empty certificate request');
  return der;
}

function parseReply(text: string): IssueReply {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null) throw new CellwallError('internal', 'the reply is no JSON object');
  const field = (name: string): string => {
    const found: unknown = Object.getOwnPropertyDescriptor(value, name)?.value;
    if (typeof found === 'string') return found;
    throw new CellwallError('internal', `the reply lacks "${name}"`);
  };
  return {
    spiffeId: field('spiffeId'),
    chain: field('chain'),
    bundle: field('bundle'),
    ...('sequence' in value && typeof value.sequence === 'number' ? { sequence: value.sequence } : {}),
    notAfter: field('notAfter'),
    renewAt: field('renewAt'),
  };
}

/** The error that the identity API sent instead of an answer. */
export function errorOf(status: number, text: string): CellwallError {
  try {
    const { code, message, hint }: { code?: unknown; message?: unknown; hint?: unknown } = JSON.parse(text);
    if (isErrorCode(code) && typeof message === 'string') {
      return new CellwallError(code, message, typeof hint === 'string' ? { hint } : {});
    }
  } catch {
    // Not this API's error: reported by its status below.
  }
  return new CellwallError('unavailable', `the identity API answered with HTTP status ${status}`);
}

/** Whether the server is there, but is not the right one: by OpenSSL's verification results, as Node names them. */
export function isWrongServer(cause: Error): boolean {
  if (cause instanceof CellwallError) return cause.code === 'unauthenticated';
  return 'code' in cause && typeof cause.code === 'string' && /CERT|ISSUER|CHAIN|CA_|SIGNATURE/.test(cause.code);
}

function unreachable(host: string, port: number, cause: Error): CellwallError {
  const late = cause.name === 'TimeoutError' || cause.name === 'AbortError';
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') {
    return new CellwallError('unavailable', `${host}:${port} has a certificate that is not valid now (${code})`, {
      hint: 'compare the clocks of this host and the control plane',
      cause,
    });
  }
  if (isWrongServer(cause)) {
    return new CellwallError('unauthenticated', `${host}:${port} has no certificate of the trusted root (${code})`, {
      hint:
        'check the address; if its root was replaced, or it was made anew, the roots known here are old: ' +
        'make a new token (cellwall token create), or give its present roots with --trust-bundle',
      cause,
    });
  }
  return new CellwallError(
    late ? 'deadline_exceeded' : 'unavailable',
    `no answer from the identity API at ${host}:${port}: ${late ? 'timeout' : cause.message}`,
    { hint: 'check the address, and that the control plane runs', cause },
  );
}
