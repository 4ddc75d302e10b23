// A real Envoy over mTLS, in both variants: all six types, answered requests, a changed ECDS filter, a restart.
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Cluster_DiscoveryType, ClusterSchema } from '#gen/envoy/config/cluster/v3/cluster_pb.js';
import { DataSourceSchema } from '#gen/envoy/config/core/v3/base_pb.js';
import { ListenerSchema } from '#gen/envoy/config/listener/v3/listener_pb.js';
import { RBAC_Action } from '#gen/envoy/config/rbac/v3/rbac_pb.js';
import { TcpProxySchema } from '#gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import { SecretSchema } from '#gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import {
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from '#gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { Redacted } from '../../src/lib/redacted.ts';
import type { EncodedResource } from '../../src/xds/resources/snapshot.ts';
import { typeUrls } from '../../src/xds/resources/type-url.ts';
import type { StreamEvent } from '../../src/xds/server/observer.ts';
import { adsBootstrap } from '../support/ads-bootstrap.ts';
import { freePorts } from '../support/free-ports.ts';
import { type RunningEnvoy, startEnvoy } from '../support/start-envoy.ts';
import { createTestCa, type TestCa, type TestCertificate, writeTestCertificate } from '../support/test-ca.ts';
import { ads, any, collect, encode, get, snapshot, stat, until } from './envoy-fixture.ts';
import { byName, type Fixture, nodeKey, startXds } from './xds-fixture.ts';

/** Not 0: Envoy gives a new listener the port of one that it drains where both ask for any. */
const [tlsPort = 0] = await freePorts(1);

/** A listener that ends TLS with the secret `own`, before the cluster. */
function tlsListener(cluster: string, statPrefix = 'tcp'): EncodedResource {
  return encode(typeUrls.listener, 'tls', ListenerSchema, {
    name: 'tls',
    address: {
      address: {
        case: 'socketAddress',
        value: { address: '127.0.0.1', portSpecifier: { case: 'portValue', value: tlsPort } },
      },
    },
    filterChains: [
      {
        transportSocket: {
          name: 'tls',
          configType: {
            case: 'typedConfig',
            value: any(DownstreamTlsContextSchema, {
              commonTlsContext: { tlsCertificateSdsSecretConfigs: [{ name: 'own', sdsConfig: ads }] },
            }),
          },
        },
        filters: [
          {
            name: 'tcp',
            configType: {
              case: 'typedConfig',
              value: any(TcpProxySchema, { statPrefix, clusterSpecifier: { case: 'cluster', value: cluster } }),
            },
          },
        ],
      },
    ],
  });
}

/** A cluster that speaks TLS with the secret `own`. */
function tlsCluster(altStatName: string): EncodedResource {
  return encode(typeUrls.cluster, 'tls-cluster', ClusterSchema, {
    name: 'tls-cluster',
    altStatName,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC },
    transportSocket: {
      name: 'tls',
      configType: {
        case: 'typedConfig',
        value: any(UpstreamTlsContextSchema, {
          commonTlsContext: { tlsCertificateSdsSecretConfigs: [{ name: 'own', sdsConfig: ads }] },
        }),
      },
    },
  });
}

function ownSecret({ certificate, key }: TestCertificate): EncodedResource {
  const inline = (text: string) => create(DataSourceSchema, { specifier: { case: 'inlineString', value: text } });
  return encode(typeUrls.secret, 'own', SecretSchema, {
    name: 'own',
    type: { case: 'tlsCertificate', value: { certificateChain: inline(certificate), privateKey: inline(key) } },
  });
}

/** The serial number that the port shows, or undefined if there is no handshake. */
function serialOf(port: number, root: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    httpsRequest({ host: '127.0.0.1', port, path: '/', agent: false, ca: root }, (answer) => {
      answer.resume();
      const { socket } = answer;
      resolve(
        'getPeerCertificate' in socket
          ? (socket as import('node:tls').TLSSocket).getPeerCertificate().serialNumber
          : undefined,
      );
    })
      .on('error', () => resolve(undefined))
      .end();
  });
}

