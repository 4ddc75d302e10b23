// A SPIRE server and its agent, as somebody runs them beside this mesh: real processes on loopback, with a join token.
import { X509Certificate } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { freePorts } from '../../../support/free-ports.ts';
import type { Context } from '../../item.ts';
import { type Background, output, start, tail } from '../../support/command.ts';
import { until } from '../../support/until.ts';
import { spireBinaries } from './binaries.ts';

export interface Spire {
  readonly trustDomain: string;
  readonly serverPort: number;
  /** Of its bundle endpoint (https_spiffe). */
  readonly bundlePort: number;
  /** The agent's socket: Workload API and SDS. */
  readonly socket: string;
  /** `spire-server …`; its standard output. */
  server(...args: readonly string[]): Promise<string>;
  /** The bundle of its own trust domain: a JWK Set. */
  bundle(): Promise<string>;
  startAgent(): Promise<void>;
  /** An entry for processes of this user. `more`: further arguments. */
  entry(path: string, ...more: readonly string[]): Promise<void>;
  /** The IDs of its X.509 authorities. */
  authorities(): Promise<Authorities>;
  /** The SVIDs that its agent gives a process of this user now: the leaves. */
  svids(): Promise<readonly X509Certificate[]>;
  stopServer(): Promise<void>;
  startServer(): Promise<void>;
  log(): string;
}

export interface SpireOptions {
  readonly trustDomain: string;
  /** As in `1h`. Default: SPIRE's, a day. */
  readonly caTtl?: string;
  /** With whom it federates, whose endpoint (https_spiffe) is there. */
  readonly federatesWith?: { readonly trustDomain: string; readonly port: number };
}

const authority = z.object({ authority_id: z.string() }).nullish();
const authoritiesSchema = z.object({ active: authority, prepared: authority, old: authority });
export type Authorities = z.infer<typeof authoritiesSchema>;

export async function startSpire(context: Context, options: SpireOptions): Promise<Spire> {
  const { trustDomain } = options;
  const binaries = await spireBinaries(context);
  const folder = join(context.work, 'spire');
  mkdirSync(join(folder, 'agent'), { recursive: true });
  const [serverPort = 0, bundlePort = 0] = await freePorts(2);
  const api = join(folder, 'api.sock');
  const socket = join(folder, 'agent.sock');
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const configuration = file('server.conf', serverConfiguration({ ...options, folder, api, serverPort, bundlePort }));
  const cwd = folder;
  const server = (...args: readonly string[]): Promise<string> =>
    output(binaries.server, [...args, '-socketPath', api], { cwd, timeoutMs: 30_000 });
  let running: Background | undefined;
  let agent: Background | undefined;
  context.defer(() => running?.stop());
  context.defer(() => agent?.stop());
  const spire: Spire = {
    ...{ trustDomain, serverPort, bundlePort, socket, server },
    bundle: () => server('bundle', 'show', '-format', 'spiffe'),
    async startServer() {
      const one = start(binaries.server, ['run', '-config', configuration], { cwd });
      running = one;
      await until('the SPIRE server is healthy', 60_000, async () => {
        if (!one.running()) throw new Error(`the SPIRE server ended: ${tail(one.log())}`);
        return server('healthcheck').catch(() => undefined);
      });
    },
    async stopServer() {
      await running?.stop();
    },
    async startAgent() {
      const parent = `spiffe://${trustDomain}/host`;
      const token = /Token: (\S+)/.exec(await server('token', 'generate', '-spiffeID', parent))?.[1] ?? '';
      const roots = file('roots.pem', await server('bundle', 'show'));
      const conf = file('agent.conf', agentConfiguration({ trustDomain, folder, socket, serverPort, roots }));
      const one = start(binaries.agent, ['run', '-config', conf, '-joinToken', token], { cwd });
      agent = one;
      await until('the SPIRE agent is healthy', 60_000, async () => {
        if (!one.running()) throw new Error(`the SPIRE agent ended: ${tail(one.log())}`);
        return output(binaries.agent, ['healthcheck', '-socketPath', socket], { cwd }).catch(() => undefined);
      });
    },
    async entry(path, ...more) {
      const ids = ['-parentID', `spiffe://${trustDomain}/host`, '-spiffeID', `spiffe://${trustDomain}/${path}`];
      await server('entry', 'create', ...ids, '-selector', `unix:uid:${process.getuid?.() ?? 0}`, ...more);
    },
    authorities: async () =>
      authoritiesSchema.parse(JSON.parse(await server('localauthority', 'x509', 'show', '-output', 'json'))),
    async svids() {
      const at = join(folder, 'svids');
      rmSync(at, { recursive: true, force: true });
      mkdirSync(at);
      await output(binaries.agent, ['api', 'fetch', 'x509', '-socketPath', socket, '-write', at], { cwd });
      const leaves = readdirSync(at).filter((name) => /^svid\.\d+\.pem$/.test(name));
      return leaves.map((name) => new X509Certificate(readFileSync(join(at, name))));
    },
    log: () => `${running?.log() ?? ''}\n${agent?.log() ?? ''}`,
  };
  await spire.startServer();
  return spire;
}

