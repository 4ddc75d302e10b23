// Documents in, Envoy's resources out, one readable file a scenario. UPDATE_GOLDENS=1 writes them anew and deletes stale ones.
// A real Envoy accepts each of them.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { toJson } from '@bufbuild/protobuf';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { stringify } from 'yaml';
import type { MeshIr } from '../../src/policy/ir.ts';
import { extensionRegistry } from '../../src/translate/lint/registry.ts';
import { lint } from '../../src/translate/linter.ts';
import type { TranslatedResource } from '../../src/translate/proxy.ts';
import { translate } from '../../src/translate/translate.ts';
import { typeUrls } from '../../src/xds/resources/type-url.ts';
import { createTestCa, type TestCa } from '../support/test-ca.ts';
import { shapeOnFreePorts, startTranslatedProxy } from '../support/translated-proxy.ts';
import { goldenBundles, scenariosWith } from './scenarios.ts';

const folder = join(import.meta.dirname, 'golden');
const update = process.env['UPDATE_GOLDENS'] === '1';
/** Stands for the legacy CA in documents: only its presence shows. */
const legacyCa = (await createTestCa('old')).root;
const scenarios = scenariosWith(legacyCa);

function golden(resources: readonly TranslatedResource[]): string {
  const documents = resources.map(({ typeUrl, name, schema, message }) => {
    const body = toJson(schema, message, { registry: extensionRegistry, useProtoFieldName: true });
    return `# ${typeUrl.slice(typeUrl.lastIndexOf('.') + 1)} ${name}\n${stringify(body, { lineWidth: 0 })}`;
  });
  return documents.join('---\n');
}

describe('golden files', () => {
  test.each(Object.entries(scenarios))('%s', (name, { mesh, endpoints, shape }) => {
    const resources = translate(mesh, endpoints, goldenBundles, shape);
    expect(lint(resources)).toEqual([]);
    const file = join(folder, `${name}.yaml`);
    if (update) {
      mkdirSync(folder, { recursive: true });
      writeFileSync(file, golden(resources));
    }
    expect(golden(resources)).toBe(readFileSync(file, 'utf8'));
  });

  test('Envoy is given no field that it warns of, but on the health path and for rules that name methods', () => {
    const files = readdirSync(folder).filter((file) => readFileSync(join(folder, file), 'utf8').includes('google_re2'));
    expect(files).toEqual(['every-matcher.yaml', 'strict-http1-with-health-path.yaml']);
  });

  test('there is none that no scenario makes', () => {
    const stale = readdirSync(folder).filter((file) => !Object.hasOwn(scenarios, file.replace(/\.yaml$/, '')));
    if (update) for (const file of stale) rmSync(join(folder, file));
    expect(update ? [] : stale).toEqual([]);
  });
});

describe('a real Envoy accepts', () => {
  let ca: TestCa;
  beforeAll(async () => {
    ca = await createTestCa();
  });

  test.each(Object.entries(scenarios))('%s', async (_name, { mesh, endpoints, shape }) => {
    const proxy = await startTranslatedProxy(
      { mesh: onFreePorts(mesh), endpoints, bundles: { roots: ca.root, legacyAnchors: new Map([['old', ca.root]]) } },
      shapeOnFreePorts(shape),
      await ca.issue({ uri: shape.spiffeId }),
    );
    try {
      await vi.waitFor(
        () => {
          expect(proxy.ads.nacks).toEqual([]);
          expect(proxy.ads.acked).toEqual(
            new Set([...proxy.ads.acked, typeUrls.cluster, typeUrls.listener, typeUrls.secret, typeUrls.extension]),
          );
        },
        { timeout: 10_000 },
      );
      await proxy.envoy.port('inbound');
    } finally {
      await proxy.stop();
    }
  });
});

/** Loopback ports of the documents may be in use where the test runs. */
function onFreePorts(mesh: MeshIr): MeshIr {
  const services = [...mesh.services.values()].map((service) => ({
    ...service,
    dependsOn: service.dependsOn.map((dependency) => ({ ...dependency, listen: 0 })),
  }));
  return { ...mesh, services: new Map(services.map((service) => [service.key, service])) };
}
