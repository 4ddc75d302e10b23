// What outlives the control plane about a proxy: where it serves, or that its last run said goodbye. Untrusted when read, like any stored
// data.
import { z } from 'zod';
import type { IpPort } from '../lib/host-port.ts';
import type { Log } from '../lib/log.ts';
import type { Json, Table } from '../lib/table.ts';
import type { SpiffeId } from '../model/spiffe-id.ts';
import type { ApplicationAddress, ClaimedPort } from './claims.ts';

export interface Lease {
  readonly spiffeId: SpiffeId;
  readonly inbound?: IpPort;
  readonly application?: ApplicationAddress;
  /** Named ports. */
  readonly ports?: readonly ClaimedPort[];
  readonly ready: boolean;
  readonly run?: string;
  /** That run said goodbye. */
  readonly left?: boolean;
  /** The node key of its host. */
  readonly holder?: string;
  /** It disappeared without a goodbye, and did not come back. Epoch milliseconds. */
  readonly awaySince?: number;
}

const hostPort = z.object({ address: z.string(), port: z.number() });
const application = z.union([hostPort, z.object({ path: z.string() })]);
const schema = z.object({
  // Written by the registry from a verified identity.
  spiffeId: z.string().transform((text) => text as SpiffeId),
  inbound: hostPort.exactOptional(),
  application: application.exactOptional(),
  ports: z
    .array(z.object({ name: z.string(), inbound: hostPort.exactOptional(), application: application.exactOptional() }))
    .exactOptional(),
  ready: z.boolean(),
  run: z.string().exactOptional(),
  left: z.boolean().exactOptional(),
  holder: z.string().exactOptional(),
  awaySince: z.number().exactOptional(),
});

/** Undefined if it is not one. */
export function parseLease(value: Json): Lease | undefined {
  return schema.safeParse(value).data;
}

/** What only this process knows is left out. */
export function leaseJson({ ports, ...lease }: Lease): Json {
  const { spiffeId, inbound, application, ready, run, left, holder, awaySince } = lease;
  const named = ports?.map(({ name, inbound, application }) => ({ name, inbound, application }));
  // Undefined members disappear in JSON.
  const own = { spiffeId, inbound, application, ports: named, ready, run, left, holder, awaySince };
  return JSON.parse(JSON.stringify(own));
}

/** Written without waiting: serving does not depend on it. */
export function createLeaseWriter(table: Table, log: Log) {
  const told = (node: string, what: string) => (reason: unknown) => log.error({ node, reason: String(reason) }, what);
  return {
    save: (node: string, lease: Lease): void =>
      void table.set(node, leaseJson(lease)).catch(told(node, 'lease not persisted')),
    remove: (node: string): void => void table.delete(node).catch(told(node, 'lease not removed')),
  };
}
