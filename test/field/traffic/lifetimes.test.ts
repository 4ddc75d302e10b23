// What is open and allowed outlives certificates: a download, an upload, a gRPC stream, TCP, through both sidecars, with certificates
// of seconds. New requests never ride a connection past its certificate's end.
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startTcpEcho } from '../../support/echo-application.ts';
import { figure, qualifying } from '../../support/figure.ts';
import { openCall } from '../../support/open-call.ts';
import { type Http1Application, startHttp1Application } from '../../support/raw-http1.ts';
import { unheedingHttp2 } from '../../support/unheeding-http2.ts';
import { startWallPair, type WallPair } from '../../support/wall-pair.ts';

const lifetimeMs = qualifying ? 3000 : 2000;
/** What resolve makes of such a lifetime. */
const ageMs = lifetimeMs / 3;
/** Over three lifetimes. */
const longMs = 3.3 * lifetimeMs;
const chunk = randomBytes(20_000);
const chunks = 100;
const whole = createHash('sha256')
  .update(Buffer.concat(Array.from({ length: chunks }, () => chunk)))
  .digest('hex');

const stops: (() => Promise<void> | void)[] = [];
const stopAll = async (): Promise<void> => {
  for (const stop of stops.splice(0).toReversed()) await stop();
};
afterAll(stopAll);

async function shortLived(
  api: string,
  application: { readonly address: string; readonly port: number },
): Promise<WallPair> {
  const pair = await startWallPair({
    api,
    application,
    lifetimeMs,
    rules: '[{from: [{everyone: true}]}]',
    port: { connectionAgeMs: ageMs },
  });
  const renewal = setInterval(async () => {
    pair.server.renew(await pair.svid('api'));
    pair.client.renew(await pair.svid('web'));
  }, lifetimeMs / 4);
  stops.push(pair.stop, () => clearInterval(renewal));
  return pair;
}

/** Calls beside what is long, one after another; the statuses that were not 200. */
function beside(
  call: () => Promise<number>,
): () => Promise<{ readonly calls: number; readonly failed: readonly number[] }> {
  let going = true;
  let calls = 0;
  const failed: number[] = [];
  const done = (async () => {
    while (going) {
      const status = await call();
      calls++;
      if (status !== 200) failed.push(status);
      await delay(20);
    }
  })();
  return async () => {
    going = false;
    await done;
    return { calls, failed };
  };
}

describe('HTTP/1.1', () => {
  let application: Http1Application;
  let pair: WallPair;
  afterAll(stopAll);

  beforeAll(async () => {
    application = await startHttp1Application(async (request, response) => {
      if (request.url === '/download') {
        for (let sent = 0; sent < chunks; sent++) {
          response.write(chunk);
          await delay(longMs / chunks);
        }
        response.end();
      } else if (request.method === 'POST') {
        const hash = createHash('sha256');
        for await (const part of request) hash.update(part as Buffer);
        response.end(hash.digest('hex'));
      } else response.end();
    });
    stops.push(application.stop);
    pair = await shortLived('protocol: http1', application);
  }, 60_000);

  const open = (port: number, path: string, method: string) => {
    const one = httpRequest({ host: '127.0.0.1', port, path, method });
    const answered = once(one, 'response').then(async ([answer]) => {
      const hash = createHash('sha256');
      let text = '';
      for await (const part of answer) {
        hash.update(part);
        if (method === 'POST') text += String(part);
      }
      return { status: Number(answer.statusCode), digest: method === 'POST' ? text : hash.digest('hex') };
    });
    return { one, answered };
  };
  const get = async (): Promise<number> => {
    const { one, answered } = open(pair.outbound, '/', 'GET');
    one.end();
    return (await answered).status;
  };

  test('a download and an upload that outlive three certificates are whole, and no call beside them fails', {
    timeout: 60_000,
  }, async () => {
    await vi.waitFor(async () => expect(await get()).toBe(200), { timeout: 10_000 });
    const stop = beside(get);
    const began = performance.now();
    const download = open(pair.outbound, '/download', 'GET');
    download.one.end();
    const upload = open(pair.outbound, '/upload', 'POST');
    for (let sent = 0; sent < chunks; sent++) {
      upload.one.write(chunk);
      await delay(longMs / chunks);
    }
    upload.one.end();
    expect(await upload.answered).toEqual({ status: 200, digest: whole });
    expect(await download.answered).toEqual({ status: 200, digest: whole });
    expect(performance.now() - began).toBeGreaterThan(3 * lifetimeMs);
    const { calls, failed } = await stop();
    expect(failed).toEqual([]);
    figure('callsBesideDownload', calls);
    figure('failedCallsBesideDownload', failed.length);
  });

  test('who keeps an HTTP/1.1 connection does not keep it past the end of its certificate', {
    timeout: 30_000,
  }, async () => {
    const svid = await pair.svid('other');
    const socket = connectTls({
      host: '127.0.0.1',
      port: pair.inbound,
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1'],
      cert: svid.certificate,
      key: svid.key,
    });
    const began = performance.now();
    socket.on('error', () => undefined).resume();
    const closed = once(socket, 'close');
    // Long enough to outlive the certificate, so that the connection would have no reason to end before.
    socket.write('GET /download HTTP/1.1\r\nHost: a\r\n\r\n');
    const second = async (): Promise<void> => {
      await delay(longMs + 200);
      if (!socket.destroyed) socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    };
    await Promise.all([closed, second()]);
    expect(performance.now() - began).toBeGreaterThan(longMs - 500);
    expect(socket.bytesRead).toBeLessThan(chunks * chunk.length + 40_000);
  });
});

