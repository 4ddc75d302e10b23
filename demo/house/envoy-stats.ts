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
  /** Successful updates of listeners, clusters, routes, endpoints and extension configurations; not of own secrets. */
  readonly updates: ReadonlyMap<string, number>;
  /** `cluster address:port`, of every upstream host. */
  readonly endpoints: ReadonlySet<string>;
  readonly rejected: number;
  /** Each of its streams to the control plane says so: one, or with single-type services many. */
  readonly connected: boolean;
  readonly streams: number;
  /** Listeners and clusters that wait for what they refer to. */
  readonly warming: number;
}

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
  const states: string[] = [];
  let warming = 0;
  for (const line of stats.split('\n')) {
    const [name = '', value = ''] = line.split(': ');
    if (name.endsWith('update_rejected')) rejected += Number(value);
    else if (name.endsWith('control_plane.connected_state')) states.push(value);
    else if (/warming/.test(name)) warming += Number(value);
    else if (/(update_success|config_reload)$/.test(name) && !/(^|\.)sds\./.test(name))
      updates.set(name, Number(value));
  }
  const connected = states.length > 0 && states.every((state) => state === '1');
  return {
    updates,
    rejected,
    connected,
    streams: states.length,
    warming,
    endpoints: endpointsIn(JSON.parse(clusters)),
  };
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
