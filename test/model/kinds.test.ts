// Every kind of document, against the contract.
import { expect, it } from 'vitest';
import { type KindName, kindNames } from '../../src/model/documents/kind-names.ts';
import { cellText, meshText, policyText, serviceText, workloadText } from '../support/resolve-text.ts';
import { createTestCa } from '../support/test-ca.ts';
import { type KindCase, kindContract } from './kind-contract.ts';

const base = [meshText(), cellText('cell-1', 1), serviceText('cell-1/api'), serviceText('db', 'tcp')];
const elsewhere = 'endpoints: {dns: {name: partner.example, port: 443}}';
const cluster = 'typeUrl: type.googleapis.com/envoy.config.cluster.v3.Cluster, name: inbound';
const raw = (name: string, services: string, operation = 'merge, value: {connect_timeout: 3s}') =>
  `kind: EnvoyResource\nmetadata: {name: ${name}}\nspec: {selector: {services: [${services}]}, patch: ` +
  `{${cluster}, operation: ${operation}}}`;

const { root } = await createTestCa('partner');
const trustBundle = (name: string, spec: object): string =>
  `kind: TrustBundle\nmetadata: {name: ${name}}\nspec: ${JSON.stringify(spec)}`;
const partner = { trustDomain: 'partner.example', bundle: root };
const url = 'https://spire.partner.example:8443';

const cases: Readonly<Record<KindName, KindCase>> = {
  Mesh: {
    others: base.slice(1),
    valid: [meshText('strict')],
    invalid: { 'no trust domain': 'kind: Mesh\nmetadata: {name: mesh}\nspec: {}' },
    unresolved: { 'two of them': [meshText(), meshText().replace('name: mesh', 'name: other')] },
  },
  Cell: {
    others: [meshText()],
    valid: [cellText('cell-1', 1), cellText('cell-2', 2)],
    invalid: { 'no number': 'kind: Cell\nmetadata: {name: cell-1}\nspec: {}' },
    unresolved: { 'two of one number': [cellText('cell-1', 1), cellText('cell-2', 1)] },
  },
  Service: {
    others: base.slice(0, 2),
    valid: base.slice(2),
    invalid: { 'another protocol': serviceText('api', 'smtp') },
    unresolved: {
      'a cell that is not there': [serviceText('cell-2/api')],
      'outside of the mesh, of a trust domain that is not known': [
        serviceText('out', 'http1', `, external: {spiffeId: "spiffe://partner.example/x"}, ${elsewhere}`),
      ],
      'outside of the mesh, with an identity of the mesh': [
        serviceText('out', 'http1', `, external: {spiffeId: "spiffe://td1/x"}, ${elsewhere}`),
      ],
    },
  },
  AuthorizationPolicy: {
    others: base,
    valid: [
      policyText('calls', 'db', 'allow', '[{from: [{service: cell-1/api}]}]'),
      policyText('cell-1/own', 'api', 'deny', '[{from: [{anonymous: true}]}]'),
    ],
    invalid: { 'another action': policyText('calls', 'db', 'maybe', '[]') },
    unresolved: {
      'a target that is not there': [policyText('calls', 'nobody', 'allow', '[{from: [{anonymous: true}]}]')],
    },
  },
  Workload: {
    others: base,
    valid: [
      workloadText('job', '{identity: {spiffeId: "spiffe://td1/job"}}'),
      workloadText('db', '{identity: {service: db}}'),
    ],
    invalid: { 'no identity': workloadText('job', '{}') },
    unresolved: {
      'an identity of another domain': [workloadText('job', '{identity: {spiffeId: "spiffe://td2/job"}}')],
    },
  },
  TrustBundle: {
    others: base,
    valid: [
      trustBundle('partner', partner),
      trustBundle('other', { trustDomain: 'other.example', endpoint: { profile: 'https_web', url } }),
      trustBundle('third', {
        ...{ trustDomain: 'third.example', bundle: root },
        endpoint: { profile: 'https_spiffe', url, spiffeId: 'spiffe://third.example/spire/server' },
      }),
    ],
    invalid: {
      'no trust domain': trustBundle('partner', { bundle: root }),
      'a URL without TLS': trustBundle('partner', {
        ...{ trustDomain: 'partner.example', endpoint: { profile: 'https_web', url: 'http://partner.example' } },
      }),
      'a password in a URL': trustBundle('partner', {
        ...{ trustDomain: 'partner.example', endpoint: { profile: 'https_web', url: 'https://a:b@partner.example' } },
      }),
    },
    unresolved: {
      'our own trust domain': [trustBundle('partner', { ...partner, trustDomain: 'td1' })],
      'a trust domain twice': [trustBundle('partner', partner), trustBundle('again', partner)],
      'no roots, from nowhere': [trustBundle('partner', { trustDomain: 'partner.example' })],
      'roots that are none': [trustBundle('partner', { ...partner, bundle: '{"keys": []}' })],
      'an endpoint of a trust domain that is not known yet': [
        trustBundle('partner', {
          trustDomain: 'partner.example',
          endpoint: { profile: 'https_spiffe', url, spiffeId: 'spiffe://partner.example/spire/server' },
        }),
      ],
      'an endpoint that proves to be of another one': [
        trustBundle('partner', {
          ...partner,
          endpoint: { profile: 'https_spiffe', url, spiffeId: 'spiffe://other.example/spire/server' },
        }),
      ],
    },
  },
  EnvoyResource: {
    others: base,
    valid: [raw('slow', 'db'), raw('slower', 'cell-1/api')],
    invalid: { 'another operation': raw('odd', 'db', 'replace') },
    unresolved: { 'a service that is not there': [raw('odd', 'nobody')] },
  },
};

for (const kind of kindNames) kindContract(kind, cases[kind]);

it('and there is no other', () => {
  expect(Object.keys(cases)).toEqual(kindNames);
});
