// The control planes of the demo: one on a directory, or two on one Redis, which have nothing in common but that and one secret.
import { join } from 'node:path';
import type { Cellwall } from './cellwall.ts';
import { type ControlPlane, type ControlPlaneAddresses, createControlPlane } from './control-plane.ts';

export type ControlPlanes = readonly [ControlPlane, ...ControlPlane[]];

export interface ControlPlanesOptions {
  readonly cellwall: Cellwall;
  readonly addresses: readonly [ControlPlaneAddresses, ...ControlPlaneAddresses[]];
  /** A folder: of the directory store, or of what is applied first to Redis. */
  readonly documents: string;
  /** The port of a Redis that keeps the documents. Absent: the folder does, and there is one control plane. */
  readonly redis?: number;
  /** Of the first one. */
  readonly data: string;
  readonly logs: string;
  /** Other flags of `serve`, for each. */
  readonly more: readonly string[];
}

/** Resolves when all are ready to serve proxies. */
export async function startControlPlanes(options: ControlPlanesOptions): Promise<ControlPlanes> {
  const { cellwall, documents, redis, data, logs, more: flags } = options;
  const [own, ...more] = options.addresses;
  const secret = `${data}-secret`;
  if (redis !== undefined) await cellwall.expect('bootstrap-secret', 'create', secret);
  const first = createControlPlane({
    name: 'control plane',
    cellwall,
    addresses: own,
    store: redis === undefined ? { kind: 'directory', documents } : { kind: 'redis', port: redis, secret, documents },
    data,
    more: flags,
    logFile: join(logs, 'control-plane.log'),
  });
  if (redis === undefined) {
    await first.start();
    return [first];
  }
  const others = more.map((addresses, index) =>
    createControlPlane({
      name: `control plane ${index + 2}`,
      cellwall,
      addresses,
      store: { kind: 'redis', port: redis, secret },
      data: `${data}-${index + 2}`,
      more: flags,
      logFile: join(logs, `control-plane-${index + 2}.log`),
    }),
  );
  await Promise.all([first, ...others].map((plane) => plane.start()));
  return [first, ...others];
}

/** As sidecars are given them. */
export function addressesOf(planes: readonly Pick<ControlPlane, 'addresses'>[]): {
  readonly xds: string;
  readonly identity: string;
} {
  const all = (which: 'xds' | 'identity'): string => planes.map(({ addresses }) => addresses[which]).join();
  return { xds: all('xds'), identity: all('identity') };
}
