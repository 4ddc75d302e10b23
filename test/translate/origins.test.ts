// Which documents make a resource. The judge is translate itself: whatever a document changes, it is among those that made it.
import { toBinary } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { createLiveEndpoints } from '../../src/control/live-endpoints.ts';
import { type Origin, placeOf } from '../../src/model/origin.ts';
import type { ParsedDocument } from '../../src/model/parsed-document.ts';
import { placeText } from '../../src/model/place-text.ts';
import type { MeshIr, ServiceIr } from '../../src/policy/ir.ts';
import { resolve } from '../../src/policy/resolve/resolve.ts';
import { isFor } from '../../src/policy/resolve/resolve-raw.ts';
import type { TranslatedResource } from '../../src/translate/proxy.ts';
import { applyRaw } from '../../src/translate/raw/apply-raw.ts';
import { translate } from '../../src/translate/translate.ts';
import { cellText, documentsOf, policyText, serviceText, workloadText, yaml } from '../support/resolve-text.ts';

const own = `spiffe://td1/cell/c1/service/api`;
const text = yaml(
  'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, breakGlass: [spiffe://td1/oncall], authorization: ' +
    '{withinCell: allow}, jwtIssuers: []}',
  cellText('c1', 1),
  cellText('c2', 2),
  serviceText(
    'c1/api',
    'http1',
    ', health: {path: /ok}, identityHeaders: {subjectDn: true, trustedFrom: [{service: web}]}',
  ),
  serviceText('c2/api', 'grpc'),
  serviceText(
    'c1/web',
    'http1',
    ', dependsOn: [{service: api, listen: 15001}, {service: c2/api, listen: 15002}, {service: db, listen: 15003}]',
  ),
  serviceText('c2/web', 'http1', ', dependsOn: [{service: c1/api, listen: 15001}]'),
  serviceText(
    'c1/db',
    'tcp',
    ', mtls: {mode: permissive}, endpoints: {static: [{address: 10.0.0.1, port: 1, cell: c1}, {address: 10.0.0.2, port: 1, cell: c2}]}',
  ),
  policyText(
    'c1/first',
    'api',
    'allow',
    '[{from: [{service: web}]}, {from: [{eachCell: web}], to: [{methods: [GET], path: {prefix: "/a"}}]}]',
  ),
  policyText('c1/second', 'api', 'deny', '[{from: [{cell: c2}], to: [{path: {prefix: "/b"}}]}]'),
  policyText('c1/tried', 'api', 'allow', '[{from: [{everyone: true}]}]', 'shadow'),
  policyText('c2/nobody', 'api', 'allow', '[]'),
  policyText('c1/db', 'db', 'deny', '[{from: [{service: c2/web}]}]'),
  workloadText('own', `{identity: {spiffeId: "${own}"}, lifetime: 10m}`),
  workloadText('oncall', '{identity: {spiffeId: "spiffe://td1/oncall"}}'),
  'kind: EnvoyResource\nmetadata: {name: slow}\nspec: {selector: {services: [c1/web]}, patch: {operation: merge, ' +
    'typeUrl: type.googleapis.com/envoy.config.cluster.v3.Cluster, name: "outbound:c1/api", value: ' +
    '{connect_timeout: 3s}}}',
);

interface Made {
  readonly bytes: string;
  readonly madeBy: readonly Origin[];
}

function meshOf(documents: readonly ParsedDocument[]): MeshIr | undefined {
  const is = resolve(documents);
  return is.kind === 'resolved' ? is.mesh : undefined;
}

function resourcesOf(mesh: MeshIr, { key, spiffeId }: ServiceIr): readonly TranslatedResource[] {
  const shape = {
    ...{ spiffeId, service: key },
    ports: [{ name: 'default', inbound: { address: '10.1.1.1', port: 1 }, application: { path: '/app' } }],
  };
  const made = translate(
    mesh,
    createLiveEndpoints().of(mesh, []),
    { roots: 'ROOTS\n', legacyAnchors: new Map() },
    shape,
  );
  return applyRaw(
    made,
    (mesh.rawResources ?? []).filter((raw) => isFor(raw, spiffeId)),
  );
}

/** By service, type and name. */
function everything(mesh: MeshIr): ReadonlyMap<string, Made> {
  return new Map(
    [...mesh.services.values()].flatMap((service) =>
      resourcesOf(mesh, service).map(({ typeUrl, name, schema, message, madeBy }): [string, Made] => [
        `${service.key} ${typeUrl} ${name}`,
        { bytes: Buffer.from(toBinary(schema, message)).toString('base64'), madeBy: madeBy() },
      ]),
    ),
  );
}

const documents = documentsOf(text);
const mesh = meshOf(documents);
if (mesh === undefined) throw new Error(JSON.stringify(resolve(documents)));
const before = everything(mesh);
const byKey = new Map(documents.map((parsed) => [parsed.key, parsed]));
const madeBy = (name: string): readonly string[] => {
  const found = [...before].find(([key]) => key.endsWith(name))?.[1];
  return (found?.madeBy ?? []).flatMap((origin) => placeOf(origin, byKey) ?? []).map(placeText);
};

