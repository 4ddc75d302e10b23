// Merges a patch into a resource's JSON (RFC 7386): mappings field by field, everything else replaced, null removed. If the two are of
// different types, or set other members of one oneof, the patch wins.
import type { DescMessage, JsonValue, Registry } from '@bufbuild/protobuf';
import type { JsonObject } from './read-body.ts';

const prefix = 'type.googleapis.com/';

/** Both with the schema's own field names. */
export function mergeBody(
  desc: DescMessage | undefined,
  target: JsonObject,
  patch: JsonObject,
  registry: Registry,
): JsonObject {
  const type = patch['@type'];
  if (type !== undefined && target['@type'] !== type) return withoutNulls(patch);
  const own = typeof type === 'string' ? registry.getMessage(type.slice(prefix.length)) : desc;
  const result: JsonObject = { ...target };
  for (const [key, value] of Object.entries(patch)) {
    const field = own?.fields.find(({ name }) => name === key);
    for (const other of field?.oneof?.fields ?? []) if (other.name !== key) delete result[other.name];
    const before = result[key];
    if (value === null) delete result[key];
    else if (isObject(value) && isObject(before)) result[key] = mergeBody(messageOf(field), before, value, registry);
    else result[key] = isObject(value) ? withoutNulls(value) : value;
  }
  return result;
}

function messageOf(field: DescMessage['fields'][number] | undefined): DescMessage | undefined {
  // The values of a map are not messages of the field itself.
  return field?.fieldKind === 'message' ? field.message : undefined;
}

function withoutNulls(value: JsonObject): JsonObject {
  const entries = Object.entries(value).filter(([, inner]) => inner !== null);
  return Object.fromEntries(entries.map(([key, inner]) => [key, isObject(inner) ? withoutNulls(inner) : inner]));
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
