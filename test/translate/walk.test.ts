// The linter sees every message: the same ones, at the same places, that protobuf's own reflection leads to.
import { type DescMessage, isMessage, type Message } from '@bufbuild/protobuf';
import { type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { AnySchema, anyUnpack } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { extensionRegistry } from '../../src/translate/lint/registry.ts';
import { walk } from '../../src/translate/lint/walk.ts';
import { translate } from '../../src/translate/translate.ts';
import { arbitraryCase, shapesOf } from './arbitrary-mesh.ts';

function walked(schema: DescMessage, message: Message): readonly string[] {
  const places: string[] = [];
  walk(schema, message, extensionRegistry, {
    visit: ({ path, message: { $typeName }, ancestors }) => places.push(`${path} ${$typeName} ${ancestors.length}`),
    opaque: ({ path }, typeUrl) => places.push(`${path} opaque ${typeUrl}`),
  });
  return places.toSorted();
}

/** Slowly, by reflection alone. */
function reflected(schema: DescMessage, message: Message): readonly string[] {
  const places: string[] = [];
  const step = (one: ReflectMessage, path: string, depth: number): void => {
    if (isMessage(one.message, AnySchema)) {
      const unpacked = anyUnpack(one.message, extensionRegistry);
      const inner = unpacked && extensionRegistry.getMessage(unpacked.$typeName);
      if (unpacked !== undefined && inner !== undefined)
        step(reflect(inner, unpacked), `${path}(${inner.name})`, depth);
      return;
    }
    if (/^google\.protobuf\.(?!Any$)/.test(one.desc.typeName)) return;
    places.push(`${path} ${one.desc.typeName} ${depth}`);
    for (const field of one.fields.filter((each) => one.isSet(each))) {
      const at = path === '' ? field.name : `${path}.${field.name}`;
      if (field.fieldKind === 'message') step(one.get(field), at, depth + 1);
      else if (field.fieldKind === 'list' && field.listKind === 'message')
        for (const [index, item] of [...one.get(field)].entries())
          step(item as ReflectMessage, `${at}[${index}]`, depth + 1);
      else if (field.fieldKind === 'map' && field.mapKind === 'message')
        for (const [key, item] of one.get(field)) step(item as ReflectMessage, `${at}["${String(key)}"]`, depth + 1);
    }
  };
  step(reflect(schema, message), '', 0);
  return places.toSorted();
}

test('every message of what translate makes, into lists, maps, oneofs and Anys', () => {
  let visited = 0;
  fc.assert(
    fc.property(arbitraryCase, ({ mesh, endpoints, bundles }) => {
      for (const shape of shapesOf({ mesh, endpoints, bundles })) {
        for (const { schema, message } of translate(mesh, endpoints, bundles, shape)) {
          const places = walked(schema, message);
          expect(places).toEqual(reflected(schema, message));
          visited += places.length;
        }
      }
    }),
    { numRuns: 10 },
  );
  expect(visited).toBeGreaterThan(1000);
}, 60_000);
