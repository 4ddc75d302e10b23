// The sidecars: one `cellwall sidecar` beside each service, each with an Envoy.
import { join } from 'node:path';
import type { Cellwall } from './cellwall.ts';
import { addressesOf, type ControlPlanes } from './control-planes.ts';
import type { Ports } from './ports.ts';
import type { Child } from './processes.ts';
import { until } from './until.ts';

export interface Sidecar {
  readonly service: string;
  /** Where its Envoy takes calls, 127.0.0.1:port, by the port of the service: `name`, or `name:port`. */
  readonly inbounds: ReadonlyMap<string, string>;
  /** Envoy's own admin address, for its statistics. */
  readonly envoyAdmin: string;
  readonly child: Child;
}

export interface SidecarsOptions {
  readonly cellwall: Cellwall;
  readonly controlPlanes: ControlPlanes;
  readonly ports: Ports;
  readonly folder: string;
  /** Port of a service → port of its application. */
  readonly applications: ReadonlyMap<string, number>;
}

/** Starts all at once; resolves when each serves. */
export async function startSidecars({
  cellwall,
  controlPlanes,
  ports,
  folder,
  applications,
}: SidecarsOptions): Promise<ReadonlyMap<string, Sidecar>> {
  const [{ admin }] = controlPlanes;
  const addresses = addressesOf(controlPlanes);
  const sidecars = new Map<string, Sidecar>();
  for (const [service, own] of Map.groupBy(applications, ([key]) => serviceOf(key))) {
    const inbounds = new Map<string, string>();
    const flags: string[] = [];
    for (const [key, application] of own) {
      const inbound = `127.0.0.1:${await ports.next()}`;
      const name = key === service ? '' : `${key.slice(service.length + 1)}=`;
      inbounds.set(key, inbound);
      flags.push('--listen', `${name}${inbound}`, '--app', `${name}127.0.0.1:${application}`);
    }
    const envoyAdmin = `127.0.0.1:${await ports.next()}`;
    const { token } = await admin.createToken({ service });
    const name = service.replace('/', '-');
    const args = [
      'sidecar',
      ...['--service', service, ...flags],
      ...['--data', join(folder, name), '--envoy-admin', envoyAdmin, '--drain-seconds', '0'],
      ...['--identity-address', addresses.identity, '--xds-address', addresses.xds],
    ];
    const child = cellwall.start(args, {
      name: `sidecar of ${service}`,
      logFile: join(folder, `${name}.log`),
      env: { CELLWALL_TOKEN: token },
      sidecarFolder: join(folder, name),
    });
    sidecars.set(service, { service, inbounds, envoyAdmin, child });
  }
  await until(
    async () => {
      for (const { child } of sidecars.values()) if (!child.running()) return child.name;
      const { proxies } = await admin.proxies();
      const ready = new Set(proxies.filter((proxy) => proxy.ready).map((proxy) => proxy.service));
      return [...sidecars.keys()].every((service) => ready.has(service)) ? 'all' : undefined;
    },
    { what: 'every sidecar serves', withinMs: 60_000, everyMs: 50 },
  ).then((answer) => {
    if (answer !== 'all') throw new Error(`the ${answer} ended at its start`);
  });
  return sidecars;
}

/** Of `name:port`, the name. */
export function serviceOf(key: string): string {
  return key.replace(/:.*/, '');
}
