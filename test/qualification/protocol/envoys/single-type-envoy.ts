// A real Envoy without ADS: listeners and clusters over LDS and CDS, and what they refer to over the services of each type.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { serverUriOfRoots } from '../../../../src/identity-api/server-uri.ts';
import { bootstrap } from '../../../../src/sidecar/envoy/bootstrap.ts';
import type { ServeHarness } from '../../../support/serve-harness.ts';
import { type RunningEnvoy, startEnvoy } from '../../../support/start-envoy.ts';
import { singleId, singleSource, type Variant } from './documents.ts';

export async function startSingleTypeEnvoy(plane: ServeHarness, variant: Variant): Promise<RunningEnvoy> {
  const spiffeId = singleId(variant);
  const { dir, bundle } = await plane.enrol(spiffeId);
  const made = bootstrap({
    spiffeId,
    instance: 'a1',
    service: 'single',
    ports: [],
    xds: [{ host: '127.0.0.1', port: plane.xdsPort }],
    variant,
    serverId: serverUriOfRoots(readFileSync(bundle, 'utf8')),
    admin: { kind: 'tcp', host: '127.0.0.1', port: 0 },
    secrets: { certificate: join(dir, 'xds-certificate.json'), bundle: join(dir, 'xds-bundle.json') },
  });
  const source: unknown = parse(singleSource(variant));
  return startEnvoy({ ...Object(made), dynamic_resources: { lds_config: source, cds_config: source } });
}
