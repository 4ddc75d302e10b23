// Gets JWT-SVIDs, and the keys that verify them, from the identity API, over mTLS with the SVID of the same identity.
import { request } from 'node:https';
import { CellwallError } from '../lib/errors.ts';
import { isWrongServer, readReply } from './client.ts';
import { type ForeignTrust, readForeignTrust } from './foreign-trust.ts';
import { identityPaths, type JwtReply, type JwtRequest } from './identity-protocol.ts';
import { connectAs, type OwnSvid } from './svid-connection.ts';

export interface JwtClientOptions {
  readonly host: string;
  readonly port: number;
  readonly svid: OwnSvid;
  readonly timeoutMs?: number;
}

/** Throws the server's error; `unavailable` if nobody answers, `unauthenticated` if it is not the right one. Default time limit 5 s. */
export async function fetchJwt(options: JwtClientOptions, audience: readonly string[]): Promise<JwtReply> {
  const asked: JwtRequest = { audience };
  const reply: unknown = JSON.parse(await ask(options, identityPaths.jwt, JSON.stringify(asked)));
  if (typeof reply === 'object' && reply !== null && 'token' in reply && 'spiffeId' in reply && 'expiresAt' in reply) {
    const { token, spiffeId, expiresAt } = reply;
    if (typeof token === 'string' && typeof spiffeId === 'string' && typeof expiresAt === 'string') {
      return { token, spiffeId, expiresAt };
    }
  }
  throw new CellwallError('internal', 'the reply is no JWT-SVID');
}

/** A JWK Set, as text. */
export function fetchJwtKeys(options: JwtClientOptions): Promise<string> {
  return ask(options, identityPaths.jwtKeys);
}

/** Of foreign trust domains. */
export async function fetchForeignTrust(options: JwtClientOptions): Promise<readonly ForeignTrust[]> {
  return readForeignTrust(await ask(options, identityPaths.foreign));
}

function ask({ host, port, svid, timeoutMs = 5000 }: JwtClientOptions, path: string, body?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => {
      outgoing.destroy();
      const code = isWrongServer(cause) ? 'unauthenticated' : 'unavailable';
      const told = cause instanceof CellwallError ? cause : undefined;
      reject(told ?? new CellwallError(code, `no answer from the identity API: ${cause.message}`, { cause }));
    };
    const method = body === undefined ? 'GET' : 'POST';
    const headers = { connection: 'close', ...(body !== undefined && { 'content-type': 'application/json' }) };
    const socket = connectAs(svid, { host, port });
    const signal = AbortSignal.timeout(timeoutMs);
    const outgoing = request(
      { createConnection: () => socket, host, port, path, method, headers, signal },
      (response) => readReply(response, resolve, fail),
    );
    outgoing.on('error', fail);
    outgoing.end(body);
  });
}