describe.each(['DELTA_GRPC', 'GRPC'] as const)('%s', (apiType) => {
  let ca: TestCa;
  let xds: Fixture;
  let envoy: RunningEnvoy;
  let backend: Server;
  let folder: string;
  const seen: (Uint8Array | undefined)[] = [];

  beforeAll(async () => {
    ca = await createTestCa();
    folder = mkdtempSync(join(tmpdir(), 'cellwall-xds-'));
    const own = await ca.issue({ uri: 'spiffe://td/cellwall/server', ip: ['127.0.0.1'] });
    const paths = writeTestCertificate(folder, await ca.issue({ uri: 'spiffe://td/service/a' }));
    xds = await startXds({
      tls: { certificate: own.certificate, key: new Redacted(own.key), roots: ca.root },
      authenticate: (peer, claims) => {
        seen.push(peer.certificate);
        return byName(peer, claims);
      },
    });
    backend = createServer((_request, answer) => answer.end('fine'));
    await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
    envoy = await startEnvoy(adsBootstrap({ node: nodeKey, port: xds.port, apiType, tls: paths }));
  });
  afterAll(async () => {
    await envoy?.stop();
    await xds?.close();
    backend?.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const port = () => (backend.address() as AddressInfo).port;
  const nacks = () => xds.events.filter((event: StreamEvent) => event.kind === 'nacked');
  const sent = (kind: keyof typeof typeUrls) =>
    xds.events.filter((event) => event.kind === 'sent' && event.typeUrl === typeUrls[kind]).length;

  test('1. is held while there is no snapshot', async () => {
    await until('a stream', () => xds.events.some(({ kind }) => kind === 'connected'));
    expect(xds.events.filter(({ kind }) => kind === 'sent')).toEqual([]);
    expect(seen.every((certificate) => certificate !== undefined && certificate.length > 200)).toBe(true);
  });

  test('2. takes all types and serves', async () => {
    xds.cache.set(nodeKey, snapshot(1, port(), RBAC_Action.DENY));
    const listening = await envoy.port('in');
    await until('200', async () => (await get(listening)) === 200);
    expect(nacks()).toEqual([]);
    expect(await stat(envoy, 'cluster_manager.cds.update_success')).toBeGreaterThan(0);
    expect(await stat(envoy, 'listener_manager.lds.update_success')).toBeGreaterThan(0);
    expect(await stat(envoy, 'cluster_manager.cds.update_rejected')).toBe(0);
    expect(await stat(envoy, 'listener_manager.lds.update_rejected')).toBe(0);
    expect(await stat(envoy, 'control_plane.connected_state')).toBe(1);
  });

  test('3. enforces a changed ECDS filter, and nothing else is sent', async () => {
    const listening = await envoy.port('in');
    const before = { cluster: sent('cluster'), listener: sent('listener'), extension: sent('extension') };
    xds.cache.set(nodeKey, snapshot(2, port(), RBAC_Action.ALLOW));
    await until('403', async () => (await get(listening)) === 403);
    xds.cache.set(nodeKey, snapshot(3, port(), RBAC_Action.DENY));
    await until('200', async () => (await get(listening)) === 200);
    expect({ cluster: sent('cluster'), listener: sent('listener'), extension: sent('extension') }).toEqual({
      ...before,
      extension: before.extension + 2,
    });
  });

  const nothingWarms = async (): Promise<void> => {
    expect(await stat(envoy, 'listener_manager.total_listeners_warming')).toBe(0);
    expect(await stat(envoy, 'cluster_manager.warming_clusters')).toBe(0);
  };
  const sentOfAll = () =>
    Object.fromEntries(Object.keys(typeUrls).map((kind) => [kind, sent(kind as keyof typeof typeUrls)]));

  test('3a. takes a changed listener whose route and filter are not sent again: it has them', async () => {
    const before = sentOfAll();
    xds.cache.set(nodeKey, snapshot(3, port(), RBAC_Action.DENY, { statPrefix: 'changed' }));
    await until('the changed listener serves', async () => {
      expect(await get(await envoy.port('in'))).toBe(200);
      return (await stat(envoy, 'http.changed.downstream_rq_2xx')) > 0;
    });
    await nothingWarms();
    expect(sentOfAll()).toEqual({ ...before, listener: Number(before['listener']) + 1 });
    // The filter that it has is the one that changes.
    xds.cache.set(nodeKey, snapshot(3, port(), RBAC_Action.ALLOW, { statPrefix: 'changed' }));
    await until('403', async () => (await get(await envoy.port('in'))) === 403);
    // And back again.
    xds.cache.set(nodeKey, snapshot(3, port(), RBAC_Action.DENY));
    await until('200', async () => (await get(await envoy.port('in'))) === 200);
    await nothingWarms();
    expect(nacks()).toEqual([]);
  });

  test('4. swaps a cluster without a failed request', async () => {
    const listening = await envoy.port('in');
    let swapped = false;
    const statuses: number[] = [];
    const load = (async () => {
      while (!swapped) statuses.push(await get(listening));
    })();
    xds.cache.set(nodeKey, snapshot(4, port(), RBAC_Action.DENY, { cluster: 'other' }));
    await until(
      'the old cluster to go',
      async () => !(await (await fetch(`${envoy.admin}/clusters`)).text()).includes('backend::'),
    );
    swapped = true;
    await load;
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(nacks()).toEqual([]);
  });

  let secret: TestCertificate;
  const inForce = [tlsListener('other', 'changed'), tlsCluster('two')];
  const issue = () => ca.issue({ uri: 'spiffe://td/service/a', ip: ['127.0.0.1'] });
  const withTls = (revision: number, action: RBAC_Action, ...more: readonly EncodedResource[]) => {
    const rest = [...snapshot(revision, port(), action, { cluster: 'other' }).resources.values()];
    return collect(revision, [...rest.flatMap((all) => [...all.values()]), tlsListener('other'), ...more]);
  };

  test('5. a secret that is not there yet is awaited, then taken, then rotated', async () => {
    const listeners = sent('listener');
    xds.cache.set(nodeKey, withTls(5, RBAC_Action.DENY));
    await until('the listener to be sent', () => sent('listener') === listeners + 1);
    secret = await issue();
    xds.cache.set(nodeKey, withTls(6, RBAC_Action.DENY, ownSecret(secret)));
    const listening = await envoy.port('tls');
    await until('a handshake', async () => (await serialOf(listening, ca.root)) !== undefined);
    const first = await serialOf(listening, ca.root);
    secret = await issue();
    xds.cache.set(nodeKey, withTls(7, RBAC_Action.DENY, ownSecret(secret)));
    await until('another serial', async () => (await serialOf(listening, ca.root)) !== first);
    expect(nacks()).toEqual([]);
    expect(sent('listener')).toBe(listeners + 1);
  });

  test('5a. takes a changed listener and a changed cluster whose secret is not sent again: it has it', async () => {
    xds.cache.set(nodeKey, withTls(7, RBAC_Action.DENY, ownSecret(secret), tlsCluster('one')));
    await until('the cluster', async () => (await stat(envoy, 'cluster.one.membership_total')) >= 0);
    await nothingWarms();
    const before = sentOfAll();
    xds.cache.set(nodeKey, withTls(7, RBAC_Action.DENY, ownSecret(secret), ...inForce));
    await until('the changed cluster', async () => (await stat(envoy, 'cluster.two.membership_total')) >= 0);
    await until('the changed listener serves', async () => {
      expect(await serialOf(await envoy.port('tls'), ca.root)).toBeDefined();
      return (await stat(envoy, 'tcp.changed.downstream_cx_total')) > 0;
    });
    await nothingWarms();
    expect(sentOfAll()).toEqual({
      ...before,
      listener: Number(before['listener']) + 1,
      cluster: Number(before['cluster']) + 1,
    });
    expect(nacks()).toEqual([]);
  });

  test('6. a restarted control plane sends nothing again', async () => {
    await until('all answered', () => {
      const count = (kind: string) => xds.events.filter((event) => event.kind === kind).length;
      return count('sent') === count('acked');
    });
    const was = xds.port;
    const own = await ca.issue({ uri: 'spiffe://td/cellwall/server', ip: ['127.0.0.1'] });
    await xds.close();
    xds = await startXds({
      address: `127.0.0.1:${was}`,
      tls: { certificate: own.certificate, key: new Redacted(own.key), roots: ca.root },
    });
    xds.cache.set(nodeKey, withTls(7, RBAC_Action.DENY, ownSecret(secret), ...inForce));
    await until('a stream', () => xds.events.some(({ kind }) => kind === 'connected'));
    // A new resource is the sign that everything before it was handled.
    xds.cache.set(nodeKey, withTls(8, RBAC_Action.ALLOW, ownSecret(secret), ...inForce));
    const listening = await envoy.port('in');
    await until('403', async () => (await get(listening)) === 403);
    const types = xds.events.flatMap((event) => (event.kind === 'sent' ? [event.typeUrl] : []));
    expect(types).toEqual([typeUrls.extension]);
  });

  test('7. one that is bad among several new filters keeps none of the others away', async () => {
    const names = ['b', 'c', 'd', 'e', 'f', 'g', 'h'];
    const more = (bad: string) => names.map((name) => [name, name === bad ? 'bad' : 'good'] as const);
    xds.events.length = 0;
    xds.cache.set(nodeKey, snapshot(1, port(), RBAC_Action.DENY, { statPrefix: 'more', more: more('e') }));
    // All in one response, or in as many as Envoy asks for; then each alone, and the bad one is rejected again, and not sent again.
    await until('its rejections', () => nacks().length >= 2);
    const taken = async (name: string) =>
      await stat(envoy, `extension_config_discovery.http_filter.${name}.config_reload`);
    for (const name of names.filter((one) => one !== 'e')) await until(name, async () => (await taken(name)) > 0);
    expect(await taken('e')).toBe(0);
    // Without a filter that it wants, a listener lets nothing through.
    await until('500', async () => (await get(await envoy.port('in'))) === 500);
    xds.cache.set(nodeKey, snapshot(1, port(), RBAC_Action.DENY, { statPrefix: 'more', more: more('none') }));
    await until('200', async () => (await get(await envoy.port('in'))) === 200);
    xds.cache.set(nodeKey, snapshot(1, port(), RBAC_Action.DENY));
    const served = await stat(envoy, 'http.in.downstream_rq_2xx');
    await until('as before', async () => {
      await get(await envoy.port('in'));
      return (await stat(envoy, 'http.in.downstream_rq_2xx')) > served;
    });
    xds.events.splice(0);
  });
});
