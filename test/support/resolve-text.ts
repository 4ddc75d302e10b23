// YAML text → IR (or problems), for tests that begin where a user does.
import { parseDocuments } from '../../src/model/parse.ts';
import type { ParsedDocument } from '../../src/model/parsed-document.ts';
import type { Problem } from '../../src/model/problem.ts';
import type { MeshIr } from '../../src/policy/ir.ts';
import { resolve } from '../../src/policy/resolve/resolve.ts';

export function documentsOf(text: string, file = 'test.yaml'): readonly ParsedDocument[] {
  const parsed = parseDocuments(text, file);
  if (parsed.kind === 'invalid') throw new Error(`unparsable: ${JSON.stringify(parsed.problems)}`);
  return parsed.documents;
}

export function meshOf(text: string): MeshIr {
  const resolution = resolve(documentsOf(text));
  if (resolution.kind === 'unresolved') throw new Error(`unresolved: ${JSON.stringify(resolution.problems)}`);
  return resolution.mesh;
}

/** Errors and warnings, whichever way it ends. */
export function problemsOf(text: string): readonly Problem[] {
  const resolution = resolve(documentsOf(text));
  return resolution.kind === 'unresolved' ? resolution.problems : resolution.warnings;
}

/** Each as one document, in YAML's flow style. */
export function yaml(...documents: readonly string[]): string {
  return documents.map((document) => `apiVersion: cellwall/v1\n${document.trim()}\n`).join('---\n');
}

export const meshText = (mode: 'strict' | 'permissive' = 'strict', spec = ''): string =>
  `kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: ${mode}}${spec}}`;

export const cellText = (name: string, id: number): string =>
  `kind: Cell\nmetadata: {name: ${name}}\nspec: {id: ${id}, region: east}`;

/** `key` is `cell/name` or `name`; `spec` more fields in flow style, after a comma. */
export const serviceText = (key: string, protocol = 'http1', spec = ''): string =>
  `kind: Service\nmetadata: ${metadataText(key)}\nspec: {protocol: ${protocol}${spec}}`;

/** `rules` in flow style. */
export const policyText = (key: string, target: string, action: string, rules: string, mode = 'enforce'): string =>
  `kind: AuthorizationPolicy\nmetadata: ${metadataText(key)}\nspec: {target: {service: ${target}}, action: ` +
  `${action}, mode: ${mode}, rules: ${rules}}`;

export const workloadText = (name: string, spec: string): string =>
  `kind: Workload\nmetadata: {name: ${name}}\nspec: ${spec}`;

function metadataText(key: string): string {
  const [cell, name] = key.split('/');
  return name === undefined ? `{name: ${cell}}` : `{name: ${name}, cell: ${cell}}`;
}
