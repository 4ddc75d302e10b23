// Reads a raw resource's JSON by Envoy's schema: reports every field that is unknown, of a wrong type or duplicated, with its path. The
// result has the schema's own field names, so that two spellings of one field are the same. protobuf-es checks every value, one at a time,
// because its errors name no path.
import { type DescField, type DescMessage, fromJson, type JsonValue, type Registry } from '@bufbuild/protobuf';
import { didYouMean } from '../../model/did-you-mean.ts';
import type { FieldPath } from '../../model/field-path.ts';
import type { RawFault } from './fault.ts';
import { asPrintedLog } from './printed-log.ts';

export type JsonObject = { [key: string]: JsonValue };

export interface ReadOptions {
  readonly registry: Registry;
  /** `null` stands for "remove this", as in a patch. */
  readonly partial: boolean;
}

const prefix = 'type.googleapis.com/';
const any = 'google.protobuf.Any';
const ownJson = /^google\.protobuf\./;
/** "1sec" passes as a duration in protobuf-es; Envoy refuses it. */
const duration = /^-?\d{1,12}(\.\d{1,9})?s$/;

/** `faults` receives everything that is wrong. */
export function readBody(
  desc: DescMessage,
  value: unknown,
  options: ReadOptions,
  faults: RawFault[],
  path: FieldPath = [],
): JsonObject {
  const result: JsonObject = {};
  if (!isObject(value)) {
    faults.push({ code: 'wrong-type', message: `expected a mapping (${desc.typeName})`, path });
    return result;
  }
  if (desc.typeName === any) return readAny(value, options, faults, path);
  const members = new Map<string, string>();
  for (const [key, inner] of Object.entries(value)) {
    const at = [...path, key];
    const field = fieldOf(desc, key);
    if (field === undefined) {
      faults.push(unknownField(desc, key, at));
      continue;
    }
    if (Object.hasOwn(result, field.name)) {
      faults.push({ code: 'duplicate-key', message: `${field.name} is written twice`, path: at });
      continue;
    }
    if (inner === null) {
      if (options.partial) result[field.name] = null;
      else faults.push({ code: 'wrong-type', message: `${field.name} has no value`, hint: 'leave it out', path: at });
      continue;
    }
    const other = field.oneof === undefined ? undefined : members.get(field.oneof.name);
    if (other !== undefined) {
      faults.push({
        code: 'contradiction',
        message: `${field.name} and ${other} exclude each other`,
        hint: 'keep one of them',
        path: at,
      });
    }
    if (field.oneof !== undefined) members.set(field.oneof.name, key);
    result[field.name] = readField(desc, field, inner, options, faults, at);
  }
  return result;
}

function readField(
  desc: DescMessage,
  field: DescField,
  value: unknown,
  options: ReadOptions,
  faults: RawFault[],
  path: FieldPath,
): JsonValue {
  // Content of a list or a map is replaced as a whole, never merged.
  const whole = { ...options, partial: false };
  if (field.fieldKind === 'list') {
    if (!Array.isArray(value)) {
      faults.push({ code: 'wrong-type', message: `expected a list (${field.name})`, path });
      return [];
    }
    const { message } = field;
    return value.map((item: unknown, index): JsonValue => {
      const at = [...path, index];
      return message !== undefined && hasFields(message)
        ? readBody(message, item, whole, faults, at)
        : leaf(desc, field, item, [item], faults, at);
    });
  }
  if (field.fieldKind === 'map') {
    if (!isObject(value)) {
      faults.push({ code: 'wrong-type', message: `expected a mapping (${field.name})`, path });
      return {};
    }
    const { message } = field;
    const entries = Object.entries(value).map(([key, item]): [string, JsonValue] => {
      const at = [...path, key];
      if (item === null && options.partial) return [key, null];
      return message !== undefined && hasFields(message)
        ? [key, readBody(message, item, options, faults, at)]
        : [key, leaf(desc, field, item, { [key]: item }, faults, at)];
    });
    return Object.fromEntries(entries);
  }
  if (field.fieldKind === 'message' && hasFields(field.message)) {
    return readBody(field.message, value, options, faults, path);
  }
  return leaf(desc, field, value, value, faults, path);
}

/** A value without fields of its own: protobuf-es accepts it, as the only one of its message, or it does not. */
function leaf(
  desc: DescMessage,
  field: DescField,
  value: unknown,
  shaped: unknown,
  faults: RawFault[],
  path: FieldPath,
): JsonValue {
  if (field.message?.typeName === 'google.protobuf.Duration' && !(typeof value === 'string' && duration.test(value))) {
    faults.push({
      code: 'wrong-format',
      message: `not a duration: ${JSON.stringify(value)}`,
      hint: 'as in "1.5s"',
      path,
    });
    return null;
  }
  if (field.enum !== undefined && typeof value === 'string' && !field.enum.values.some(({ name }) => name === value)) {
    const known = field.enum.values.map(({ name }) => name);
    const meant = didYouMean(value, known);
    faults.push({
      code: 'wrong-value',
      message: `${field.name} is one of ${known.slice(0, 12).join(', ')}${known.length > 12 ? ', …' : ''}`,
      ...(meant === undefined ? {} : { hint: `did you mean "${meant}"?` }),
      path,
    });
    return null;
  }
  try {
    // Plain data from YAML, which is JSON.
    fromJson(desc, { [field.name]: shaped as JsonValue });
    return value as JsonValue;
  } catch (reason) {
    const text = reason instanceof Error ? reason.message : String(reason);
    faults.push({ code: 'wrong-type', message: text.replace(/^.*from JSON: /s, `${field.name}: `), path });
    return null;
  }
}

function readAny(value: JsonLike, options: ReadOptions, faults: RawFault[], path: FieldPath): JsonObject {
  const { '@type': type, ...body } = value;
  const desc =
    typeof type === 'string' && type.startsWith(prefix)
      ? options.registry.getMessage(type.slice(prefix.length))
      : undefined;
  if (typeof type !== 'string' || desc === undefined) {
    const what = typeof type === 'string' ? `Envoy 1.40 has no type ${JSON.stringify(type)}` : '"@type" is missing';
    faults.push({
      code: 'unknown-type',
      message: what,
      hint: `as in "${prefix}envoy.extensions.filters.http.router.v3.Router"`,
      path: type === undefined ? path : [...path, '@type'],
    });
    return {};
  }
  if (!hasFields(desc)) return { '@type': type, ...(body as JsonObject) };
  return asPrintedLog({ '@type': type, ...readBody(desc, body, options, faults, path) });
}

type JsonLike = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is JsonLike {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Durations, structs and wrappers have their own JSON form. */
function hasFields({ typeName }: DescMessage): boolean {
  return typeName === any || typeName === 'google.protobuf.Empty' || !ownJson.test(typeName);
}

function fieldOf(desc: DescMessage, key: string): DescField | undefined {
  return desc.fields.find(({ name, jsonName }) => name === key || jsonName === key);
}

function unknownField(desc: DescMessage, key: string, path: FieldPath): RawFault {
  const known = desc.fields.map(({ name }) => name);
  const meant = didYouMean(key, known);
  const all = known.slice(0, 20).join(', ');
  return {
    code: 'unknown-field',
    message: `${desc.typeName} has no field ${JSON.stringify(key.slice(0, 64))}`,
    hint: meant === undefined ? `it has ${all}${known.length > 20 ? ', …' : ''}` : `did you mean "${meant}"?`,
    path,
  };
}
