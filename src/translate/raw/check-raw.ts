// Judges EnvoyResource documents before they are stored: each against Envoy's schema and its constraints, and all by their effect on the
// proxies that they select. Faults name the line in the document.
import { formatPath } from '../../model/field-path.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import type { Problem } from '../../model/problem.ts';
import { examples } from '../../policy/identities.ts';
import type { MeshIr } from '../../policy/ir.ts';
import type { RawIr } from '../../policy/raw-ir.ts';
import { isFor } from '../../policy/resolve/resolve-raw.ts';
import { isHealthRouteName } from '../names.ts';
import { checkProxy } from './check-proxy.ts';
import type { RawFault } from './fault.ts';
import { proxyCode } from './proxy-code.ts';
import { bodyPlace, namePlace, targetOf, targetText } from './raw-target.ts';
import { readRaw } from './read-raw.ts';
import { writtenPath } from './written-path.ts';

export interface RawRights {
  /** Whether they may bring code into proxies. Default: not. */
  readonly proxyCode?: boolean;
}

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
    return isSecret && name.startsWith('spiffe://')
      ? fault('name-taken', 'secrets named "spiffe://…" are those of identities and trust domains')
      : [];
  }
  // Trust comes only from authorities, and the health path is the one without authorization.
  return isSecret || isHealthRouteName(name)
    ? fault('protected', `the ${targetText({ typeUrl, name })} is not patched`)
    : [];
}
