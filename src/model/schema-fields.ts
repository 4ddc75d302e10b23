// What a schema allows at a path: for hints, and to understand which branch of a union an author meant.
import { z } from 'zod';
import type { FieldPath } from './field-path.ts';

type Schema = z.core.$ZodType;

/** The schemas that may apply at `path`; several if a union is on the way. */
export function schemasAt(root: Schema, path: FieldPath): readonly Schema[] {
  let schemas = alternatives(root);
  for (const part of path) schemas = schemas.flatMap((schema) => child(schema, part).flatMap(alternatives));
  return schemas;
}

/** Field names of an object schema (of every alternative, if it is a union), each once. */
export function fieldsOf(schemas: readonly Schema[]): readonly string[] {
  return [...new Set(schemas.flatMap((schema) => (schema instanceof z.ZodObject ? Object.keys(schema.shape) : [])))];
}

/** Those of them that cannot be left out: what chooses a branch of a union. */
export function neededFieldsOf(schemas: readonly Schema[]): readonly string[] {
  const needed = schemas.flatMap((schema) =>
    schema instanceof z.ZodObject
      ? Object.entries<Schema>(schema.shape).flatMap(([name, field]) => (mayBeLeftOut(field) ? [] : [name]))
      : [],
  );
  return [...new Set(needed)];
}

function mayBeLeftOut(schema: Schema): boolean {
  return schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault;
}

/** A schema without its wrappers (optional, default, transform), a union as its options. */
export function alternatives(schema: Schema): readonly Schema[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return alternatives(schema.unwrap());
  }
  if (schema instanceof z.ZodPipe) return alternatives(schema.in);
  if (schema instanceof z.ZodUnion) return schema.options.flatMap(alternatives);
  return [schema];
}

function child(schema: Schema, part: string | number): readonly Schema[] {
  if (schema instanceof z.ZodObject) {
    const shape: Readonly<Record<string, Schema>> = schema.shape;
    const field = Object.hasOwn(shape, part) ? shape[part] : undefined;
    return field === undefined ? [] : [field];
  }
  if (schema instanceof z.ZodArray) return [schema.element];
  if (schema instanceof z.ZodRecord) return [schema.valueType];
  return [];
}
