// Our server of a race, a process of its own: cache, streams and transport, as `cellwall serve` has them, over the workload's resources.
//
//   node bench/xds/server.ts --workload FILE --nodes N [--transport http2|grpc-js] [--tls FOLDER]
//
// Prints {"xds": "host:port", "control": "host:port"}; takes GET /change?kind=KIND&gen=G and GET /stats at `control`.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { create, toBinary } from '@bufbuild/protobuf';
import { SecretSchema } from '#gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { createSlices } from '../../src/control/slices.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { NodeId } from '../../src/lib/node-id.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { createSnapshotCache } from '../../src/xds/resources/cache.ts';
import { encodeResource } from '../../src/xds/resources/encode.ts';
import { createInterner } from '../../src/xds/resources/interner.ts';
import type { EncodedResource } from '../../src/xds/resources/snapshot.ts';
import { type TypeUrl, typeUrls } from '../../src/xds/resources/type-url.ts';
import { listenXds } from '../../src/xds/server/listen.ts';
import { createXdsServer } from '../../src/xds/server/server.ts';
import { markerOf, nodeMark, type Workload } from './workload.ts';

type Resources = ReadonlyMap<string, EncodedResource>;

const { values } = parseArgs({
  options: {
    workload: { type: 'string', default: '' },
    nodes: { type: 'string', default: '300' },
    transport: { type: 'string', default: 'http2' },
    tls: { type: 'string' },
  },
});
const workload: Workload = JSON.parse(readFileSync(values.workload, 'utf8'));
const nodes = Number(values.nodes);
const tlsFolder = values.tls;
const cache = createSnapshotCache();
const interner = createInterner();
const [nodeHole, markerHole] = [nodeMark(0), workload.marker];

let revision = 0;
const shared = new Map<TypeUrl, Resources>();
const own: Resources[] = [];

function decode(typeUrl: TypeUrl, name: string, value: string, generation: number): EncodedResource {
  const bytes = Buffer.from(value, 'base64').toString('latin1').replaceAll(markerHole, markerOf(generation));
  return interner.encode(typeUrl, name, Buffer.from(bytes, 'latin1'));
}

const fillable = (text: string) => ({ specifier: { case: 'inlineString' as const, value: text } });
/** Encoded once, as Latin-1; what differs between proxies and generations is as long in each. */
const secretTemplates = workload.secrets.names.map((name) => {
  const { chain, key } = workload.secrets;
  const value = { certificateChain: fillable(chain), privateKey: fillable(key) };
  const bytes = toBinary(SecretSchema, create(SecretSchema, { name, type: { case: 'tlsCertificate', value } }));
  return { name, text: Buffer.from(bytes).toString('latin1') };
});

function secretsOf(node: number, generation: number): Resources {
  return new Map(
    secretTemplates.map(({ name, text }) => {
      const its = text.replaceAll(nodeHole, nodeMark(node)).replaceAll(markerHole, markerOf(generation));
      return [
        name,
        encodeResource(typeUrls.secret, name, Buffer.from(its, 'latin1'), `${node}-${generation}`),
      ] as const;
    }),
  );
}

function publish(node: number): void {
  const resources = new Map(shared).set(typeUrls.secret, own[node] ?? new Map());
  cache.set(`node-${node}` as NodeId, { revision, resources });
}

function publishAll(): void {
  revision++;
  for (let node = 0; node < nodes; node++) publish(node);
}

/** As the control plane publishes what it makes for each: a few milliseconds in each turn of the event loop. */
function rotate(generation: number): void {
  revision++;
  let node = 0;
  createSlices({
    clock: systemClock,
    step() {
      if (node >= nodes) return false;
      own[node] = secretsOf(node, generation);
      publish(node++);
      return node < nodes;
    },
  }).start();
}

function change(kind: string, generation: number): void {
  if (kind === 'SDS') {
    rotate(generation);
    return;
  }
  for (const { kind: its, typeUrl, resources } of workload.types) {
    const [first] = resources;
    if (its !== kind || first === undefined) continue;
    const changed = decode(typeUrl, first.name, first.value, generation);
    shared.set(typeUrl, new Map(shared.get(typeUrl)).set(first.name, changed));
  }
  publishAll();
}

for (const { typeUrl, resources } of workload.types) {
  shared.set(typeUrl, new Map(resources.map(({ name, value }) => [name, decode(typeUrl, name, value, 0)])));
}
for (let node = 0; node < nodes; node++) own[node] = secretsOf(node, 0);
publishAll();

const server = createXdsServer({
  cache,
  authenticate: (_peer, { id }) => id as NodeId,
  observe: () => undefined,
  log: silentLog,
  // All proxies of a race are one host's, and those of one certificate; and the peer admits as fast as it can.
  limits: {
    ...{ connectionsOfCertificate: 1e6, streamPace: { burst: 1e6, everyMs: 1 }, workShare: 1, workAtOnceMs: 1e9 },
    ...{ streamsOfIdentity: 1e6, silentStreams: 1e6, admittedPerSecond: 1e6, admittedAtOnce: 1e6 },
  },
});
const read = (name: string): string => readFileSync(join(tlsFolder ?? '', name), 'utf8');
const listener = await listenXds({
  server,
  address: '127.0.0.1:0',
  log: silentLog,
  transport: values.transport === 'grpc-js' ? 'grpc-js' : 'http2',
  ...(tlsFolder === undefined
    ? {}
    : {
        tls: { certificate: read('server.pem'), key: new Redacted(read('server-key.pem')), roots: read('ca.pem') },
      }),
});
const control = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://control');
  if (url.pathname === '/change') change(url.searchParams.get('kind') ?? '', Number(url.searchParams.get('gen')));
  response.end(url.pathname === '/stats' ? JSON.stringify(server.counters()) : undefined);
});
control.listen(0, '127.0.0.1', () => {
  const { port } = control.address() as AddressInfo;
  process.stdout.write(`${JSON.stringify({ xds: `127.0.0.1:${listener.port}`, control: `127.0.0.1:${port}` })}\n`);
});
