// The path of a field as its author wrote it: protobuf's JSON accepts both "traffic_direction" and "trafficDirection".
import type { FieldPath } from '../../model/field-path.ts';

export function writtenPath(document: unknown, path: FieldPath): FieldPath {
  let value: unknown = document;
  return path.map((step) => {
    if (typeof value !== 'object' || value === null) return step;
    const written = spellings(step).find((name) => Object.hasOwn(Object(value), name)) ?? step;
    value = Reflect.get(value, written);
    return written;
  });
}

function spellings(step: string | number): readonly (string | number)[] {
  if (typeof step === 'number') return [step];
  const camel = step.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  const snake = step.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return [step, camel, snake];
}
