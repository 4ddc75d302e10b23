// A constrained legacy CA as a real Envoy's trust anchor: its certificates are accepted, its forgeries of our names are not.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLegacyAnchors } from '../../src/identity/legacy/anchors.ts';
import { domainOf } from '../support/identity-harness.ts';
import { type RunningEnvoy, startEnvoy } from '../support/start-envoy.ts';
import { createTestCa, type TestCa, type TestCertificate, type TestCertificateOptions } from '../support/test-ca.ts';

let dir: string;
let legacy: TestCa;
let envoy: RunningEnvoy;
let port: number;

function bootstrap(anchor: string, { certificate, key }: TestCertificate): object {
  const type = 'type.googleapis.com/envoy.extensions';
  const tls = {
    '@type': `${type}.transport_sockets.tls.v3.DownstreamTlsContext`,
    require_client_certificate: true,
    common_tls_context: {
      tls_certificates: [{ certificate_chain: { inline_string: certificate }, private_key: { inline_string: key } }],
      validation_context: { trusted_ca: { inline_string: anchor } },
    },
  };
  const echo = { name: 'echo', typed_config: { '@type': `${type}.filters.network.echo.v3.Echo` } };
  return {
    static_resources: {
      listeners: [
        {
          name: 'in',
          address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
          filter_chains: [{ transport_socket: { name: 'tls', typed_config: tls }, filters: [echo] }],
        },
      ],
    },
  };
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cellwall-constrain-'));
  const anchors = createLegacyAnchors(domainOf('td1'));
  legacy = await createTestCa('legacy root');
  const server = await (await createTestCa('server root')).issue({ dns: ['localhost'] });
  envoy = await startEnvoy(bootstrap(anchors(legacy.root), server));
  port = await envoy.port('in');
});

afterAll(async () => {
  await envoy.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** Whether Envoy lets the holder of such a certificate speak. TLS 1.3 tells a client of its refusal after the handshake. */
function accepted({ certificate, key }: TestCertificate): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, cert: certificate, key, rejectUnauthorized: false });
    socket.on('secureConnect', () => socket.write('x'));
    socket.on('data', () => {
      resolve(true);
      socket.destroy();
    });
    socket.on('error', () => resolve(false));
    socket.on('close', () => resolve(false));
  });
}

describe('with the constrained legacy CA as trust anchor, Envoy', () => {
  it.each<[string, TestCertificateOptions]>([
    ['a DNS name', { dns: ['old.example'] }],
    ['an IP address', { ip: ['10.0.0.1'] }],
    ['an identity of another trust domain', { uri: 'spiffe://td2/service/api' }],
  ])('accepts its certificate for %s', async (_, options) => {
    expect(await accepted(await legacy.issue(options))).toBe(true);
  });

  it.each<[string, TestCertificateOptions]>([
    ['an identity of ours', { uri: 'spiffe://td1/cell/cell-1/service/api' }],
    ['an identity of ours beside a DNS name', { uri: 'spiffe://td1/service/api', dns: ['old.example'] }],
    ['our trust domain in capitals', { uri: 'spiffe://TD1/service/api' }],
    ['our trust domain behind a user', { uri: 'spiffe://user@td1/service/api' }],
  ])('refuses its forgery of %s', async (_, options) => {
    expect(await accepted(await legacy.issue(options))).toBe(false);
  });

  it('refuses certificates of anyone else', async () => {
    expect(await accepted(await (await createTestCa('legacy root')).issue({ dns: ['old.example'] }))).toBe(false);
  });
});
