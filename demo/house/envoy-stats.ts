// What an Envoy says of itself: its counters of configuration updates and its endpoints.
import { request } from 'node:http';

async function readEnvoy(admin: string, path: string): Promise<string> {
  const [host = '', port = ''] = admin.split(':');
  return new Promise((resolve, reject) => {
    const call = request({ host, port: Number(port), path, agent: false, timeout: 5000 }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve(text));
    });
    call.on('timeout', () => call.destroy(new Error('no answer in 5 s')));
    call.on('error', reject);
    call.end();
  });
}

export interface EnvoyConfig {
  /** Successful updates of everything but its own secrets: listeners, clusters, routes, endpoints, policies, bundles. */
  readonly updates: ReadonlyMap<string, number>;
  /** `cluster address:port`, of every upstream host. */
  readonly endpoints: ReadonlySet<string>;
  readonly rejected: number;
  /** To the control plane: one, or with single-type services one for each thing that it asks for. */
  readonly streams: number;
  /** Those of them whose `connected_state` is not 1. */
  readonly disconnected: number;
  /** Listeners and clusters that wait for what they refer to. */
  readonly warming: number;
}

/** That of its identity, and the files of its xDS connection: `sds.spiffe_<trust domain>/service/a.update_success`. */
const ownSecret = /(^|\.)sds\.(spiffe_[^/]*\/|xds-)/;

export async function readEnvoyConfig(admin: string): Promise<EnvoyConfig> {
  const [stats, clusters] = await Promise.all([
    readEnvoy(
      admin,
      '/stats?filter=(update_success|update_rejected|config_reload|control_plane.connected_state|listeners_warming|warming_clusters)$',
    ),
    readEnvoy(admin, '/clusters?format=json'),
  ]);
  const updates = new Map<string, number>();
  let rejected = 0;
  let streams = 0;
  let disconnected = 0;
  let warming = 0;
  for (const line of stats.split('\n')) {
    const [name = '', value = ''] = line.split(': ');
    if (name.endsWith('update_rejected')) rejected += Number(value);
    else if (name.endsWith('control_plane.connected_state')) {
      streams += 1;
      if (value !== '1') disconnected += 1;
    } else if (/warming/.test(name)) warming += Number(value);
    else if (/(update_success|config_reload)$/.test(name) && !ownSecret.test(name)) updates.set(name, Number(value));
  }
  return { updates, rejected, streams, disconnected, warming, endpoints: endpointsIn(JSON.parse(clusters)) };
}

interface ClusterStatuses {
  readonly cluster_statuses?: readonly {
    readonly name: string;
    readonly host_statuses?: readonly {
      readonly address?: { readonly socket_address?: { readonly address: string; readonly port_value: number } };
    }[];
  }[];
}

function endpointsIn({ cluster_statuses = [] }: ClusterStatuses): ReadonlySet<string> {
  const endpoints = new Set<string>();
  for (const { name, host_statuses = [] } of cluster_statuses) {
    for (const { address } of host_statuses) {
      const socket = address?.socket_address;
      if (socket !== undefined) endpoints.add(`${name} ${socket.address}:${socket.port_value}`);
    }
  }
  return endpoints;
}
