// Envoy's own constraints (PGV options in its schema), read at run time: required fields, lengths, ranges, enums. Every message inside is
// visited, including every Any. A violation would be a NACK on every proxy: it is better reported to the author.
import { type DescField, type DescMessage, getOption, hasOption, isMessage, type Registry } from '@bufbuild/protobuf';
import { type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { AnySchema, anyUnpack } from '@bufbuild/protobuf/wkt';
import { disabled, type FieldRules, ignored, required, rules } from '#gen/validate/validate_pb.js';
import type { FieldPath } from '../../model/field-path.ts';
import { brokenMap, brokenRepeated, brokenValue } from './constraint-rules.ts';

export interface BrokenConstraint {
  /** In the schema's own field names. */
  readonly path: FieldPath;
  readonly message: string;
}

type Report = (path: FieldPath, message: string) => void;

const wrapper = /^google\.protobuf\.(Double|Float|U?Int(32|64)|Bool|String|Bytes)Value$/;

export function brokenConstraints(
  desc: DescMessage,
  message: Parameters<typeof reflect>[1],
  registry: Registry,
): readonly BrokenConstraint[] {
  const broken: BrokenConstraint[] = [];
  visit(reflect(desc, message), [], registry, (path, text) => void broken.push({ path, message: text }));
  return broken;
}

function visit(reflected: ReflectMessage, path: FieldPath, registry: Registry, report: Report): void {
  const { desc, message } = reflected;
  if (isMessage(message, AnySchema)) {
    const inner = anyUnpack(message, registry);
    const schema = inner && registry.getMessage(inner.$typeName);
    if (inner !== undefined && schema !== undefined) visit(reflect(schema, inner), path, registry, report);
    return;
  }
  if (optionOf(desc, disabled) === true || optionOf(desc, ignored) === true) return;
  for (const oneof of desc.oneofs) {
    if (hasOption(oneof, required) && getOption(oneof, required) && reflected.oneofCase(oneof) === undefined) {
      report(path, `one of ${oneof.fields.map(({ name }) => name).join(', ')} is required`);
    }
  }
  for (const field of reflected.fields) visitField(reflected, field, [...path, field.name], registry, report);
}

function optionOf(desc: DescMessage, option: typeof disabled | typeof ignored): boolean {
  return hasOption(desc, option) && getOption(desc, option);
}

function visitField(
  reflected: ReflectMessage,
  field: DescField,
  path: FieldPath,
  registry: Registry,
  report: Report,
): void {
  const constraint = hasOption(field, rules) ? getOption(field, rules) : undefined;
  const set = reflected.isSet(field);
  if (field.fieldKind === 'list') {
    const list = [...reflected.get(field)];
    const own = constraint?.type.case === 'repeated' ? constraint.type.value : undefined;
    if (own !== undefined) for (const text of brokenRepeated(own, list)) report(path, `${field.name} ${text}`);
    for (const [index, item] of list.entries()) visitValue(field, own?.items, item, [...path, index], registry, report);
    return;
  }
  if (field.fieldKind === 'map') {
    const entries = [...reflected.get(field)];
    const own = constraint?.type.case === 'map' ? constraint.type.value : undefined;
    if (own !== undefined) for (const text of brokenMap(own, entries.length)) report(path, `${field.name} ${text}`);
    for (const [key, value] of entries) {
      const at = [...path, String(key)];
      if (own?.keys !== undefined) for (const text of brokenValue(own.keys, key)) report(at, `the key ${text}`);
      visitValue(field, own?.values, value, at, registry, report);
    }
    return;
  }
  if (field.fieldKind === 'message' && !set) {
    // A member of a oneof is only required once it is chosen.
    if (field.oneof === undefined && isRequired(constraint)) report(path, `${field.name} is required`);
    return;
  }
  // A member of a oneof, or an optional value, exists only if it is set.
  if (!set && (field.oneof !== undefined || field.proto.proto3Optional)) return;
  visitValue(field, constraint, reflected.get(field), path, registry, report);
}

function isRequired(constraint: FieldRules | undefined): boolean {
  if (constraint === undefined) return false;
  const { message, type } = constraint;
  if (message?.required === true) return true;
  return (type.case === 'duration' || type.case === 'any' || type.case === 'timestamp') && type.value.required === true;
}

function visitValue(
  field: DescField,
  constraint: FieldRules | undefined,
  value: unknown,
  path: FieldPath,
  registry: Registry,
  report: Report,
): void {
  if (!isReflected(value)) {
    if (constraint === undefined) return;
    for (const text of brokenValue(constraint, value, field.enum)) report(path, `${field.name} ${text}`);
    return;
  }
  if (constraint?.message?.skip === true) return;
  const { message, desc } = value;
  if (wrapper.test(desc.typeName)) {
    const inner = desc.fields[0];
    if (constraint === undefined || inner === undefined) return;
    for (const text of brokenValue(constraint, value.get(inner))) report(path, `${field.name} ${text}`);
  } else if (constraint?.type.case === 'duration' || constraint?.type.case === 'any') {
    for (const text of brokenValue(constraint, message)) report(path, `${field.name} ${text}`);
    if (isMessage(message, AnySchema)) visit(value, path, registry, report);
  } else {
    visit(value, path, registry, report);
  }
}

function isReflected(value: unknown): value is ReflectMessage {
  return typeof value === 'object' && value !== null && 'desc' in value && 'message' in value;
}
