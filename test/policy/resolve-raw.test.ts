// Whom EnvoyResource documents are for, and that explain does not answer for what they take out of its hands.
import { describe, expect, test } from 'vitest';
import { answerExplain } from '../../src/admin/answer-explain.ts';
import { parseDocuments } from '../../src/model/parse.ts';
import { resolve } from '../../src/policy/resolve/resolve.ts';

const base = `
apiVersion: cellwall/v1
kind: Mesh
metadata: {name: mesh}
spec: {trustDomain: td.test}
---
apiVersion: cellwall/v1
kind: Service
metadata: {name: api}
spec: {protocol: http1}
---
apiVersion: cellwall/v1
kind: EnvoyResource
metadata: {name: raw}
`;
const resolved = (spec: string) => {
  const parsed = parseDocuments(`${base}spec: ${spec}\n`, 'raw.yaml');
  if (parsed.kind !== 'parsed') throw new Error(JSON.stringify(parsed.problems));
  return resolve(parsed.documents);
};
const type = (name: string): string => `type.googleapis.com/envoy.config.${name}`;
const patch = (selector: string, name: string): string =>
  `{selector: ${selector}, patch: {operation: remove, typeUrl: ${type('listener.v3.Listener')}, name: "${name}"}}`;

describe('selectors', () => {
  test.each([
    ['{services: [nope]}', 'unknown-service'],
    ['{}', 'empty-selector'],
    ['{all: true, services: [api]}', 'ambiguous-selector'],
  ])('%s', (selector, code) => {
    const resolution = resolved(patch(selector, 'inbound'));
    expect(resolution).toMatchObject({ kind: 'unresolved', problems: [{ code }] });
  });

  test('an identity that nobody has is a warning', () => {
    const resolution = resolved(patch('{identities: ["spiffe://td.test/x"]}', 'inbound'));
    expect(resolution).toMatchObject({ kind: 'resolved', warnings: [{ code: 'idle-selector' }] });
  });
});

describe('explain', () => {
  const explained = (spec: string) => {
    const resolution = resolved(spec);
    if (resolution.kind !== 'resolved') throw new Error(JSON.stringify(resolution.problems));
    return answerExplain(resolution.mesh, { caller: 'anonymous', target: 'api' });
  };

  test('is undecidable where a raw patch touches what decides', () => {
    expect(explained(patch('{services: [api]}', 'inbound')).undecidable).toMatchObject([
      { document: 'EnvoyResource/raw', source: { file: 'raw.yaml' } },
    ]);
    const ecds =
      `{selector: {all: true}, patch: {operation: merge, typeUrl: ${type('core.v3.TypedExtensionConfig')}, name: ` +
      'api/authz-allow, value: {}}}';
    expect(explained(ecds).undecidable).toHaveLength(1);
    const door = `{selector: {all: true}, resource: {"@type": ${type('listener.v3.Listener')}, name: door}}`;
    expect(explained(door).undecidable).toHaveLength(1);
    const upstream =
      `{selector: {all: true}, patch: {operation: merge, typeUrl: ${type('cluster.v3.Cluster')}, name: inbound, ` +
      'value: {typed_extension_protocol_options: {}}}}';
    expect(explained(upstream).undecidable).toHaveLength(1);
  });

  test('decides where it does not', () => {
    expect(explained(patch('{services: [api]}', 'outbound:api')).undecidable).toBeUndefined();
    const cluster = `{selector: {all: true}, resource: {"@type": ${type('cluster.v3.Cluster')}, name: x}}`;
    expect(explained(cluster).undecidable).toBeUndefined();
  });
});
