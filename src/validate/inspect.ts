// `cellwall validate`, the parts that need Envoy's schema, or Envoy itself: offline, with certificates that are thrown away.
import type { Inspection, InspectOptions } from '../cli/run.ts';
import { silentLog } from '../lib/log.ts';
import type { Problem } from '../model/problem.ts';
import { isFor } from '../policy/resolve/resolve-raw.ts';
import { findEnvoy } from '../sidecar/envoy/envoy-binary.ts';
import { applyRaw } from '../translate/raw/apply-raw.ts';
import { checkRaw } from '../translate/raw/check-raw.ts';
import { stubShape } from '../translate/raw/stub-proxy.ts';
import { staticBootstrap } from '../translate/static-bootstrap.ts';
import { translate } from '../translate/translate.ts';
import { askEnvoy } from './ask-envoy.ts';
import { createStubIdentity } from './stub-identity.ts';

export interface InspectDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Every service is judged as a proxy of its own. Envoy is asked only if wanted, and if no document has an error. */
export async function inspect(
  { documents, mesh, askEnvoy: wanted, allowProxyCode }: InspectOptions,
  { env }: InspectDeps,
): Promise<Inspection> {
  const problems = checkRaw(documents, mesh, { proxyCode: allowProxyCode === true });
  if (!wanted || problems.some(({ severity }) => severity === 'error')) return { problems, asked: 0 };
  const binary = await findEnvoy({ env, log: silentLog });
  const identity = await createStubIdentity(mesh);
  const found: Problem[] = [];
  for (const { key, spiffeId, source } of mesh.services.values()) {
    const translated = translate(mesh, new Map(), identity.bundles, stubShape(mesh, spiffeId));
    const raws = (mesh.rawResources ?? []).filter((raw) => isFor(raw, spiffeId));
    const bootstrap = staticBootstrap(applyRaw(translated, raws), [identity.secretOf(spiffeId)]);
    const refusal = await askEnvoy(binary, bootstrap);
    if (refusal === undefined) continue;
    found.push({
      severity: 'error',
      code: 'envoy-refuses',
      message: `Envoy refuses the configuration of ${key}: ${refusal}`,
      hint:
        raws.length === 0
          ? 'a fault of Cellwall: please report it, with the document'
          : `look at ${raws.map(({ document }) => document).join(', ')}`,
      source,
    });
  }
  return { problems: [...problems, ...found], asked: mesh.services.size };
}
