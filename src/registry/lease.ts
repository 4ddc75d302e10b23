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
  /** A helper beside it keeps its key. */
  readonly secrets?: 'local';
  /** That run said goodbye. */
  readonly left?: boolean;
  /** The node key of its host. */
  readonly holder?: string;
  /** It disappeared without a goodbye, and did not come back. Epoch milliseconds. */
  readonly awaySince?: number;
  /** Its stream ended, and it may come back. */
  readonly held?: boolean;
  /** Which replica of the control plane has its stream, or had it last. */
  readonly by?: string;
}

/** Written without waiting: serving does not depend on it. */
export interface LeaseWriter {
  save(node: string, lease: Lease): void;
  remove(node: string): void;
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
  secrets: z.literal('local').exactOptional(),
  left: z.boolean().exactOptional(),
  holder: z.string().exactOptional(),
  awaySince: z.number().exactOptional(),
  held: z.boolean().exactOptional(),
  by: z.string().exactOptional(),
});

/** Undefined if it is not one. */
export function parseLease(value: Json): Lease | undefined {
  return schema.safeParse(value).data;
}

/** What only this process knows is left out. */
export function leaseJson({ ports, ...lease }: Lease): Json {
  const { spiffeId, inbound, application, ready, run, secrets, left, holder, awaySince, held, by } = lease;
  const named = ports?.map(({ name, inbound, application }) => ({ name, inbound, application }));
  // Undefined members disappear in JSON.
  const own = { spiffeId, inbound, application, ports: named, ready, run, secrets, left, holder, awaySince, held, by };
  return JSON.parse(JSON.stringify(own));
}

/** For a table that nobody else uses. */
export function createLeaseWriter(table: Table, log: Log): LeaseWriter {
  const told = (node: string, what: string) => (reason: unknown) => log.error({ node, reason: String(reason) }, what);
  return {
    save: (node: string, lease: Lease): void =>
      void table.set(node, leaseJson(lease)).catch(told(node, 'lease not persisted')),
    remove: (node: string): void => void table.delete(node).catch(told(node, 'lease not removed')),
  };
}
