// The port for proxies: the entrance, behind it gRPC, and on that the discovery services and what else is served there.
import type { GrpcMethods, GrpcTransportName } from '../../lib/grpc-call.ts';
import type { Log } from '../../lib/log.ts';
import type { RightOfWay } from '../../lib/right-of-way.ts';
import { discoveryMethods } from './discovery-methods.ts';
import { digestOf, openEntrance, type TlsMaterial } from './entrance.ts';
import type { GrpcTransport, GrpcTransportOptions } from './grpc-transport.ts';
import type { XdsServer } from './server.ts';
import { createGrpcJsTransport } from './transport-grpc-js.ts';
import { createHttp2Transport } from './transport-http2.ts';

export interface ListenOptions {
  readonly server: XdsServer;
  /** `host:port`; port 0 means a free one. */
  readonly address: string;
  /** Without it the port is plaintext and its peers have no certificate: for tests. */
  readonly tls?: TlsMaterial;
  /** Other services on the same port, such as the access log's. */
  readonly services?: readonly GrpcMethods[];
  readonly log: Log;
  /** What speaks gRPC. Default `http2`. */
  readonly transport?: GrpcTransportName;
  /** After about this long a connection is renewed, so that its certificate is checked again. Default half an hour. */
  readonly connectionAgeMs?: number;
  /** A peer that vanished is noticed after half as long again. Default 20 s. */
  readonly keepaliveMs?: number;
  /** A peer that has not proved its identity by then is cut off; Node's own default is two minutes. */
  readonly handshakeMs?: number;
  /** Which host a verified certificate belongs to. Default: each is a host of its own. */
  readonly hostOf?: (certificate: Uint8Array) => string;
  readonly way?: Pick<RightOfWay, 'waitMs'>;
}

export interface XdsListener {
  readonly port: number;
  /** For connections from now on; open ones stay. */
  rotate(tls: TlsMaterial): void;
  /** GOAWAY, then the end of all streams spread over `spreadMs`, then the rest is cut. */
  close(spreadMs?: number): Promise<void>;
}

/** How long the rest of a stop may take before connections are cut. */
const shutdownMs = 2000;

const transports: Readonly<Record<GrpcTransportName, (options: GrpcTransportOptions) => GrpcTransport>> = {
  http2: createHttp2Transport,
  'grpc-js': createGrpcJsTransport,
};

/** Rejects with `unavailable` if the address cannot be used. */
export async function listenXds(options: ListenOptions): Promise<XdsListener> {
  const { server, address, tls, services = [], log, connectionAgeMs = 30 * 60_000, handshakeMs = 10_000 } = options;
  const { hostOf = digestOf, transport: name = 'http2', keepaliveMs = 20_000 } = options;
  const transport = transports[name]({
    methods: new Map([discoveryMethods(server), ...services].flatMap((methods) => [...methods])),
    messageBytes: server.limits.requestBytes,
    ageMs: connectionAgeMs,
    ageGraceMs: 5000,
    // Envoy's connections have one stream each; idle ones are closed.
    idleMs: 60_000,
    keepaliveMs,
    keepaliveTimeoutMs: keepaliveMs / 2,
    calls: 256,
  });
  const entrance = await openEntrance({
    address,
    tls,
    handshakeMs,
    maxOfCertificate: server.limits.connectionsOfCertificate,
    streamPace: server.limits.streamPace,
    hostOf,
    log,
    way: options.way,
    take: transport.take,
  });
  const { port } = entrance;
  log.info({ address, port, mtls: tls !== undefined, transport: name }, 'xDS listens');
  return {
    port,
    rotate: entrance.rotate,
    async close(spreadMs = 0) {
      entrance.close();
      transport.goAway();
      await server.close(spreadMs);
      let timer: NodeJS.Timeout | undefined;
      const limit = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, shutdownMs);
      });
      await Promise.race([entrance.closed(), limit]);
      clearTimeout(timer);
      transport.destroy();
      await entrance.closed();
    },
  };
}
