// One host joins: it redeems its token for an SVID, connects with that, and has all that an Envoy needs to serve.
import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import type { DeltaDiscoveryResponse } from '#gen/envoy/service/discovery/v3/discovery_pb.js';
import { createIdentityClient } from '../../src/identity-api/client.ts';
import { typeUrls } from '../../src/xds/resources/type-url.ts';
import type { Join, Ready } from './server.ts';
import { type DeltaStream, openDeltaStream } from './stream.ts';

const generate = promisify(generateKeyPair);
const limitMs = 60_000;

export interface Host extends Join {
  readonly key: KeyObject;
  /** Of this proxy, among those of its service. */
  readonly instance: string;
}

/** Keys are the hosts' own to make: they are made before. */
export async function prepareHosts(joins: readonly Join[]): Promise<readonly Host[]> {
  const hosts: Host[] = [];
  for (const [at, join] of joins.entries()) {
    hosts.push({ ...join, key: (await generate('ec', { namedCurve: 'P-256' })).privateKey, instance: `host-${at}` });
  }
  return hosts;
}

export interface Joined {
  readonly attestMs: number;
  /** From the beginning to the last of the first push. */
  readonly totalMs: number;
  readonly stream: DeltaStream;
}

/** `onPush`: told of what comes after the first push. */
export async function joinHost(
  { spiffeId, service, token, key, instance }: Host,
  { identityPort, xdsPort, roots }: Ready,
  onPush: (response: DeltaDiscoveryResponse) => void = () => {},
): Promise<Joined> {
  const began = performance.now();
  const client = createIdentityClient({ host: '127.0.0.1', port: identityPort, roots, timeoutMs: limitMs });
  const { chain } = await client.attest({ evidence: { attestor: 'join-token', token }, key, nodeKey: key });
  const attestMs = performance.now() - began;
  const pem = key.export({ format: 'pem', type: 'pkcs8' }).toString();
  const wanted: ReadonlyMap<string, readonly string[]> = new Map([
    [typeUrls.cluster, ['*']],
    [typeUrls.listener, ['*']],
    [typeUrls.secret, [spiffeId]],
    [typeUrls.extension, [`${service}/authz-deny`, `${service}/authz-allow`]],
  ]);
  const missing = new Set(wanted.keys());
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => reject(new Error(`no ${[...missing].join(', ')} within ${limitMs} ms`)), limitMs);
    const stream = openDeltaStream({
      port: xdsPort,
      credentials: { chain, key: pem, roots },
      onResponse(response) {
        const { typeUrl, nonce, resources } = response;
        stream.send({ typeUrl, responseNonce: nonce });
        if (missing.size === 0) {
          onPush(response);
          return;
        }
        if (resources.length > 0) missing.delete(typeUrl);
        if (missing.size > 0) return;
        clearTimeout(limit);
        resolve({ attestMs, totalMs: performance.now() - began, stream });
      },
      onEnd(why) {
        clearTimeout(limit);
        reject(new Error(why));
      },
    });
    const claims = { inbound: '127.0.0.1:15006', application: '127.0.0.1:8080' };
    for (const [typeUrl, names] of wanted) {
      const first = typeUrl === typeUrls.cluster;
      stream.send({
        typeUrl,
        resourceNamesSubscribe: [...names],
        ...(first ? { node: { id: `${spiffeId}~${instance}`, metadata: { cellwall: claims } } } : {}),
      });
    }
  });
}
