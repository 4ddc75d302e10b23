// What every kind of document holds, whatever it is for. A new one runs this suite with documents of its own.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { documentKinds } from '../../src/model/documents/document.ts';
import { isKindName, type KindName, kindMeant, kindNames } from '../../src/model/documents/kind-names.ts';
import { documentJsonSchema } from '../../src/model/json-schema.ts';
import { parseDocuments } from '../../src/model/parse.ts';
import type { ParsedDocument } from '../../src/model/parsed-document.ts';
import { alternatives } from '../../src/model/schema-fields.ts';
import { type Resolution, resolve } from '../../src/policy/resolve/resolve.ts';
import { yaml } from '../support/resolve-text.ts';

export interface KindCase {
  /** What its documents refer to. Each one document, without `apiVersion`; so are those below. */
  readonly others: readonly string[];
  /** At least two, which fit together. */
  readonly valid: readonly string[];
  /** By what is wrong: documents that no other could make right. */
  readonly invalid: Readonly<Record<string, string>>;
  /** By what is wrong: documents, valid each, that do not fit each other or the others. */
  readonly unresolved: Readonly<Record<string, readonly string[]>>;
}

export function kindContract(kind: KindName, { others, valid, invalid, unresolved }: KindCase): void {
  const { schema, purpose } = documentKinds[kind];

  describe(`documents of the kind ${kind}`, () => {
    it('have a name of one word, found as people type it, and a sentence on what they are for', () => {
      expect(isKindName(kind)).toBe(true);
      expect(kind).toMatch(/^[A-Z][A-Za-z]+$/);
      for (const word of [kind, kind.toLowerCase(), `${kind.toLowerCase()}s`]) expect(kindMeant(word)).toBe(kind);
      expect(kindNames.filter((name) => kindMeant(name) !== name)).toEqual([]);
      expect(purpose).toMatch(/^[A-Z].*\.$/);
    });

    it('are parsed, each under a key of its own, and know where they were written', () => {
      const text = yaml(...valid);
      const documents = parsed(text);
      expect(documents.map(({ document }) => document.kind)).toEqual(valid.map(() => kind));
      expect(new Set(documents.map(({ key }) => key)).size).toBe(valid.length);
      for (const { key, source, locate } of documents) {
        expect(key.startsWith(`${kind}/`)).toBe(true);
        expect(text.split('\n')[source.line - 1]).toMatch(/^apiVersion/);
        expect(text.split('\n')[locate(['metadata', 'name']).line - 1]).toContain('name:');
      }
      // What a store keeps is read as it was.
      for (const document of documents) expect(parsed(document.text)[0]?.document).toEqual(document.document);
    });

    it('refuse what they do not know, at every depth, with a hint', () => {
      expect(looseObjects(schema, kind)).toEqual([]);
      for (const one of valid) {
        const problems = refused(yaml(`${one.trim()}\nsurprise: 1`));
        expect(problems).toEqual([expect.objectContaining({ code: 'unknown-field', path: 'surprise' })]);
        expect(problems.every(({ hint }) => hint !== undefined)).toBe(true);
      }
    });

    it.each(Object.entries(invalid))('are refused: %s', (_what, text) => {
      const whole = yaml(text);
      const problems = refused(whole);
      expect(problems.length).toBeGreaterThan(0);
      for (const { path, source, message } of problems) {
        expect(path).toMatch(/^(metadata|spec)/);
        expect(source.line).toBeLessThanOrEqual(whole.split('\n').length);
        expect(message).not.toMatch(/undefined|\[object/);
      }
    });

    it('are refused in words, and by nothing worse, whatever is written', () => {
      const anything = fc.record({ metadata: fc.jsonValue(), spec: fc.jsonValue() }, { requiredKeys: [] });
      fc.assert(
        fc.property(anything, (rest) => {
          const result = parseDocuments(JSON.stringify({ apiVersion: 'cellwall/v1', kind, ...rest }), 'odd.yaml');
          if (result.kind === 'invalid') expect(result.problems.every(({ message }) => message !== '')).toBe(true);
        }),
        { numRuns: 200 },
      );
    });

    it('stand in the JSON schema, for editors', () => {
      const { $defs } = z.object({ $defs: z.record(z.string(), z.unknown()) }).parse(documentJsonSchema());
      expect($defs[kind]).toMatchObject({
        title: kind,
        additionalProperties: false,
        properties: { kind: { const: kind } },
      });
    });

    it('mean the same in any order, and alone as among others', () => {
      const all = [...others, ...valid];
      const [straight, turned] = [all, all.toReversed()].map((texts) => resolve(parsed(yaml(...texts))));
      expect(errorsOf(straight)).toEqual([]);
      expect(errorsOf(turned)).toEqual([]);
      if (straight?.kind !== 'resolved' || turned?.kind !== 'resolved') throw new Error('unresolved');
      expect(byName(turned.mesh.kinds)).toEqual(byName(straight.mesh.kinds));
      expect([...turned.mesh.services.keys()].toSorted()).toEqual([...straight.mesh.services.keys()].toSorted());
    });

    it.each(Object.entries(unresolved))('do not come into force: %s', (_what, texts) => {
      const problems = errorsOf(resolve(parsed(yaml(...others, ...texts))));
      expect(problems.length).toBeGreaterThan(0);
      for (const { hint, code } of problems) {
        expect(code).toMatch(/^[a-z-]+$/);
        expect(hint).toBeDefined();
      }
    });
  });
}

function parsed(text: string): readonly ParsedDocument[] {
  const result = parseDocuments(text, 'kind.yaml');
  if (result.kind === 'invalid') throw new Error(JSON.stringify(result.problems));
  return result.documents;
}

function refused(text: string) {
  const result = parseDocuments(text, 'kind.yaml');
  return result.kind === 'invalid' ? result.problems : [];
}

function errorsOf(resolution: Resolution | undefined) {
  if (resolution === undefined || resolution.kind === 'resolved') return [];
  return resolution.problems.filter(({ severity }) => severity === 'error');
}

/** Maps say in which order they were filled; nothing depends on it. */
function byName(value: unknown): unknown {
  if (value instanceof Map) return byName(Object.fromEntries([...value].toSorted(([a], [b]) => (a < b ? -1 : 1))));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, byName(inner)]));
}

/** Objects in a schema that take any field. */
function looseObjects(schema: z.core.$ZodType, path: string): readonly string[] {
  return alternatives(schema).flatMap((one): readonly string[] => {
    if (one instanceof z.ZodArray) return looseObjects(one.element, `${path}[]`);
    if (!(one instanceof z.ZodObject)) return [];
    const shape: Readonly<Record<string, z.core.$ZodType>> = one.shape;
    const inside = Object.entries(shape).flatMap(([name, field]) => looseObjects(field, `${path}.${name}`));
    return one.def.catchall instanceof z.ZodNever ? inside : [path, ...inside];
  });
}