/** The roots in a bundle of SPIRE (a JWK Set). */
export function rootsOf(bundle: string): readonly X509Certificate[] {
  const { keys }: { readonly keys: readonly { readonly x5c?: readonly string[] }[] } = JSON.parse(bundle);
  return keys.flatMap(({ x5c = [] }) => x5c).map((der) => new X509Certificate(Buffer.from(der, 'base64')));
}

interface ServerPlaces extends SpireOptions {
  readonly folder: string;
  readonly api: string;
  readonly serverPort: number;
  readonly bundlePort: number;
}

function serverConfiguration(options: ServerPlaces): string {
  const { trustDomain, caTtl, federatesWith: other, folder, api, serverPort, bundlePort } = options;
  const federates =
    other === undefined
      ? ''
      : `federates_with "${other.trustDomain}" {
      bundle_endpoint_url = "https://127.0.0.1:${other.port}/"
      bundle_endpoint_profile "https_spiffe" { endpoint_spiffe_id = "spiffe://${other.trustDomain}/cellwall/server" }
    }`;
  return `server {
  bind_address = "127.0.0.1"
  bind_port = "${serverPort}"
  socket_path = "${api}"
  trust_domain = "${trustDomain}"
  data_dir = "${folder}"
  log_level = "INFO"
  ${caTtl === undefined ? '' : `ca_ttl = "${caTtl}"`}
  federation {
    bundle_endpoint {
      address = "127.0.0.1"
      port = ${bundlePort}
      refresh_hint = "10s"
      profile "https_spiffe" {}
    }
    ${federates}
  }
}
plugins {
  DataStore "sql" { plugin_data { database_type = "sqlite3" connection_string = "${folder}/datastore.sqlite3" } }
  NodeAttestor "join_token" { plugin_data {} }
  KeyManager "disk" { plugin_data { keys_path = "${folder}/keys.json" } }
}
`;
}

interface AgentPlaces {
  readonly trustDomain: string;
  readonly folder: string;
  readonly socket: string;
  readonly serverPort: number;
  readonly roots: string;
}

const agentConfiguration = ({ trustDomain, folder, socket, serverPort, roots }: AgentPlaces): string => `agent {
  data_dir = "${folder}/agent"
  log_level = "INFO"
  server_address = "127.0.0.1"
  server_port = "${serverPort}"
  socket_path = "${socket}"
  trust_bundle_path = "${roots}"
  trust_domain = "${trustDomain}"
}
plugins {
  NodeAttestor "join_token" { plugin_data {} }
  KeyManager "memory" { plugin_data {} }
  WorkloadAttestor "unix" { plugin_data {} }
}
`;
