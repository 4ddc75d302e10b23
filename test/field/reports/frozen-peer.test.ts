// A sidecar that does not answer any more, though its connections stay up: a frozen host, a stopped container. Clients of gRPC find that
// out by pings, which their own sidecar answers; so it has to ask on. linkerd/linkerd2#13023, istio/istio#33466.
import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { expect, test, vi } from 'vitest';
import { portKey } from '../../../src/policy/ports.ts';
import { figure } from '../../support/figure.ts';
import { startTranslatedProxy } from '../../support/translated-proxy.ts';
import { api, startWallPair, testId } from '../../support/wall-pair.ts';

/** Twice what translate says, its jitter, and a busy machine. */
const foundOutMs = 50_000;

function open(session: ClientHttp2Session, path: string): ClientHttp2Stream {
  const stream = session.request({ ':path': path });
  stream.on('error', () => undefined).resume();
  return stream;
}

/** 0: none within 5 s. */
async function status(session: ClientHttp2Session): Promise<number> {
  const stream = open(session, '/');
  const found = await Promise.race([
    once(stream, 'response').then(([headers]) => Number(headers[':status'])),
    new Promise<0>((resolve) => setTimeout(() => resolve(0), 5000)),
  ]);
  stream.close();
  return found;
}

test('calls over a frozen sidecar end, and new ones go to the other', { timeout: 120_000 }, async () => {
  const server = createServer();
  server.on('stream', (stream, { ':path': path }) => {
    stream.on('error', () => undefined).respond();
    if (path === '/long') stream.write('and more later');
    else stream.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const application = { address: '127.0.0.1', port: (server.address() as AddressInfo).port };
  const envoyArgs = ['--concurrency', '1'];
  const pair = await startWallPair({ api: 'protocol: grpc', application, envoyArgs });
  const bundles = { roots: pair.ca.root, legacyAnchors: new Map<string, string>() };
  const other = await startTranslatedProxy(
    { mesh: pair.mesh, endpoints: new Map(), bundles },
    {
      spiffeId: testId('api'),
      service: api,
      ports: [{ name: 'default', inbound: { address: '127.0.0.1', port: 0 }, application }],
    },
    await pair.svid('api'),
    envoyArgs,
  );
  const session = connect(`http://127.0.0.1:${pair.outbound}`);
  session.on('error', () => undefined);
  const { pid } = pair.server.envoy;
  try {
    await vi.waitFor(async () => expect(await status(session)).toBe(200), { timeout: 20_000 });
    const long = open(session, '/long');
    await once(long, 'data');
    const ended = new Promise((resolve) => long.on('close', resolve));
    const port = await other.envoy.port('inbound');
    const endpoints = [pair.inbound, port].map((one) => ({ address: '127.0.0.1', port: one }));
    pair.client.update({ mesh: pair.mesh, endpoints: new Map([[portKey(api, 'default'), endpoints]]), bundles });
    process.kill(pid, 'SIGSTOP');
    const began = performance.now();
    // What a client asks is answered all the same.
    const ping = await new Promise<Error | null>((resolve) => session.ping((error) => resolve(error)));
    expect(ping).toBeNull();
    await Promise.race([
      ended,
      new Promise((_resolve, reject) =>
        setTimeout(() => reject(new Error('the call over the frozen sidecar is still open')), foundOutMs),
      ),
    ]);
    figure('msUntilTheFrozenOneIsLeft', Math.round(performance.now() - began));
    expect(long.rstCode === 0 ? 'an end that looks whole' : 'a reset').toBe('a reset');
    const statuses: number[] = [];
    for (let call = 0; call < 20; call++) statuses.push(await status(session));
    expect(statuses.filter((one) => one !== 200)).toEqual([]);
  } finally {
    session.destroy();
    process.kill(pid, 'SIGCONT');
    await other.stop();
    await pair.stop();
    server.close();
  }
});
