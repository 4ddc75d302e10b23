// `cellwall validate`, the parts that need Envoy's schema, or Envoy itself: offline, with certificates that are thrown away.
import type { Inspection, InspectOptions } from '../cli/run.ts';
import { silentLog } from '../lib/log.ts';
import type { Problem } from '../model/problem.ts';
import type { MeshIr, ServiceIr } from '../policy/ir.ts';
import { isFor } from '../policy/resolve-raw.ts';
import { findEnvoy } from '../sidecar/envoy-binary.ts';
import { applyRaw } from '../translate/raw/apply-raw.ts';
import { checkRaw } from '../translate/raw/check-raw.ts';
import { stubShape } from '../translate/raw/stub-proxy.ts';
import { staticBootstrap } from '../translate/static-bootstrap.ts';
import { translate } from '../translate/translate.ts';
import { askEnvoy } from './ask-envoy.ts';
import { createStubIdentity, type StubIdentity } from './stub-identity.ts';

export interface InspectDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
}

export async function inspect({ documents, mesh, envoy }: InspectOptions, { env }: InspectDeps): Promise<Inspection> {
  const problems = checkRaw(documents, mesh);
  if (envoy === undefined || problems.some(({ severity }) => severity === 'error')) return { problems, asked: 0 };
  const binary = await findEnvoy({ env, log: silentLog, ...(envoy === '' ? {} : { path: envoy }) });
  const identity = await createStubIdentity(mesh);
  const found: Problem[] = [];
  for (const service of mesh.services.values()) {
    const refusal = await askEnvoy(binary, bootstrapOf(mesh, service, identity));
    if (refusal === undefined) continue;
    found.push({
      severity: 'error',
      code: 'envoy-refuses',
      message: `Envoy refuses the configuration of ${service.key}: ${refusal}`,
      hint:
        service.rawPatches === undefined
          ? 'this is a fault of Cellwall unless an EnvoyResource is for it: please report it'
          : 'look at the EnvoyResource documents that are for it',
      source: service.source,
    });
  }
  return { problems: [...problems, ...found], asked: mesh.services.size };
}

function bootstrapOf(mesh: MeshIr, { spiffeId }: ServiceIr, { bundles, secretOf }: StubIdentity) {
  const translated = translate(mesh, new Map(), bundles, stubShape(mesh, spiffeId));
  const raws = (mesh.rawResources ?? []).filter((raw) => isFor(raw, spiffeId));
  return staticBootstrap(applyRaw(translated, raws), [secretOf(spiffeId)]);
}
