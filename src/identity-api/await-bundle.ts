// Waits at the identity API for the roots of the trust domain to change, over mTLS with the proxy's SVID.
import { request } from 'node:https';
import { inUseQuery, type SaidInUse } from '../identity/roots/said-in-use.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import { readReply } from './client.ts';
import { type BundleReply, identityPaths } from './identity-protocol.ts';
import { readOrder } from './log-levels-order.ts';
import { connectAs, type OwnSvid } from './svid-connection.ts';

export interface AwaitBundle {
  readonly host: string;
  readonly port: number;
  readonly svid: OwnSvid;
  /** The answer is a bundle newer than that. */
  readonly after: number;
  /** What this host has: a root is not replaced before the new one is there. */
  readonly said?: SaidInUse;
  /** Ends the wait. */
  readonly signal: AbortSignal;
}

/** A stalled connection is handled by the kernel's keep-alive: a peer that vanished is noticed. */
const keepAliveMs = 30_000;

/** Throws the server's error, `aborted` if the wait was ended, and `unavailable` if the connection was lost. */
export async function awaitBundle({
  host,
  port,
  svid,
  after,
  said = { roots: [] },
  signal,
}: AwaitBundle): Promise<BundleReply> {
  const text = await new Promise<string>((resolve, reject) => {
    const fail = (cause: Error): void => {
      outgoing.destroy();
      const code = signal.aborted ? 'aborted' : 'unavailable';
      const told = cause instanceof CellwallError ? cause : undefined;
      reject(told ?? new CellwallError(code, `not waiting for the bundle: ${cause.message}`, { cause }));
    };
    const socket = connectAs(svid, { host, port });
    socket.setKeepAlive(true, keepAliveMs);
    const path = `${identityPaths.nextBundle}?after=${after}&${inUseQuery(said)}`;
    const outgoing = request(
      { createConnection: () => socket, host, port, path, method: 'GET', signal, headers: { connection: 'close' } },
      (response) => readReply(response, resolve, fail),
    );
    outgoing.on('error', fail);
    outgoing.end();
  });
  const reply: {
    readonly sequence?: unknown;
    readonly bundle?: unknown;
    readonly retiring?: unknown;
    readonly renew?: unknown;
    readonly logLevels?: unknown;
  } = JSON.parse(text);
  const { sequence, bundle, retiring, renew } = reply;
  const logLevels = readOrder(reply.logLevels);
  if (typeof sequence === 'number' && typeof bundle === 'string') {
    const names = Array.isArray(retiring) ? { retiring: retiring.map(String) } : {};
    return { sequence, bundle, ...names, ...(renew === true ? { renew } : {}), ...defined({ logLevels }) };
  }
  throw new CellwallError('internal', 'the reply is no bundle');
}
