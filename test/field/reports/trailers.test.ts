// Trailers arrive, of requests and of answers, in HTTP/1.1 as in HTTP/2; but what no caller may say of itself in a header, it may not say
// behind the body either. envoyproxy/envoy#7149, istio/istio#31458.
import { createServer as createHttp1, request as requestHttp1 } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2 } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { figure } from '../../support/figure.ts';
import { startWallPair, type WallPair } from '../../support/wall-pair.ts';

interface Seen {
  readonly atApplication: Readonly<Record<string, unknown>>;
  readonly atCaller: Readonly<Record<string, unknown>>;
}

const forged = [
  'x-cellwall-peer-id',
  'x_cellwall_peer_id',
  'x-cellwall.peer-cell',
  'x-cellwall-peer-service',
  'x-forwarded-client-cert',
  'x_forwarded_client_cert',
  'x-client-cert-subject-dn',
  'x-ssl-client-certificate',
  'x-forwarded-user',
  'transfer_encoding',
  'x-http-method-override',
  'x_original_url',
  'x-original-url',
];
const sent = { 'x-checksum': '1', x_checksum: '2', ...Object.fromEntries(forged.map((name) => [name, 'forged'])) };

/** Applications that keep the trailers of the last request, and answer with one of their own. */
let atApplication: Readonly<Record<string, unknown>> = {};
const http1 = createHttp1((request, response) => {
  request.resume().on('end', () => {
    atApplication = request.trailers;
    response.writeHead(200, { trailer: 'x-sum' });
    response.write('body');
    response.addTrailers({ 'x-sum': '2' });
    response.end();
  });
});
const http2 = createHttp2();
http2.on('stream', (stream) => {
  atApplication = {};
  stream.on('trailers', (trailers) => {
    atApplication = { ...trailers };
  });
  stream.resume().on('end', () => {
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '2' }));
    stream.end('body');
  });
});

function call1(port: number): Promise<Seen> {
  return new Promise((resolve, reject) => {
    const headers = { trailer: Object.keys(sent).join(', '), 'transfer-encoding': 'chunked', te: 'trailers' };
    const request = requestHttp1({ host: '127.0.0.1', port, method: 'POST', headers, agent: false }, (response) => {
      response.resume().on('end', () => resolve({ atApplication, atCaller: response.trailers }));
    });
    request.on('error', reject);
    request.write('body');
    request.addTrailers(sent);
    request.end();
  });
}

function call2(port: number): Promise<Seen> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    session.on('error', reject);
    const stream = session.request({ ':method': 'POST', ':path': '/' }, { waitForTrailers: true });
    let atCaller = {};
    stream.on('wantTrailers', () => stream.sendTrailers(sent));
    stream.on('trailers', (trailers) => {
      atCaller = { ...trailers };
    });
    stream.on('error', reject);
    stream.on('close', () => {
      session.destroy();
      resolve({ atApplication, atCaller });
    });
    stream.resume().end('body');
  });
}

describe.each([
  ['HTTP/1.1', 'http1', http1, call1],
  ['HTTP/2', 'http2', http2, call2],
] as const)('%s', (_name, protocol, server: Server, call) => {
  let port = 0;
  let pair: WallPair;

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
    pair = await startWallPair({
      api: `protocol: ${protocol}, identityHeaders: {subjectDn: ${protocol === 'http2'}}`,
      application: { address: '127.0.0.1', port },
      mode: 'permissive',
      rules: '[{from: [{everyone: true}]}]',
      strippedHeaders: '[x-forwarded-user]',
    });
    await vi.waitFor(async () => expect((await call(pair.outbound)).atApplication).not.toEqual({}), {
      timeout: 10_000,
    });
  }, 60_000);
  afterAll(async () => {
    await pair?.stop();
    server.close();
  });

  test('without the wall all arrive, forged ones too', async () => {
    const { atApplication: there, atCaller } = await call(port);
    expect(Object.keys(there).sort()).toEqual(Object.keys(sent).sort());
    expect(atCaller['x-sum']).toBe('2');
  });

  test.each(['through both sidecars', 'in plaintext to the service’s'])('%s all but the forged', async (way) => {
    const { atApplication: there, atCaller } = await call(way.startsWith('through') ? pair.outbound : pair.inbound);
    expect(Object.fromEntries(Object.entries(there))).toEqual({ 'x-checksum': '1', x_checksum: '2' });
    expect(atCaller['x-sum']).toBe('2');
    figure(`forgedTrailers${protocol}`, forged.filter((name) => name in there).length);
  });
});
