// A follower's end: listens to its parent, and has an intermediate certified, over mTLS with the follower's SVID.
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { CellwallError } from '../lib/errors.ts';
import type { HostPort } from '../lib/host-port.ts';
import { isWrongServer, readReply } from './client.ts';
import {
  type FollowEvent,
  type IntermediateReply,
  readFollowEvent,
  takesHeader,
  takesPartHeader,
  versionHeader,
} from './follow-protocol.ts';
import { identityPaths } from './identity-protocol.ts';
import { connectAs, type OwnSvid } from './svid-connection.ts';

export interface FollowParent {
  readonly at: HostPort;
  readonly svid: OwnSvid;
  readonly onEvent: (event: FollowEvent) => void;
  /** At every sign of life. `version`: of the parent's program, as it says. */
  readonly onHeard?: (version: string | undefined) => void;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** Without a word for so long it is given up: three beats. */
const silentMs = 3000;
const afterwardsMs = 100;
const maxLineBytes = 64 * 1024 * 1024;

/** Resolves when a parent that said something says no more, for whatever reason. Throws if it said nothing. */
export function followParent({ at, svid, onEvent, onHeard, signal }: FollowParent): Promise<void> {
  return new Promise((resolve, reject) => {
    let heard = false;
    const stop = (cause: Error): void => {
      clearTimeout(timer);
      outgoing.destroy();
      if (heard) resolve();
      else reject(failure(at, cause));
    };
    let timer = setTimeout(silent, silentMs);
    function silent(): void {
      // A process that stood still first hears what has come meanwhile.
      timer = setTimeout(() => stop(new Error('it says nothing')), afterwardsMs);
    }
    const outgoing = request(
      {
        ...{ createConnection: () => connectAs(svid, at), ...at, path: identityPaths.follow, method: 'GET', signal },
        headers: { [takesHeader]: 'bans', [takesPartHeader]: '1' },
      },
      (response) => {
        if (response.statusCode !== 200) return readReply(response, () => stop(new Error('no stream')), stop);
        const version = versionOf(response);
        readLines(response, (line) => {
          clearTimeout(timer);
          timer = setTimeout(silent, silentMs);
          onHeard?.(version);
          if (line === '') return;
          const event = readFollowEvent(line);
          heard = true;
          onEvent(event);
        }).then(() => stop(new Error('it ended')), stop);
      },
    );
    outgoing.on('error', stop);
    outgoing.end();
  });
}

function versionOf({ headers }: IncomingMessage): string | undefined {
  const said = headers[versionHeader];
  return typeof said === 'string' && /^[\w.+-]{1,64}$/.test(said) ? said : undefined;
}

/** Throws if a line is too long, and what `onLine` throws. */
async function readLines(response: IncomingMessage, onLine: (line: string) => void): Promise<void> {
  let parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    if (!Buffer.isBuffer(chunk)) throw new CellwallError('internal', 'the answer has an encoding set');
    let from = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      onLine(Buffer.concat([...parts, chunk.subarray(from, end)]).toString('utf8'));
      [parts, size, from] = [[], 0, end + 1];
    }
    parts.push(chunk.subarray(from));
    size += chunk.length - from;
    if (size > maxLineBytes) throw new CellwallError('resource_exhausted', 'the parent sends too much at once');
  }
}

/** Throws the parent's error, or `unavailable`. */
export function certifyAtParent(
  at: HostPort,
  svid: OwnSvid,
  csr: string,
  timeoutMs: number,
): Promise<IntermediateReply> {
  return new Promise<string>((resolve, reject) => {
    const fail = (cause: Error): void => {
      outgoing.destroy();
      reject(failure(at, cause));
    };
    const body = JSON.stringify({ csr });
    const outgoing = request(
      {
        ...{ createConnection: () => connectAs(svid, at), ...at, path: identityPaths.followIntermediate },
        ...{ method: 'POST', signal: AbortSignal.timeout(timeoutMs) },
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      },
      (response) => readReply(response, resolve, fail),
    );
    outgoing.on('error', fail);
    outgoing.end(body);
  }).then((text) => {
    const { chain, bundle, sequence }: Readonly<Record<string, unknown>> = JSON.parse(text);
    if (typeof chain === 'string' && typeof bundle === 'string')
      return { chain, bundle, ...(typeof sequence === 'number' ? { sequence } : {}) };
    throw new CellwallError('internal', 'the reply of the parent is no intermediate');
  });
}

function failure({ host, port }: HostPort, cause: Error): CellwallError {
  if (isWrongServer(cause)) {
    return new CellwallError(
      'unauthenticated',
      `${host}:${port} is not the control plane of the trust domain, or refuses this one: ${cause.message}`,
      {
        cause,
      },
    );
  }
  if (cause instanceof CellwallError) return cause;
  return new CellwallError('unavailable', `no answer from the parent at ${host}:${port}: ${cause.message}`, { cause });
}
