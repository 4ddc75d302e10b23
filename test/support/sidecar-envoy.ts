// A real Envoy as a sidecar's: the bootstrap that the sidecar writes, with an SVID from a control plane in the test's process.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { serverUriOfRoots } from '../../src/identity-api/server-uri.ts';
import { bootstrap } from '../../src/sidecar/envoy/bootstrap.ts';
import { cutArgs } from '../../src/sidecar/envoy/cut-after.ts';
import type { ServeHarness } from './serve-harness.ts';
import { type RunningEnvoy, startEnvoy } from './start-envoy.ts';

export interface SidecarEnvoyOptions {
  readonly variant: 'delta' | 'sotw';
  /** Ports on 127.0.0.1. */
  readonly inbound?: number;
  readonly application?: number;
  /** Default `a1`. */
  readonly instance?: string;
}

export async function startSidecarEnvoy(
  harness: ServeHarness,
  spiffeId: string,
  { variant, inbound, application, instance = 'a1' }: SidecarEnvoyOptions,
): Promise<RunningEnvoy> {
  const { dir, bundle } = await harness.enrol(spiffeId);
  const here = (port: number) => ({ host: '127.0.0.1', port });
  return startEnvoy(
    Object(
      bootstrap({
        spiffeId,
        instance,
        service: 'test',
        xds: [here(harness.xdsPort)],
        variant,
        serverId: serverUriOfRoots(readFileSync(bundle, 'utf8')),
        admin: { kind: 'tcp', ...here(0) },
        secrets: { certificate: join(dir, 'xds-certificate.json'), bundle: join(dir, 'xds-bundle.json') },
        ports: [
          {
            name: 'default',
            ...(inbound === undefined ? {} : { inbound: here(inbound) }),
            ...(application === undefined ? {} : { application: here(application) }),
          },
        ],
      }),
    ),
    cutArgs,
  );
}
