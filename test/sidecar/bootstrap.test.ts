// The bootstrap, written and shipped: accepted by the real Envoy, safe in what it says.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { silentLog } from '../../src/lib/log.ts';
import { type BootstrapParams, bootstrap } from '../../src/sidecar/envoy/bootstrap.ts';
import { fetchSvid } from '../../src/sidecar/svid/svid-fetch.ts';
import { createIdentityHarness } from '../support/identity-harness.ts';
import { validateBootstrap } from '../support/validate-bootstrap.ts';

const serverId = 'spiffe://td1/cellwall/server';
let dir: string;
let secrets: BootstrapParams['secrets'];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cellwall-bootstrap-'));
  const harness = await createIdentityHarness();
  const svidDir = join(dir, 'svid');
  await fetchSvid({
    identity: `127.0.0.1:${harness.address.port}`,
    token: await harness.token('spiffe://td1/service/api'),
    dir: svidDir,
    log: silentLog,
  });
  await harness.close();
  secrets = { certificate: join(svidDir, 'xds-certificate.json'), bundle: join(svidDir, 'xds-bundle.json') };
  // svid fetch writes them, too.
  expect(statSync(join(svidDir, 'xds-certificate.json')).mode & 0o777).toBe(0o600);
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));

function params(more: Partial<BootstrapParams> = {}): BootstrapParams {
  return {
    spiffeId: 'spiffe://td1/service/api',
    instance: 'a',
    service: 'api',
    ports: [{ name: 'default', inbound: { host: '10.0.0.5', port: 8443 }, application: { host: '::1', port: 8080 } }],
    xds: [{ host: '127.0.0.1', port: 18_000 }],
    variant: 'delta',
    serverId,
    admin: { kind: 'unix', path: join(dir, 'admin.sock') },
    secrets,
    ...more,
  };
}

describe('the bootstrap', () => {
  it.each<[string, Partial<BootstrapParams>]>([
    ['over delta', {}],
    ['over state of the world', { variant: 'sotw' }],
    ['over single-type services', { variant: 'single-delta' }],
    ['over single-type services in state of the world', { variant: 'single-sotw' }],
    ['of a control plane by name', { xds: [{ host: 'cellwall.internal', port: 18_000 }] }],
    ['of a control plane over IPv6', { xds: [{ host: '::1', port: 18_000 }] }],
    [
      'of several control planes',
      {
        xds: [
          { host: '127.0.0.1', port: 18_000 },
          { host: 'cellwall.internal', port: 18_000 },
        ],
      },
    ],
    ['with admin on loopback', { admin: { kind: 'tcp', host: '127.0.0.1', port: 0 } }],
  ])('is accepted by Envoy %s', async (_, more) => {
    const path = join(dir, 'envoy.json');
    writeFileSync(path, JSON.stringify(bootstrap(params(more))));
    expect(await validateBootstrap(path)).toBeUndefined();
  });

  it('says who the proxy is, and where it and its application listen', () => {
    expect(bootstrap(params())).toMatchObject({
      node: {
        id: 'spiffe://td1/service/api~a',
        cluster: 'api',
        metadata: { cellwall: { inbound: '10.0.0.5:8443', application: '[::1]:8080' } },
      },
    });
  });

  it('with few descriptors has the same runtime, and a bound more', () => {
    const [first, second] = JSON.parse(JSON.stringify(bootstrap(params({ maxConnections: 52 })))).layered_runtime
      .layers;
    expect([first]).toEqual(JSON.parse(JSON.stringify(bootstrap(params()))).layered_runtime.layers);
    expect(second.static_layer).toEqual({ 'circuit_breakers.inbound.default.max_connections': 52 });
  });

  it.each(['delta', 'sotw'] as const)('without ADS asks over the services of each type, and says so: %s', (variant) => {
    const made = JSON.parse(JSON.stringify(bootstrap(params({ variant: `single-${variant}` }))));
    expect(made.node.metadata.cellwall.singleServices).toBe(variant);
    expect(made.dynamic_resources.ads_config).toBeUndefined();
    for (const source of [made.dynamic_resources.lds_config, made.dynamic_resources.cds_config]) {
      expect(source.api_config_source.api_type).toBe(variant === 'delta' ? 'DELTA_GRPC' : 'GRPC');
    }
  });

  it('holds no key, trusts one name only, and takes no secret of its xDS connection from ADS', () => {
    const text = JSON.stringify(bootstrap(params()));
    expect(text).not.toContain('PRIVATE KEY');
    expect(text).toContain(JSON.stringify([{ san_type: 'URI', matcher: { exact: serverId } }]));
    const [cluster] = JSON.parse(text).static_resources.clusters;
    expect(JSON.stringify(cluster)).not.toContain('"ads"');
  });
});

describe('the examples in envoy/', () => {
  const example = (name: string): string => readFileSync(join(import.meta.dirname, '../../envoy', name), 'utf8');

  it.each(['bootstrap-sidecar.yaml', 'bootstrap-plain.yaml'])('%s is accepted by Envoy', async (name) => {
    const path = join(dir, name);
    const text = example(name).replaceAll('/var/lib/cellwall/', `${dir}/svid/`);
    writeFileSync(path, text);
    expect(await validateBootstrap(path)).toBeUndefined();
  });

  it('shows in bootstrap-sidecar.yaml what the sidecar writes', () => {
    const written = bootstrap({
      ...params(),
      spiffeId: 'spiffe://cells.example/cell/cell-1/service/api',
      instance: 'a1',
      ports: [
        { name: 'default', inbound: { host: '10.0.0.5', port: 8443 }, application: { host: '127.0.0.1', port: 8080 } },
      ],
      xds: [{ host: 'cellwall.internal', port: 18_000 }],
      serverId: 'spiffe://cells.example/cellwall/server',
      admin: { kind: 'unix', path: '/var/lib/cellwall/admin.sock' },
      secrets: { certificate: '/var/lib/cellwall/xds-certificate.json', bundle: '/var/lib/cellwall/xds-bundle.json' },
    });
    const numbers = (_: string, value: unknown): unknown => (value === '50000' ? 50_000 : value);
    expect(parse(example('bootstrap-sidecar.yaml'))).toEqual(JSON.parse(JSON.stringify(written, numbers)));
  });
});
