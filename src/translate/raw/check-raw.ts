// Judges EnvoyResource documents before they are stored: each against Envoy's schema and its constraints, and all by their effect on the
// proxies that they select. Faults name the line in the document.
import { type FieldPath, formatPath } from '../../model/field-path.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import type { Problem } from '../../model/problem.ts';
import { examples } from '../../policy/identities.ts';
import type { MeshIr } from '../../policy/ir.ts';
import type { RawIr } from '../../policy/raw-ir.ts';
import { isFor } from '../../policy/resolve/resolve-raw.ts';
import { isCredentialName, isHealthRouteName } from '../names.ts';
import { checkProxy } from './check-proxy.ts';
import type { RawFault } from './fault.ts';
import { bodyPlace, namePlace, targetOf, targetText } from './raw-target.ts';
import { readRaw } from './read-raw.ts';

export interface RawRights {
  /** Whether they may bring code into proxies. Default: not. */
  readonly proxyCode?: boolean;
}

/** Costs nothing if there are no EnvoyResource documents. */
export function checkRaw(
  documents: readonly ParsedDocument[],
  mesh: MeshIr,
  rights: RawRights = {},
): readonly Problem[] {
  const raws = mesh.rawResources ?? [];
  if (raws.length === 0) return [];
  const parsed = new Map(documents.map((document) => [document.key, document]));
  const problems = new Map<string, Problem>();
  const tell = (severity: Problem['severity'], raw: RawIr, { path, ...fault }: RawFault): void => {
    const document = parsed.get(raw.document);
    if (document === undefined) return;
    const at = writtenPath(document.document, path);
    const problem: Problem = { severity, ...fault, source: document.locate(at), path: formatPath(at) };
    // Many proxies cause only one fault.
    problems.set(JSON.stringify([raw.document, problem.code, problem.message, problem.path]), problem);
  };

  const readable = raws.filter((raw) => {
    const faults = faultsOf(raw, rights);
    for (const fault of faults) tell('error', raw, fault);
    return faults.length === 0;
  });
  const found = new Set<RawIr>();
  for (const id of examples(mesh.identities)) {
    const those = readable.filter((raw) => isFor(raw, id));
    if (those.length === 0) continue;
    for (const raw of checkProxy(mesh, id, those, (one, fault) => tell('error', one, fault))) found.add(raw);
  }
  for (const raw of readable) {
    if (raw.change.kind === 'resource' || found.has(raw)) continue;
    const message = `no proxy that it is for has a ${targetText(targetOf(raw))}`;
    tell('warning', raw, { code: 'idle-patch', message, path: namePlace(raw), hint: 'it changes nothing' });
  }
  return [...problems.values()];
}

function faultsOf(raw: RawIr, rights: RawRights): readonly RawFault[] {
  const found = rights.proxyCode === true || raw.change.kind === 'remove' ? [] : proxyCode(raw.change.body);
  if (found.length > 0) return found.map((fault) => ({ ...fault, path: [...bodyPlace(raw), ...fault.path] }));
  const reading = readRaw(raw.change);
  if (reading.kind === 'faulty') {
    return reading.faults.map((fault) => ({ ...fault, path: [...bodyPlace(raw), ...fault.path] }));
  }
  const fault = (code: string, message: string): readonly RawFault[] => [
    { code, message, hint: 'give a resource under a name of your own', path: namePlace(raw) },
  ];
  const { typeUrl, name } = targetOf(raw);
  const isSecret = typeUrl.endsWith('.Secret');
  if (raw.change.kind === 'resource') {
    // If a service has none, a chain "health" would lead there, bypassing authorization.
    if (isHealthRouteName(name)) return fault('name-taken', `routes named "${name}" are those of health paths`);
    if (isSecret && isCredentialName(name)) {
      return fault('name-taken', 'secrets named "credential/…" are tokens that applications expect of their callers');
    }
    return isSecret && name.startsWith('spiffe://')
      ? fault('name-taken', 'secrets named "spiffe://…" are those of identities and trust domains')
      : [];
  }
  // Trust comes only from authorities, and the health path is the one without authorization.
  return isSecret || isHealthRouteName(name)
    ? fault('protected', `the ${targetText({ typeUrl, name })} is not patched`)
    : [];
}

/** Segments of the names of Envoy's packages and extensions; and a tracer that loads a library. */
const code = [
  /(^|[./])(lua|wasm|dynamic_modules|golang|ext_proc)\./,
  /(^|[./])DynamicOtConfig$/,
  /^envoy(\.\w+)*\.(lua|wasm|dynamic_modules|golang|ext_proc)$/,
];

/**
 * Code that a raw resource brings into the proxy, or a program that it hands requests to: it has access to the proxy's files, including its
 * node key, and its identity. Recognised by the types that it names, wherever: inside a typed_config, in what ECDS may send, in a patch.
 * Pure.
 */
function proxyCode(body: unknown, path: FieldPath = []): readonly RawFault[] {
  if (typeof body === 'string') {
    if (!body.includes('envoy') || !code.some((pattern) => pattern.test(body))) return [];
    const type = body.slice(body.lastIndexOf('/') + 1).slice(0, 200);
    const message = `${type} is code in the proxy: it reads the proxy's keys and acts as its service`;
    const hint = 'start serve with --allow-proxy-code if whoever writes documents may run code in every proxy';
    return [{ code: 'proxy-code', message, hint, path }];
  }
  if (Array.isArray(body)) return body.flatMap((item: unknown, index) => proxyCode(item, [...path, index]));
  if (typeof body !== 'object' || body === null) return [];
  return Object.entries(body).flatMap(([key, item]) => proxyCode(item, [...path, key]));
}

/** The path of a field as its author wrote it: protobuf's JSON accepts both "traffic_direction" and "trafficDirection". */
function writtenPath(document: unknown, path: FieldPath): FieldPath {
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
