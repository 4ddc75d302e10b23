// A control plane and real sidecars, run from this checkout: every process of its own, ended with the item.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AdminClient, createAdminClient } from '../../../src/admin/client.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { Redacted } from '../../../src/lib/redacted.ts';
import { fetchSvid } from '../../../src/sidecar/svid/svid-fetch.ts';
import { freePorts } from '../../support/free-ports.ts';
import type { TestCertificate } from '../../support/test-ca.ts';
import type { Context } from '../item.ts';
import { start, tail } from './command.ts';
import { until } from './until.ts';

export interface CheckoutWall {
  readonly admin: AdminClient;
  readonly controlPlanePid: number;
  readonly xdsPort: number;
  /** Starts the sidecar of a service, with the application's port if it has one; resolves once it is ready, with where it listens. */
  sidecar(service: string, application?: number): Promise<number>;
  /** An SVID for a client of the item's own. */
  enrol(spiffeId: string): Promise<TestCertificate>;
}

/** `more`: arguments of `serve`. */
export async function startCheckoutWall(
  { root, work, defer }: Pick<Context, 'root' | 'work' | 'defer'>,
  documents: string,
  more: readonly string[] = [],
): Promise<CheckoutWall> {
  const bin = join(root, 'bin/cellwall.cjs');
  const [xdsPort = 0, identityPort = 0, adminPort = 0] = await freePorts(3);
  const data = join(work, 'data');
  mkdirSync(join(work, 'documents'));
  writeFileSync(join(work, 'documents', 'all.yaml'), documents);
  const here = (port: number): string => `127.0.0.1:${port}`;
  const controlPlane = start(
    process.execPath,
    [
      ...[bin, 'serve', '--documents', join(work, 'documents'), '--data', data],
      ...['--xds-listen', here(xdsPort), '--identity-listen', here(identityPort), '--admin-listen', here(adminPort)],
      ...more,
    ],
    { cwd: work },
  );
  defer(() => controlPlane.stop());
  await until('the control plane is ready', 60_000, async () => {
    if (!controlPlane.running()) throw new Error(`the control plane ended: ${tail(controlPlane.log())}`);
    const answer = await fetch(`http://${here(adminPort)}/readyz`).catch(() => undefined);
    return answer?.ok === true ? true : undefined;
  });
  const token = new Redacted(readFileSync(join(data, 'admin.token'), 'utf8').trim());
  const admin = createAdminClient({ url: `http://${here(adminPort)}`, token });
  let count = 0;
  return {
    admin,
    controlPlanePid: controlPlane.pid,
    xdsPort,
    async sidecar(service, application) {
      const folder = join(work, `sidecar-${++count}`);
      writeFileSync(`${folder}.token`, (await admin.createToken({ service, ttl: '10m' })).token, { mode: 0o600 });
      const [listen = 0] = application === undefined ? [] : await freePorts(1);
      const sidecar = start(
        process.execPath,
        [
          ...[bin, 'sidecar', '--service', service, '--token-file', `${folder}.token`, '--data', folder],
          ...['--identity-address', here(identityPort), '--xds-address', here(xdsPort)],
          ...(application === undefined ? [] : ['--app', String(application), '--listen', here(listen)]),
        ],
        { cwd: work },
      );
      defer(() => sidecar.stop());
      await until(`the sidecar of ${service}: ${tail(sidecar.log())}`, 60_000, async () => {
        const { proxies } = await admin.proxies();
        return proxies.some((proxy) => proxy.service === service && proxy.state === 'connected') ? true : undefined;
      });
      return listen;
    },
    async enrol(spiffeId) {
      const { token: joinToken } = await admin.createToken({ spiffeId, ttl: '10m' });
      const { chain, key, bundle } = await fetchSvid({
        identity: here(identityPort),
        token: new Redacted(joinToken),
        dir: join(work, `svid-${++count}`),
        log: silentLog,
      });
      const text = (file: string): string => readFileSync(file, 'utf8');
      return { certificate: text(chain), key: text(key), root: text(bundle) };
    },
  };
}