/** The documents as they are after an edit. */
function edits(): readonly (readonly [what: string, document: string, after: readonly ParsedDocument[]])[] {
  const gone = documents.map((one): [string, string, readonly ParsedDocument[]] => [
    `without ${one.key}`,
    one.key,
    documents.filter((other) => other !== one),
  ]);
  const changed: readonly [from: string, to: string, document: string][] = [
    ['spec: {id: 2, region: east}', 'spec: {id: 2, region: west}', 'Cell/c2'],
    ['lifetime: 10m', 'lifetime: 20m', 'Workload/own'],
    ['breakGlass: [spiffe://td1/oncall]', 'breakGlass: []', 'Mesh/mesh'],
    ['withinCell: allow', 'acrossCells: allow', 'Mesh/mesh'],
    ['health: {path: /ok}', 'health: {path: /fine}', 'Service/c1/api'],
    ['methods: [GET]', 'methods: [PUT]', 'AuthorizationPolicy/c1/first'],
    ['listen: 15002', 'listen: 15009', 'Service/c1/web'],
    ['connect_timeout: 3s', 'connect_timeout: 4s', 'EnvoyResource/slow'],
    ['{everyone: true}', '{anonymous: true}', 'AuthorizationPolicy/c1/tried'],
  ];
  return [
    ...gone,
    ...changed.map(([from, to, document]): [string, string, readonly ParsedDocument[]] => {
      expect(text).toContain(from);
      return [`${from} → ${to}`, document, documentsOf(text.replace(from, to))];
    }),
  ];
}

describe('a document that changes a resource is among those that made it', () => {
  test.each(edits().map(([what, document, after]) => ({ what, document, after })))('$what', ({ document, after }) => {
    const edited = meshOf(after);
    // What others refer to cannot go alone.
    if (edited === undefined) return;
    const now = everything(edited);
    const names = ({ madeBy: origins }: Made): boolean => origins.some((origin) => origin.document === document);
    const silent = [...new Set([...before.keys(), ...now.keys()])].filter((key) => {
      const [was, is] = [before.get(key), now.get(key)];
      if (was?.bytes === is?.bytes) return false;
      // Of a resource that is not there before or afterwards the one that is there tells.
      return ![was, is].some((made) => made !== undefined && names(made)) && !ownIsGone(key, document);
    });
    expect(silent).toEqual([]);
  });

  /** A service that is gone has no proxy. */
  function ownIsGone(key: string, document: string): boolean {
    return document === `Service/${key.split(' ')[0]}`;
  }
});

test('every resource names documents, each of them one that there is, and a part of it that is written', () => {
  for (const [key, { madeBy: origins }] of before) {
    expect([key, origins.length > 0]).toEqual([key, true]);
    for (const { document, path } of origins) {
      const parsed = byKey.get(document);
      expect([key, document, parsed !== undefined]).toEqual([key, document, true]);
      const written = path.reduce((value: unknown, step) => Object(value)[step], parsed?.document);
      expect([key, document, path, written === undefined]).toEqual([key, document, path, false]);
    }
  }
});

test('down to the rule, the dependency and the patch, and its line', () => {
  const line = (what: string): number => text.slice(0, text.indexOf(what)).split('\n').length;
  const rule = (policy: string, index: number): string =>
    `AuthorizationPolicy/c1/${policy} spec.rules[${index}] (test.yaml:${line(`{name: ${policy}, cell: c1}`) + 1})`;
  expect(madeBy('c1/api/authz-allow').slice(0, 3)).toEqual([rule('first', 0), rule('first', 1), rule('tried', 0)]);
  expect(madeBy('c1/api/authz-deny')[0]).toBe(rule('second', 0));
  expect(madeBy('c2/api/authz-allow')[0]).toMatch(/^AuthorizationPolicy\/c2\/nobody \(test\.yaml:\d+\)$/);
  const [patch, dependency] = madeBy('.Cluster outbound:c1/api');
  expect(patch).toBe(`EnvoyResource/slow spec.patch (test.yaml:${line('connect_timeout')})`);
  expect(dependency).toBe(`Service/c1/web spec.dependsOn[0] (test.yaml:${line('dependsOn: [{service: api')})`);
});

test('another line makes nothing else: equal bytes, and places that moved', () => {
  const moved = meshOf(documentsOf(`# a remark\n\n${text}`));
  if (moved === undefined) throw new Error('does not resolve');
  const now = everything(moved);
  expect([...now].map(([key, { bytes }]) => [key, bytes])).toEqual([...before].map(([key, { bytes }]) => [key, bytes]));
});

test('of a document that came by API, the line in its own text', () => {
  const place = { document: 'Service/c1/api', path: '', source: { file: 'Service/c1/api', line: 3, column: 1 } };
  expect(placeText(place)).toBe('Service/c1/api (line 3)');
});
