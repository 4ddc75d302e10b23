// A resource as JSON that an operator may see: everything that Envoy's schema marks as sensitive (private keys, passwords, tokens),
// wherever it is, including inside any Any, is "[redacted]". Nothing is shown of types that the schema does not know.
import { type DescField, type DescMessage, fromBinary, getOption, type JsonValue, toJson } from '@bufbuild/protobuf';
import { sensitive } from '#gen/udpa/annotations/sensitive_pb.js';
import { CellwallError } from '../lib/errors.ts';
import { envoyRegistry } from './raw/envoy-registry.ts';

const redacted = '[redacted]';

type Fields = { [name: string]: JsonValue };

/** With the schema's field names. Throws `internal` for a type that Envoy's schema does not have. */
export function redactedJson(typeUrl: string, bytes: Uint8Array): JsonValue {
  const schema = messageOf(typeUrl);
  if (schema === undefined) throw new CellwallError('internal', `no such type in Envoy's schema: ${typeUrl}`);
  const message = fromBinary(schema, bytes, { readUnknownFields: false });
  return redact(schema, toJson(schema, message, { registry: envoyRegistry(), useProtoFieldName: true }));
}

function messageOf(typeUrl: string): DescMessage | undefined {
  return envoyRegistry().getMessage(typeUrl.slice(typeUrl.lastIndexOf('/') + 1));
}

function redact(schema: DescMessage, json: JsonValue): JsonValue {
  if (!isFields(json)) return json;
  if (schema.typeName === 'google.protobuf.Any') return redactAny(json);
  const fields = new Map(schema.fields.map((field) => [field.name, field]));
  return Object.fromEntries(
    Object.entries(json).map(([name, value]) => {
      const field = fields.get(name);
      return [name, field === undefined ? value : redactField(field, value)];
    }),
  );
}

function redactAny(json: Fields): JsonValue {
  const type = json['@type'];
  const schema = typeof type === 'string' ? messageOf(type) : undefined;
  if (schema === undefined) return type === undefined ? json : { '@type': type, value: redacted };
  // For types with their own JSON form, it is in `value`; only an Any inside an Any contains more.
  return schema.typeName === 'google.protobuf.Any'
    ? { ...json, value: redact(schema, json['value'] ?? null) }
    : redact(schema, json);
}

function redactField(field: DescField, value: JsonValue): JsonValue {
  if (getOption(field, sensitive)) return redacted;
  const { message } = field;
  if (message === undefined) return value;
  if (field.fieldKind === 'list' && Array.isArray(value)) return value.map((one) => redact(message, one));
  if (field.fieldKind === 'map' && isFields(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, redact(message, one)]));
  }
  return redact(message, value);
}

function isFields(json: JsonValue): json is Fields {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}
