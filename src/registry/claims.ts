// What a proxy claims about itself in `node.metadata.cellwall`: where it listens and where its application is. The
// claim is checked before it becomes an endpoint: a proxy may only register the address it connects from, or those its
// Workload document lists.
import { BlockList, isIP } from 'node:net';
import { z } from 'zod';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import { formatHostPort, type IpPort, parseIpPort } from '../lib/host-port.ts';
import { defaultPort, isPortName, maxServicePorts } from '../lib/port-name.ts';
import { maxSocketText, parseSocketPath, type SocketPath } from '../lib/socket-path.ts';

/** Where its own application is: only the proxy itself connects there. */
export type ApplicationAddress = IpPort | SocketPath;

/** Where it listens for a named port of its service, and where the application for that is. */
export interface ClaimedPort {
  readonly name: string;
  readonly inbound?: IpPort;
  readonly application?: ApplicationAddress;
}

export interface ProxyClaims {
  /** For the port `default`. */
  readonly inbound?: IpPort;
  readonly application?: ApplicationAddress;
  /** For other ports, by name. */
  readonly ports?: readonly ClaimedPort[];
  /** Its host also has the IPv6 loopback address. */
  readonly loopback6?: true;
  /** It has no ADS: it requests everything over the single-type services, in this variant. */
  readonly singleServices?: 'delta' | 'sotw';
  /** A helper beside it keeps its key and certificate, in the file that lib/local-secret.ts names. */
  readonly secrets?: 'local';
  /** Changes with every start of Envoy; only its helper knows it: whoever knows it may deregister the proxy. */
  readonly run?: string;
}

const hostPort = z
  .string()
  .max(64)
  .transform((text, context): IpPort => {
    const at = parseIpPort(text);
    if (at !== undefined && at.port > 0) return at;
    context.addIssue({ code: 'custom', message: 'not "address:port" with an IP address' });
    return z.NEVER;
  });

const socket = z
  .string()
  .max(maxSocketText)
  .transform((text, context): SocketPath => {
    const parsed = parseSocketPath(text);
    if (parsed !== undefined) return parsed;
    context.addIssue({ code: 'custom', message: 'neither "address:port" nor "unix:/path", absolute and without ".."' });
    return z.NEVER;
  });

const application = z.union([hostPort, socket], { error: 'neither "address:port" nor "unix:/path"' });

const namedPorts = z
  .record(
    z
      .string()
      .refine(isPortName, { error: 'not the name of a port' })
      .refine((name) => name !== defaultPort, { error: 'its claims are "inbound" and "application"' }),
    z.object({ inbound: hostPort.exactOptional(), application: application.exactOptional() }),
  )
  .refine((ports) => Object.keys(ports).length <= maxServicePorts, { error: `more than ${maxServicePorts} ports` })
  .transform((ports): readonly ClaimedPort[] =>
    Object.entries(ports)
      .map(([name, port]) => ({ name, ...port }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
  );

const claims = z.object({
  inbound: hostPort.optional(),
  application: application.optional(),
  ports: namedPorts.optional(),
  loopback6: z.literal('yes').optional(),
  singleServices: z.enum(['delta', 'sotw']).optional(),
  secrets: z.literal('local').optional(),
  run: z
    .string()
    .regex(/^[a-z0-9]{1,64}$/)
    .optional(),
});

/** The claims in a node's metadata; throws `invalid_argument` if they are malformed. */
export function parseClaims(metadata: Readonly<Record<string, unknown>>): ProxyClaims {
  const raw = metadata['cellwall'];
  if (raw === undefined) return {};
  const parsed = claims.safeParse(raw);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new CellwallError('invalid_argument', `node.metadata.cellwall.${issue?.path.join('.')}: ${issue?.message}`, {
      hint: 'for example {"inbound": "10.0.0.5:8443", "application": "127.0.0.1:8080"}',
    });
  }
  const { inbound, application, ports = [], loopback6, singleServices, secrets, run } = parsed.data;
  return {
    ...defined({ inbound, application }),
    ...(ports.length === 0 ? {} : { ports }),
    ...(loopback6 === undefined ? {} : { loopback6: true }),
    ...defined({ singleServices, secrets, run }),
  };
}

export interface AdvertiseRule {
  /** IP addresses or CIDR ranges. */
  readonly addresses: readonly string[];
  readonly ports?: readonly number[];
}

/** Where others reach it: if it listens on every address of its host (`0.0.0.0`, `::`), the one it connects from. */
export function reachable({ address, port }: IpPort, peer: string): IpPort {
  return /^[0:.]+$/.test(address) && isIP(peer) !== 0 ? { address: plain(peer), port } : { address, port };
}

/** May a proxy that connects from `peer` register `claimed`? Without a rule, only the address that it connects from. */
export function mayAdvertise(claimed: IpPort, peer: string, rule: AdvertiseRule | undefined): boolean {
  if (rule === undefined) return sameAddress(claimed.address, peer);
  if (rule.ports !== undefined && !rule.ports.includes(claimed.port)) return false;
  const allowed = new BlockList();
  for (const entry of rule.addresses) {
    const [address = '', bits] = entry.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) allowed.addAddress(address, family);
    else allowed.addSubnet(address, Number(bits), family);
  }
  return allowed.check(claimed.address, isIP(claimed.address) === 6 ? 'ipv6' : 'ipv4');
}

function sameAddress(claimed: string, peer: string): boolean {
  // Every loopback address is the same host.
  const loopback = (address: string): boolean => address === '::1' || address.startsWith('127.');
  const [a, b] = [plain(claimed), plain(peer)];
  return a === b || (loopback(a) && loopback(b));
}

/** Plain IPv4, even if a dual-stack socket reported it. */
function plain(address: string): string {
  return address.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '');
}

/** Why an address may not be advertised. */
export function elsewhere(claimed: IpPort, peer: string): string {
  return `${formatHostPort(claimed)} is not the address it connects from, ${peer}`;
}
