// A mesh of N HTTP services on this machine, from the installed package: one control plane, a sidecar a service, and a client with an
// SVID of its own. Every process is of its own group and ends with the item.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { silentLog } from '../../../src/lib/log.ts';
import { findEnvoy } from '../../../src/sidecar/envoy/envoy-binary.ts';
import { freePorts } from '../../support/free-ports.ts';
import type { Context } from '../item.ts';
import { cleanEnvironment } from './clean-environment.ts';
import { type Credentials, call } from './client.ts';
import { type Background, output, start, tail } from './command.ts';
import { until } from './until.ts';

export interface Mesh {
  readonly controlPlane: Background;
  readonly trustDomain: string;
  /** svid.pem, key.pem and bundle.pem of the client that every service allows. */
  readonly clientFolder: string;
  /** Makes what a sidecar needs beforehand (its token, free ports); what it answers starts the sidecar. */
  prepare(service: string): Promise<() => Sidecar>;
}

export interface Sidecar {
  readonly process: Background;
  readonly spiffeId: string;
  /** Where it takes mTLS calls, on 127.0.0.1. */
  readonly port: number;
  /** Resolves to the milliseconds from the spawn to its first served mTLS call. */
  firstCall(timeoutMs: number): Promise<number>;
}

const trustDomain = 'qualify.test';

export interface MeshOptions {
  /** The installed `cellwall` script. */
  readonly cellwall: string;
  readonly services: readonly string[];
}

export async function startMesh(
  { work, defer }: Pick<Context, 'work' | 'defer'>,
  { cellwall, services }: MeshOptions,
): Promise<Mesh> {
  const env = cleanEnvironment({ home: join(work, 'home') });
  // Envoy's first fetch is not what is measured: it is there before the clock runs.
  env['ENVOY_BIN'] = await findEnvoy({ env: process.env, log: silentLog });
  const [xds = 0, identity = 0, admin = 0] = await freePorts(3);
  const data = join(work, 'data');
  const addresses = { xds: `127.0.0.1:${xds}`, identity: `127.0.0.1:${identity}`, admin: `127.0.0.1:${admin}` };
  const documents = join(work, 'documents');
  mkdirSync(documents);
  writeFileSync(join(documents, 'mesh.yaml'), meshDocuments(services));
  const cli = (...args: readonly string[]): Promise<string> =>
    output(process.execPath, [cellwall, ...args], {
      cwd: work,
      env: { ...env, CELLWALL_DATA: data, CELLWALL_ADMIN: addresses.admin },
    });

  const controlPlane = start(
    process.execPath,
    [
      cellwall,
      'serve',
      ...['--documents', documents, '--data', data],
      ...['--xds-listen', addresses.xds, '--identity-listen', addresses.identity, '--admin-listen', addresses.admin],
    ],
    { cwd: work, env },
  );
  defer(() => controlPlane.stop());
  const ready = async (): Promise<true | undefined> => {
    if (!controlPlane.running()) throw new Error(`the control plane ended:\n${tail(controlPlane.log())}`);
    const answer = await fetch(`http://${addresses.admin}/readyz`).catch(() => undefined);
    return answer?.ok === true ? true : undefined;
  };
  await until('the control plane is ready', 30_000, ready).catch((reason: Error) => {
    throw new Error(`${reason.message}\n${tail(controlPlane.log())}`);
  });

  const token = (...who: readonly string[]): Promise<string> => cli('token', 'create', ...who);
  const clientToken = join(work, 'client.token');
  writeFileSync(clientToken, await token('--spiffe-id', `spiffe://${trustDomain}/client`), { mode: 0o600 });
  const clientFolder = join(work, 'client');
  await cli(
    ...['svid', 'fetch', '--spiffe-id', `spiffe://${trustDomain}/client`, '--identity-address', addresses.identity],
    ...['--token-file', clientToken, '--dir', clientFolder],
  );
  const credentials: Credentials = {
    certificate: readFileSync(join(clientFolder, 'svid.pem'), 'utf8'),
    key: readFileSync(join(clientFolder, 'key.pem'), 'utf8'),
    bundle: readFileSync(join(clientFolder, 'bundle.pem'), 'utf8'),
  };
  const application = await startApplication(defer);

  let count = 0;
  return {
    controlPlane,
    trustDomain,
    clientFolder,
    async prepare(service) {
      count += 1;
      const folder = join(work, `sidecar-${count}`);
      const tokenFile = `${folder}.token`;
      writeFileSync(tokenFile, await token('--service', service), { mode: 0o600 });
      const [inbound = 0] = await freePorts(1);
      const args = [
        'sidecar',
        ...['--service', service, '--app', String(application), '--listen', `127.0.0.1:${inbound}`],
        ...['--identity-address', addresses.identity, '--xds-address', addresses.xds],
        ...['--token-file', tokenFile, '--data', folder],
      ];
      return () => {
        const spawned = performance.now();
        const sidecar = start(process.execPath, [cellwall, ...args], { cwd: work, env });
        defer(() => sidecar.stop());
        const expect = `spiffe://${trustDomain}/service/${service}`;
        const ask = async (): Promise<number | undefined> => {
          const status = await call({ port: inbound, credentials, expect }).catch(() => 0);
          return status === 200 ? performance.now() - spawned : undefined;
        };
        return {
          process: sidecar,
          spiffeId: expect,
          port: inbound,
          firstCall: (timeoutMs) =>
            until(`${service} serves`, timeoutMs, ask, 3).catch((reason: Error) => {
              throw new Error(`${reason.message}; the sidecar said:\n${tail(sidecar.log(), 60)}`);
            }),
        };
      };
    },
  };
}

function meshDocuments(services: readonly string[]): string {
  const mesh = `apiVersion: cellwall/v1
kind: Mesh
metadata: { name: mesh }
spec: { trustDomain: ${trustDomain} }
---
apiVersion: cellwall/v1
kind: Workload
metadata: { name: client }
spec: { identity: { spiffeId: "spiffe://${trustDomain}/client" } }
`;
  const each = services.map(
    (name) => `---
apiVersion: cellwall/v1
kind: Service
metadata: { name: ${name} }
spec: { protocol: http1 }
---
apiVersion: cellwall/v1
kind: AuthorizationPolicy
metadata: { name: ${name} }
spec: { target: { service: ${name} }, action: allow, rules: [{ from: [{ spiffeId: "spiffe://${trustDomain}/client" }] }] }
`,
  );
  return mesh + each.join('');
}

/** One application for all sidecars: it answers 200 to everything, and with who called. */
async function startApplication(defer: Context['defer']): Promise<number> {
  const server = createServer((request, response) => {
    request.resume();
    response.end(`${request.headers['x-cellwall-peer-id'] ?? 'anonymous'}\n`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  defer(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}
