// A load balancer before topology-service's REST port that pulls only its secrets: envoy/edge-sds.yaml with this run's names and
// addresses, and the identity that the http-router has.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Processes } from './processes.ts';

export interface Edge {
  /** TLS for callers from outside: 127.0.0.1:port. */
  readonly address: string;
  /** What its certificate says, and what the service behind it is told. */
  readonly spiffeId: string;
  /** Its own admin address, for its statistics. */
  readonly envoyAdmin: string;
}

export interface EdgeOptions {
  readonly processes: Processes;
  readonly envoy: string;
  readonly folder: string;
  /** Of `svid fetch` for its identity. */
  readonly svidFolder: string;
  readonly trustDomain: string;
  readonly address: string;
  readonly admin: string;
  /** Of each control plane, in the order in which it tries them. */
  readonly xds: readonly string[];
  /** The service behind it, and where its sidecar is. */
  readonly target: { readonly spiffeId: string; readonly address: string };
}

const example = fileURLToPath(new URL('../../envoy/edge-sds.yaml', import.meta.url));

/** The one control plane of the example. */
const server = / +- lb_endpoints:\n.+cellwall\.internal, port_value: 18000.+\n/;

function serverLines(lines: string, at: string, priority: number): string {
  const [, indent = ''] = /^( *)- /.exec(lines) ?? [];
  return lines
    .replace('cellwall.internal, port_value: 18000', at)
    .replace('- lb_endpoints', `- priority: ${priority}\n${indent}  lb_endpoints`);
}

export function startEdge(options: EdgeOptions): Edge {
  const { processes, envoy, folder, svidFolder, trustDomain, address, admin, xds, target } = options;
  const spiffeId = `spiffe://${trustDomain}/edge/http-router`;
  const socket = (at: string): string => at.replace(':', ', port_value: ');
  const config = readFileSync(example, 'utf8')
    .replaceAll('spiffe://cells.example/cell/cell-1/service/api', target.spiffeId)
    .replaceAll('spiffe://cells.example/edge/ingress', spiffeId)
    .replaceAll('cells.example', trustDomain)
    .replaceAll('/var/lib/cellwall', svidFolder)
    .replaceAll('STRICT_DNS', 'STATIC')
    .replace('0.0.0.0, port_value: 8443', socket(address))
    .replace('127.0.0.1, port_value: 9901', socket(admin))
    .replace('api.cell-1.internal, port_value: 8443', socket(target.address))
    .replace(server, (line) => xds.map((at, priority) => serverLines(line, socket(at), priority)).join(''));
  const file = join(folder, 'edge.yaml');
  writeFileSync(file, config);
  const args = ['--config-path', file, '--use-dynamic-base-id', '--concurrency', '1', '--log-level', 'warning'];
  processes.start({ name: 'edge', command: envoy, args, logFile: join(folder, 'edge.log') });
  return { address, spiffeId, envoyAdmin: admin };
}
