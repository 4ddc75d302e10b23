// Nothing that Envoy's schema calls sensitive is shown, wherever it stands.
import { fromJson, type JsonValue, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { envoyRegistry } from '../../src/translate/raw/envoy-registry.ts';
import { redactedJson } from '../../src/translate/redacted-json.ts';

const google = 'type.googleapis.com';
const tls = `${google}/envoy.extensions.transport_sockets.tls.v3`;
const source = (text: string): JsonValue => ({ inline_string: text });
const certificate = { certificate_chain: source('PUBLIC'), private_key: source('HIDDEN'), password: source('HIDDEN') };
const upstream = { '@type': `${tls}.UpstreamTlsContext`, common_tls_context: { tls_certificates: [certificate] } };

const resources: readonly (readonly [what: string, type: string, json: JsonValue])[] = [
  ['a certificate', `${tls}.Secret`, { name: 'x', tls_certificate: certificate }],
  ['PKCS#12', `${tls}.Secret`, { name: 'x', tls_certificate: { pkcs12: { inline_bytes: 'SElEREVO' } } }],
  ['ticket keys', `${tls}.Secret`, { name: 'x', session_ticket_keys: { keys: [source('HIDDEN')] } }],
  ['a secret', `${tls}.Secret`, { name: 'x', generic_secret: { secret: source('HIDDEN') } }],
  ['named secrets', `${tls}.Secret`, { name: 'x', generic_secret: { secrets: { a: source('HIDDEN') } } }],
  [
    'in a typed_config',
    `${google}/envoy.config.cluster.v3.Cluster`,
    { name: 'x', transport_socket: { name: 'tls', typed_config: upstream } },
  ],
  [
    'in a map of a typed_config',
    `${google}/envoy.config.core.v3.TypedExtensionConfig`,
    {
      name: 'x',
      typed_config: {
        '@type': `${google}/envoy.config.route.v3.RouteConfiguration`,
        virtual_hosts: [
          {
            name: 'all',
            domains: ['*'],
            typed_per_filter_config: {
              auth: {
                '@type': `${google}/envoy.extensions.filters.http.basic_auth.v3.BasicAuthPerRoute`,
                users: source('HIDDEN'),
              },
            },
          },
        ],
      },
    },
  ],
];

test.each(resources)('%s', (_, type, json) => {
  const registry = envoyRegistry();
  const schema = registry.getMessage(type.slice(type.lastIndexOf('/') + 1));
  if (schema === undefined) throw new Error(type);
  const bytes = toBinary(schema, fromJson(schema, json, { registry }));
  const text = JSON.stringify(redactedJson(type, bytes));
  expect(text).toContain('"[redacted]"');
  expect(text).not.toMatch(/HIDDEN|SElEREVO/);
  expect(text.includes('PUBLIC')).toBe(JSON.stringify(json).includes('PUBLIC'));
});
