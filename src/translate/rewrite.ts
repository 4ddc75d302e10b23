// Changes one kind of message wherever it is in translated resources, in extensions too.
import { clone, type DescMessage, isMessage, type Message } from '@bufbuild/protobuf';
import { type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { AnySchema, anyPack, anyUnpack } from '@bufbuild/protobuf/wkt';
import { extensionRegistry } from './lint/registry.ts';
import type { TranslatedResource } from './proxy.ts';

/** protobuf-es keeps the shapes of these apart; none contains what is looked for. */
const leaves = /^google\.protobuf\.(?!Any$)/;

/** In place; whether there was anything to change. Undefined: it is another kind of message, and is looked into. */
export type Change = (message: Message) => boolean | undefined;

/** Does not change its argument; resources in which nothing changes stay the same objects. */
export function rewrite(resources: readonly TranslatedResource[], change: Change): readonly TranslatedResource[] {
  return resources.map((resource) => {
    const message = clone(resource.schema, resource.message);
    return within(reflect<DescMessage>(resource.schema, message), change) ? { ...resource, message } : resource;
  });
}

function within(reflected: ReflectMessage, change: Change): boolean {
  const { message } = reflected;
  const done = change(message);
  if (done !== undefined) return done;
  if (isMessage(message, AnySchema)) {
    const inner = anyUnpack(message, extensionRegistry);
    const schema = inner && extensionRegistry.getMessage(inner.$typeName);
    if (inner === undefined || schema === undefined || !within(reflect(schema, inner), change)) return false;
    message.value = anyPack(schema, inner).value;
    return true;
  }
  if (leaves.test(reflected.desc.typeName)) return false;
  let changed = false;
  const step = (item: unknown): void => {
    if (within(item as ReflectMessage, change)) changed = true;
  };
  for (const field of reflected.fields) {
    if (!reflected.isSet(field)) continue;
    if (field.fieldKind === 'message') step(reflected.get(field));
    else if (field.fieldKind === 'list' && field.listKind === 'message')
      for (const item of reflected.get(field)) step(item);
    else if (field.fieldKind === 'map' && field.mapKind === 'message') {
      for (const [, item] of reflected.get(field)) step(item);
    }
  }
  return changed;
}
