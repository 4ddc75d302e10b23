// Reports calls as many proxies do, at a steady rate: a program of its own, so that who measures beside it is not held up by it. Its orders
// are the JSON of its argument (log-load.ts); tells how many it has sent, and ends when told to. As Envoy does, it sends what has gathered
// for half a second or fills its buffer, and drops, and counts, what comes while the stream takes no more.
import { once } from 'node:events';
import { create, toBinary } from '@bufbuild/protobuf';
import { HTTPAccessLogEntrySchema, TLSProperties_TLSVersion } from '#gen/envoy/data/accesslog/v3/accesslog_pb.js';
import type { LogLoadOrders } from './log-load.ts';
import { createLogClient, httpLogs, identifier } from './log-stream.ts';
import { bytesField } from './proto-bytes.ts';

const orders = JSON.parse(process.argv[2] ?? '') as LogLoadOrders;
const callers = 20;
const variants = 50;
/** Entries of about 400 bytes that fill Envoy's buffer of 16 KiB. */
const mostInMessage = 40;
const flushMs = 500;
/** Messages beyond what flow control lets through, as in the buffer of Envoy's connection. */
const mostWaiting = 16;

/** As Envoy logs an allowed call: another caller, path, time and size each. */
function entry(number: number): Buffer {
  const principal = `spiffe://td1/service/caller-${number % callers}`;
  const now = Date.now();
  const message = create(HTTPAccessLogEntrySchema, {
    commonProperties: {
      tlsProperties: {
        tlsVersion: TLSProperties_TLSVersion.TLSv1_3,
        tlsSniHostname: 'api.td1',
        peerCertificateProperties: { subjectAltName: [{ san: { case: 'uri', value: principal } }], issuer: 'CN=one' },
      },
      downstreamRemoteAddress: { address: { case: 'socketAddress', value: { address: `10.0.0.${number % 250}` } } },
      startTime: { seconds: BigInt(Math.floor(now / 1000)), nanos: 0 },
      duration: { seconds: 0n, nanos: 1_000_000 + ((number * 7919) % 50_000_000) },
      downstreamWireBytesReceived: BigInt(200 + number),
      downstreamWireBytesSent: BigInt(900 + number),
      metadata: {
        filterMetadata: {
          'envoy.filters.http.rbac': {
            authz_allow_enforced_engine_result: 'allowed',
            authz_allow_enforced_effective_policy_id: 'allow/0',
          },
        },
      },
    },
    request: { path: `/api/v4/projects/${number}/things?id=${number}`, requestMethod: 1, requestId: `id-${number}` },
    response: { responseCode: 200, responseCodeDetails: 'via_upstream' },
  });
  return bytesField(1, Buffer.from(toBinary(HTTPAccessLogEntrySchema, message)));
}

const perMs = orders.entriesPerSecond / orders.proxies.length / 1000;
const batch = Math.max(1, Math.min(mostInMessage, Math.round(perMs * flushMs)));
const everyMs = batch / perMs;
const messages = Array.from({ length: variants }, (_, variant) =>
  httpLogs(Array.from({ length: batch }, (_entry, number) => entry(variant * batch + number))),
);
let going = true;
let [sent, dropped] = [0, 0];
const droppedBy = new Map<string, number>();

async function open({ service, node, svid }: LogLoadOrders['proxies'][number]) {
  const client = createLogClient(orders.port, svid);
  const stream = client.open();
  await stream.send(identifier(node, `inbound/${service}/mtls`));
  return { client, stream, node };
}

/** Each at its own time of the period, as of proxies that know nothing of each other. */
async function report({ client, stream, node }: Awaited<ReturnType<typeof open>>, at: number): Promise<void> {
  const begin = performance.now() + (everyMs * at) / orders.proxies.length;
  let waiting = 0;
  let idle = (): void => {};
  const one = (turn: number): void => {
    if (waiting >= mostWaiting) {
      dropped += batch;
      droppedBy.set(node, (droppedBy.get(node) ?? 0) + batch);
      return;
    }
    waiting += 1;
    sent += batch;
    void stream.send(messages[(turn + at) % variants] ?? Buffer.alloc(0)).then(() => {
      waiting -= 1;
      if (waiting === 0) idle();
    });
  };
  for (let turn = 0; going && !stream.isOver(); ) {
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, begin + turn * everyMs - performance.now())));
    for (const due = (performance.now() - begin) / everyMs; going && turn <= due; turn++) one(turn);
  }
  const taken = new Promise<void>((resolve) => {
    idle = resolve;
  });
  if (waiting > 0) await Promise.race([taken, stream.ended]);
  stream.end();
  await stream.ended;
  client.close();
}

const tell = (): void => void process.send?.({ sent, dropped, droppedBy: Object.fromEntries(droppedBy) });
process.on('message', (order) => {
  if (order === 'stop') going = false;
  else tell();
});
const all = await Promise.all(orders.proxies.map(open));
process.send?.('ready');
await Promise.all(all.map(report));
tell();
await once(process, 'disconnect');
