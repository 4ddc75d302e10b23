// Turns zod's issues into problems that an author understands: not "invalid union", but what was meant and what is wrong with it.
import type { z } from 'zod';
import { type Description, describeIssue, found, quote } from './describe-issue.ts';
import { didYouMean } from './did-you-mean.ts';
import { type FieldPath, formatPath } from './field-path.ts';
import { alternatives, fieldsOf, neededFieldsOf, schemasAt } from './schema-fields.ts';

type Issue = z.core.$ZodIssue;

/** At the key if a field should not be there, otherwise at the value. */
export interface SchemaProblem extends Description {
  readonly path: FieldPath;
  readonly at: 'key' | 'value';
}

/** Every problem `schema` has with `value`. */
export function schemaProblems(schema: z.core.$ZodType, value: unknown, issues: readonly Issue[]): SchemaProblem[] {
  return issues.flatMap((issue) => problemsOf(schema, value, issue, []));
}

function problemsOf(root: z.core.$ZodType, value: unknown, issue: Issue, base: FieldPath): SchemaProblem[] {
  const path: FieldPath = [...base, ...issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part))];
  const written = valueAt(value, path);
  if (issue.code === 'unrecognized_keys') {
    // A branch of a union that has such a field is not the one that refused it.
    const asked = schemasAt(root, path).filter(
      (schema) => !fieldsOf([schema]).some((field) => issue.keys.includes(field)),
    );
    return unknownFields(path, issue.keys, fieldsOf(asked));
  }
  if (written === undefined) {
    return [{ code: 'missing-field', message: `${formatPath(path)} is missing`, path, at: 'value', ...hintFor(issue) }];
  }
  if (issue.message !== '') return [{ code: 'invalid', message: within(path, issue.message), path, at: 'value' }];
  if (issue.code === 'invalid_union' && issue.errors.length > 0) return unionProblems(root, value, issue, path);
  return [described(path, describeIssue(issue, written))];
}

function hintFor(issue: Issue): { readonly hint?: string } {
  return issue.code === 'invalid_value' ? { hint: `one of ${issue.values.map(String).join(', ')}` } : {};
}

function unknownFields(path: FieldPath, keys: readonly string[], known: readonly string[]): SchemaProblem[] {
  return keys.map((key) => {
    const meant = didYouMean(key, known);
    const hint = meant === undefined ? `known here: ${known.join(', ')}` : `did you mean ${quote(meant)}?`;
    return {
      code: 'unknown-field',
      message: `unknown field ${quote(key)}${path.length === 0 ? '' : ` in ${formatPath(path)}`}`,
      hint,
      path: [...path, key],
      at: 'key',
    };
  });
}

/** Picks the branch by the keys that are present, and reports what is wrong with that one. */
function unionProblems(
  root: z.core.$ZodType,
  value: unknown,
  issue: Issue & { readonly code: 'invalid_union' },
  path: FieldPath,
): SchemaProblem[] {
  const written = valueAt(value, path);
  const branches = unionBranches(root, path, issue.errors.length);
  const known = fieldsOf(branches.flat());
  const choices = neededFieldsOf(branches.flat());
  if (known.length === 0 || typeof written !== 'object' || written === null || Array.isArray(written)) {
    return [plainUnion(issue, written, choices, path)];
  }
  const keys = Object.keys(written);
  const unknown = unknownFields(
    path,
    keys.filter((key) => !known.includes(key)),
    known,
  );
  const present = keys.filter((key) => known.includes(key));
  if (present.length === 0) {
    if (unknown.length > 0) return unknown;
    return [
      {
        code: 'missing-field',
        message: within(path, `expected one of ${choices.map(quote).join(', ')}`),
        path,
        at: 'value',
      },
    ];
  }
  const fitting = branches.findIndex((branch) => present.every((key) => fieldsOf(branch).includes(key)));
  if (fitting === -1) {
    const message = within(path, `${present.map(quote).join(' and ')} exclude each other`);
    const hint = `exactly one of ${choices.join(', ')}`;
    return [...unknown, { code: 'excluded-field', message, hint, path: [...path, present[1] ?? ''], at: 'key' }];
  }
  const errors = (issue.errors[fitting] ?? []).filter(({ code }) => code !== 'unrecognized_keys');
  return [...unknown, ...errors.flatMap((error) => problemsOf(root, value, error, path))];
}

/** A union of plain values, or something other than a mapping where one is expected. */
function plainUnion(
  issue: Issue & { readonly code: 'invalid_union' },
  written: unknown,
  known: readonly string[],
  path: FieldPath,
): SchemaProblem {
  if (known.length > 0) {
    const message = within(
      path,
      `expected a mapping with one of ${known.map(quote).join(', ')}, found ${found(written)}`,
    );
    return { code: 'wrong-type', message, path, at: 'value' };
  }
  const leaves = issue.errors.flat();
  const custom = leaves.find(({ message, code }) => message !== '' && code !== 'invalid_type');
  if (custom !== undefined) return { code: 'invalid', message: within(path, custom.message), path, at: 'value' };
  const [first] = leaves.toSorted((a, b) => Number(b.code === 'invalid_type') - Number(a.code === 'invalid_type'));
  if (first === undefined)
    return { code: 'invalid', message: within(path, `not valid: ${found(written)}`), path, at: 'value' };
  return described(path, describeIssue(first, written));
}

/** The options of the union at `path`, each without its wrappers; `count` distinguishes it from unions inside its options. */
function unionBranches(root: z.core.$ZodType, path: FieldPath, count: number): readonly (readonly z.core.$ZodType[])[] {
  const schemas = schemasAt(root, path);
  return schemas.length === count ? schemas.map((schema) => alternatives(schema)) : schemas.map((schema) => [schema]);
}

function described(path: FieldPath, description: Description): SchemaProblem {
  return { ...description, message: within(path, description.message), path, at: 'value' };
}

function within(path: FieldPath, message: string): string {
  return path.length === 0 ? message : `${formatPath(path)}: ${message}`;
}

function valueAt(value: unknown, path: FieldPath): unknown {
  let current = value;
  for (const part of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, part)) return undefined;
    current = Reflect.get(current, part);
  }
  return current;
}
