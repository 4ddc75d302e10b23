// What raw resources do to one proxy: names that are taken, constraints and linter rules that the result violates.
import { CellwallError } from '../../lib/errors.ts';
import { formatPath } from '../../model/field-path.ts';
import type { SpiffeId } from '../../model/spiffe-id.ts';
import type { MeshIr } from '../../policy/ir.ts';
import type { RawIr } from '../../policy/raw-ir.ts';
import type { Finding } from '../lint/finding.ts';
import { lint } from '../linter.ts';
import type { TranslatedResource } from '../proxy.ts';
import { translate } from '../translate.ts';
import { allowedCallers } from './allowed-callers.ts';
import { applyRaw } from './apply-raw.ts';
import { brokenConstraints } from './constraints.ts';
import { envoyRegistry } from './envoy-registry.ts';
import type { RawFault } from './fault.ts';
import { bodyPlace, namePlace, targetKey, targetOf, targetText } from './raw-target.ts';
import { stubBundles, stubShape } from './stub-proxy.ts';

type Tell = (raw: RawIr, fault: RawFault) => void;

/** Returns the patches that found a target. */
export function checkProxy(mesh: MeshIr, id: SpiffeId, raws: readonly RawIr[], tell: Tell): readonly RawIr[] {
  const base = translate(mesh, new Map(), stubBundles, stubShape(mesh, id));
  const names = new Set(base.map(targetKey));
  const taken = raws.filter((raw) => {
    if (raw.change.kind !== 'resource') return false;
    const key = targetKey(targetOf(raw));
    const before = names.size;
    return names.add(key).size === before;
  });
  for (const raw of taken) {
    const message = `the proxies of ${id} have a ${targetText(targetOf(raw))} already`;
    tell(raw, { code: 'name-taken', message, hint: 'choose another name, or patch it', path: namePlace(raw) });
  }
  const found = raws.filter((raw) => raw.change.kind !== 'resource' && names.has(targetKey(targetOf(raw))));
  if (taken.length === 0) checkResult(base, raws, tell);
  return found;
}

function checkResult(base: readonly TranslatedResource[], raws: readonly RawIr[], tell: Tell): void {
  const about = (key: string): readonly RawIr[] => raws.filter((raw) => targetKey(targetOf(raw)) === key);
  let result: readonly TranslatedResource[];
  try {
    result = applyRaw(base, raws);
  } catch (reason) {
    const { message } = CellwallError.from(reason);
    const guilty = raws.filter(({ document }) => message.startsWith(`${document}:`));
    for (const raw of guilty) tell(raw, { code: 'invalid', message, path: bodyPlace(raw) });
    return;
  }
  for (const resource of result) {
    const patches = about(targetKey(resource)).filter(({ change }) => change.kind === 'merge');
    if (patches.length === 0) continue;
    for (const { path, message } of brokenConstraints(resource.schema, resource.message, envoyRegistry())) {
      const where = `${message} (${formatPath(path)})`;
      for (const raw of patches) tell(raw, { code: 'constraint', message: where, path: [...bodyPlace(raw), ...path] });
    }
  }
  // What translate made is fine by itself; only a removal can leave it with dangling references.
  const removes = raws.some(({ change }) => change.kind === 'remove');
  const touched = new Set(raws.map((raw) => targetKey(targetOf(raw))));
  const only = (resource: TranslatedResource): boolean => removes || touched.has(targetKey(resource));
  for (const finding of [...lint(result, { raw: true, only }), ...allowedCallers(base, result)]) {
    const those = about(`${finding.typeUrl} ${finding.resource}`);
    // A problem elsewhere, such as a reference to something removed, may be caused by any of them.
    for (const raw of those.length > 0 ? those : raws) tell(raw, faultOf(finding, raw));
  }
}

function faultOf({ code, message, path, typeUrl, resource }: Finding, raw: RawIr): RawFault {
  // `filterChains[0].transportSocket.typedConfig(DownstreamTlsContext).commonTlsContext`
  const steps = path
    .replaceAll(/\([A-Za-z0-9]+\)/g, '')
    .split(/[.[\]"]+/)
    .filter((step) => step !== '');
  return {
    code,
    message: `${message}${path === '' ? '' : ` (${path})`}, in the ${targetText({ typeUrl, name: resource })}`,
    hint: 'no proxy is given this, whoever asks for it',
    path: [...bodyPlace(raw), ...steps.map((step) => (/^\d+$/.test(step) ? Number(step) : step))],
  };
}
