// A real Envoy takes one random mesh after another, changes of protocol and mode included, and refuses none.
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import type { ProxyShape } from '../../src/translate/proxy.ts';
import { typeUrls } from '../../src/xds/resources/type-url.ts';
import { createTestCa } from '../support/test-ca.ts';
import { shapeOnFreePorts, startTranslatedProxy, type TranslatedInputs } from '../support/translated-proxy.ts';
import { arbitraryCase, type Case, shapesOf } from './arbitrary-mesh.ts';

const rounds = 15;

test('random meshes', async () => {
  const ca = await createTestCa();
  const inputs = ({ mesh, endpoints }: Case): TranslatedInputs => {
    const services = [...mesh.services.values()].map((service) => ({
      ...service,
      dependsOn: service.dependsOn.map((dependency) => ({ ...dependency, listen: 0 })),
    }));
    return {
      mesh: { ...mesh, services: new Map(services.map((service) => [service.key, service])) },
      endpoints,
      bundles: { roots: ca.root, legacyAnchors: new Map([['old', ca.root]]) },
    };
  };
  const [first, ...rest] = fc.sample(arbitraryCase, rounds);
  const shape: ProxyShape | undefined = first && shapesOf(first)[0];
  if (first === undefined || shape === undefined) throw new Error('no case');
  const proxy = await startTranslatedProxy(
    inputs(first),
    shapeOnFreePorts(shape),
    await ca.issue({ uri: shape.spiffeId }),
  );
  const accepted = (): Promise<void> =>
    vi.waitFor(
      () => {
        expect(proxy.ads.nacks).toEqual([]);
        for (const type of [typeUrls.cluster, typeUrls.listener]) expect(proxy.ads.acked).toContain(type);
      },
      { timeout: 20_000 },
    );
  try {
    await accepted();
    for (const next of rest) {
      proxy.update(inputs(next));
      await accepted();
    }
  } finally {
    await proxy.stop();
  }
});
