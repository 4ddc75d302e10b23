// What holds for whatever is translated: nothing dangerous, nothing that leads nowhere, and equal bytes for equal things.
import { toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { lint } from '../../src/translate/linter.ts';
import { inboundName } from '../../src/translate/names.ts';
import type { ProxyShape, TranslatedResource } from '../../src/translate/proxy.ts';
import { translate } from '../../src/translate/translate.ts';
import { arbitraryCase, type Case, shapesOf } from './arbitrary-mesh.ts';

function run({ mesh, endpoints, bundles }: Case, shape: ProxyShape): readonly TranslatedResource[] {
  return translate(mesh, endpoints, bundles, shape);
}

function bytes({ schema, message }: TranslatedResource): string {
  return Buffer.from(toBinary(schema, message)).toString('base64');
}

test('the linter has nothing to say of what translate makes', () => {
  fc.assert(
    fc.property(arbitraryCase, (one) => {
      for (const shape of shapesOf(one)) expect(lint(run(one, shape))).toEqual([]);
    }),
    { numRuns: 60 },
  );
}, 120_000);

test('the order in which things were put into maps and lists of endpoints makes no difference', () => {
  fc.assert(
    fc.property(arbitraryCase, (one) => {
      const turned: Case = {
        mesh: { ...one.mesh, services: new Map([...one.mesh.services].reverse()) },
        endpoints: new Map([...one.endpoints].reverse().map(([key, list]) => [key, distinct(list).reverse()])),
        bundles: one.bundles,
      };
      const straight: Case = {
        ...one,
        endpoints: new Map([...one.endpoints].map(([key, list]) => [key, distinct(list)])),
      };
      for (const shape of shapesOf(one)) {
        expect(run(turned, shape).map(bytes)).toEqual(run(straight, shape).map(bytes));
      }
    }),
    { numRuns: 30 },
  );
});

test('a name shared by proxies is one thing: endpoints, filters and bundles', () => {
  fc.assert(
    fc.property(arbitraryCase, (one) => {
      const seen = new Map<string, string>();
      for (const resource of shapesOf(one).flatMap((shape) => run(one, shape))) {
        if (!/(Secret|TypedExtensionConfig|ClusterLoadAssignment)$/.test(resource.typeUrl)) continue;
        const name = `${resource.typeUrl} ${resource.name}`;
        expect([name, seen.get(name) ?? bytes(resource)]).toEqual([name, bytes(resource)]);
        seen.set(name, bytes(resource));
      }
    }),
    { numRuns: 30 },
  );
});

test('a proxy receives what its service declares and nothing else', () => {
  fc.assert(
    fc.property(arbitraryCase, (one) => {
      for (const shape of shapesOf(one)) {
        const service = shape.service && one.mesh.services.get(shape.service);
        const clusters = run(one, shape).filter(({ typeUrl }) => typeUrl.endsWith('.Cluster'));
        expect(clusters.map(({ name }) => name)).toEqual([
          ...(service?.ports ?? []).map(inboundName),
          ...(service?.dependsOn ?? []).map(({ port }) => `outbound:${port}`),
        ]);
        const { ports: _, ...client } = shape;
        expect(run(one, client).some(({ name }) => name.startsWith('inbound'))).toBe(false);
      }
    }),
    { numRuns: 30 },
  );
});

test('an identity that is no service receives nothing', () => {
  fc.assert(
    fc.property(arbitraryCase, (one) => {
      for (const { service: _, ...shape } of shapesOf(one)) expect(run(one, shape)).toEqual([]);
    }),
    { numRuns: 5 },
  );
});

function distinct<T extends { readonly address: string; readonly port: number }>(list: readonly T[]): T[] {
  return [...new Map(list.map((one) => [`${one.address} ${one.port}`, one])).values()];
}