describe('gRPC', () => {
  let pair: WallPair;
  afterAll(stopAll);

  beforeAll(async () => {
    const server = createHttp2Server().on('stream', (stream, headers) => {
      stream.on('error', () => undefined);
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      if (headers[':path'] === '/test.Echo/Stream') stream.pipe(stream);
      else if (headers[':path'] === '/test.Echo/Drip') {
        const drip = setInterval(() => stream.write('drip'), 100);
        stream.on('close', () => clearInterval(drip));
      } else stream.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    stops.push(() => void server.close());
    pair = await shortLived('protocol: grpc', { address: '127.0.0.1', port: (server.address() as AddressInfo).port });
  }, 60_000);

  test('a bidirectional stream lives, and no call beside it fails', { timeout: 60_000 }, async () => {
    const session = connectHttp2(`http://127.0.0.1:${pair.outbound}`);
    session.on('error', () => undefined);
    const call = (): Promise<number> =>
      new Promise((resolve) => {
        const one = session.request({ ':method': 'POST', ':path': '/test.Echo/Call' });
        let status = 0;
        one.on('response', (headers) => {
          status = headers[':status'] ?? 0;
        });
        one.on('error', () => resolve(0)).on('close', () => resolve(status));
        one.resume().end();
      });
    await vi.waitFor(async () => expect(await call()).toBe(200), { timeout: 10_000 });
    const stop = beside(call);
    const stream = session.request({ ':method': 'POST', ':path': '/test.Echo/Stream' });
    stream.on('error', () => undefined);
    const began = performance.now();
    let echoed = '';
    stream.on('data', (part: Buffer) => {
      echoed += part.toString();
    });
    let sent = '';
    while (performance.now() - began < longMs) {
      const text = `${Math.round(performance.now())};`;
      stream.write(text);
      sent += text;
      await vi.waitFor(() => expect(echoed).toBe(sent), { timeout: 2000, interval: 5 });
      await delay(100);
    }
    stream.end();
    await once(stream, 'close');
    expect(stream.rstCode).toBe(0);
    const { calls, failed } = await stop();
    expect(failed).toEqual([]);
    figure('callsBesideStream', calls);
    session.close();
  });

  test('who does not heed GOAWAY gets no new request through past the end of the certificate', {
    timeout: 30_000,
  }, async () => {
    const client = unheedingHttp2(pair.inbound, await pair.svid('other'));
    const end = performance.now() + lifetimeMs;
    expect(await client.request('/test.Echo/Drip')).toBe(true);
    expect(await client.request('/test.Echo/Call')).toBe(true);
    await vi.waitFor(() => expect(client.goneAway()).toBe(true), { timeout: 10_000 });
    // First GOAWAY at the age, the last after the drain time; meanwhile, and after it, the stream goes on.
    await delay(Math.max(0, end - performance.now()) + 6000);
    const before = client.received();
    const tries = await Promise.all(
      Array.from({ length: 20 }, async () => Promise.race([client.request('/test.Echo/Call'), delay(1000, false)])),
    );
    expect(tries.filter(Boolean)).toEqual([]);
    figure('requestsPastTheCertificate', tries.filter(Boolean).length);
    figure('bytesOfTheStreamAfterIt', client.received() - before);
    client.close();
  });
});

test('TCP lives', { timeout: 60_000 }, async () => {
  const application = await startTcpEcho();
  stops.push(application.stop);
  const pair = await shortLived('protocol: tcp', application);
  const call = await vi.waitFor(
    async () => {
      const one = openCall({ kind: 'tcp', port: pair.outbound });
      await one.echo('hello');
      return one;
    },
    { timeout: 15_000 },
  );
  const began = performance.now();
  for (let sent = 0; performance.now() - began < longMs; sent++) {
    await call.echo(`<${sent}>`);
    await delay(100);
  }
  expect(call.isOpen()).toBe(true);
  call.close();
});
