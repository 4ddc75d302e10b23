// Headers in which others speak of client certificates arrive from the hops that the service names, and from nobody else.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { SpiffeId } from '../../../src/model/spiffe-id.ts';
import { callerServerName } from '../../../src/translate/inbound/caller-chains.ts';
import { type HeaderLine, type Http1Application, rawExchange, startHttp1Application } from '../../support/raw-http1.ts';
import { startWallPair, testId, type WallPair } from '../../support/wall-pair.ts';
import { serviceDocument, trustDomain } from '../../translate/mesh-text.ts';

const edge = `spiffe://${trustDomain}/edge/ingress` as SpiffeId;
const sent =
  'X_SSL-Client-Certificate: sent\r\nX-Client-Cert: sent\r\nX-Cellwall-Peer-Id: forged\r\nX-Forwarded-Client-Cert: URI=forged\r\n';
const request = `GET / HTTP/1.1\r\nHost: a\r\n${sent}\r\n`;

let application: Http1Application;
let pair: WallPair;
let untrusting: WallPair;

beforeAll(async () => {
  application = await startHttp1Application();
  const rules = '[{from: [{everyone: true}]}]';
  const more = serviceDocument('job', 'cell-1', '{protocol: http1, dependsOn: [{service: api, listen: 15001}]}');
  const hops = `[{service: web}, {spiffeId: "${edge}"}, {anonymous: true}]`;
  [pair, untrusting] = await Promise.all([
    startWallPair({
      api: `protocol: http1, identityHeaders: {trustedFrom: ${hops}}`,
      application,
      mode: 'permissive',
      rules,
      more,
    }),
    startWallPair({ api: 'protocol: http1', application, mode: 'permissive', rules, more }),
  ]);
}, 60_000);

afterAll(async () => {
  await pair?.stop();
  await untrusting?.stop();
  await application?.stop();
});

type Caller = { readonly uri: string; readonly sni?: SpiffeId } | undefined;

async function told(
  of: WallPair,
  caller: Caller,
): Promise<{ readonly names: string[]; readonly peer: string | undefined }> {
  const tls = caller && {
    svid: await of.ca.issue({ uri: caller.uri }),
    ...(caller.sni && { serverName: callerServerName(caller.sni, of.target) }),
  };
  const { status, body } = await rawExchange(of.inbound, request, tls);
  expect(status).toBe(200);
  const lines = JSON.parse(body) as HeaderLine[];
  expect(body).not.toContain('forged');
  return {
    names: lines.filter(([, value]) => value === 'sent').map(([name]) => name),
    peer: lines.find(([name]) => name === 'x-cellwall-peer-id')?.[1],
  };
}

const both = ['x_ssl-client-certificate', 'x-client-cert'];

test('from a service that is named, through its sidecar', async () => {
  const { body } = await rawExchange(pair.outbound, request);
  for (const name of both) expect(body).toContain(name);
  expect(body).not.toContain('forged');
  expect((await rawExchange(untrusting.outbound, request)).body).not.toContain('sent');
});

test.each<[string, Caller, readonly string[]]>([
  ['a service by its chain', { uri: testId('web'), sni: testId('web') }, both],
  ['a load balancer by its chain', { uri: edge, sni: edge }, both],
  ['plaintext', undefined, both],
  ['a load balancer without its SNI', { uri: edge }, []],
  ['a service without its SNI', { uri: testId('web') }, []],
  ['another service', { uri: testId('job'), sni: testId('job') }, []],
  ['another identity', { uri: `spiffe://${trustDomain}/edge/other` }, []],
])('%s', async (_who, caller, names) => {
  expect(await told(pair, caller)).toEqual({ names, peer: caller?.uri });
  if (caller?.sni !== edge) expect((await told(untrusting, caller)).names).toEqual([]);
});

test.each([testId('job'), `spiffe://${trustDomain}/edge/other`])(
  'nobody else takes the hop’s chain: %s',
  async (uri) => {
    for (const sni of [edge, testId('web')]) await expect(told(pair, { uri, sni })).rejects.toThrow();
  },
);
