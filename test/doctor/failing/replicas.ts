// Calls that fail between two control planes: the caller's sidecar has its stream at one, the service's at the other. Both are asked, and
// say the same; once one of them is gone, the other does not call fine what it cannot see. In qualifications alone.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { silentLog } from '../../../src/lib/log.ts';
import { Redacted } from '../../../src/lib/redacted.ts';
import { runSidecar, type Sidecar } from '../../../src/sidecar/run-sidecar.ts';
import { eventually } from '../../support/eventually.ts';
import { exchange, statusOf } from '../../support/exchange.ts';
import { figure } from '../../support/figure.ts';
import { freePorts } from '../../support/free-ports.ts';
import { type Replica, startReplicas } from '../../support/replicas.ts';
import { meshText, policyText, serviceText, yaml } from '../../support/resolve-text.ts';
import { diagnosed, type Expected } from './diagnosed.ts';
import { request } from './request-rows.ts';

async function start({ admin, ports, folder }: Replica, service: string, more: object): Promise<Sidecar> {
  const { token } = await admin.createToken({ service });
  return runSidecar({
    ...{ identity: `127.0.0.1:${ports.identity}`, xds: `127.0.0.1:${ports.xds}`, token: new Redacted(token) },
    ...{
      dataDir: join(folder, service),
      env: process.env,
      log: silentLog,
      envoyWords: { write() {} },
      drainSeconds: 0,
    },
    ...more,
  });
}

export function callsBetweenReplicas(): void {
  it('both control planes say why calls fail, whichever has the stream; without one of them, nothing is called fine', async () => {
    const [outbound = 0, inbound = 0] = await freePorts(2);
    const documents = yaml(
      meshText('strict'),
      serviceText('api', 'http1', ', retries: {attempts: 0}'),
      serviceText('web', 'http1', `, dependsOn: [{service: api, listen: ${outbound}}]`),
      policyText('api', 'api', 'allow', '[{from: [{service: web}], to: [{path: {prefix: /x}}]}]'),
    );
    const application = createServer((_request, response) => response.end('ok'));
    await new Promise<void>((resolve) => application.listen(0, '127.0.0.1', resolve));
    const { port } = application.address() as AddressInfo;
    const replicas = await startReplicas(documents);
    const [a, b] = replicas.all;
    if (a === undefined || b === undefined) throw new Error('two were to be started');
    const sidecars = [
      await start(b, 'api', { inbound: `127.0.0.1:${inbound}`, application: `127.0.0.1:${port}` }),
      await start(a, 'web', {}),
    ];
    const send = async (path: string, headers?: string): Promise<number> =>
      statusOf(await exchange({ port: outbound, bytes: request(path, headers) }));
    let asked = 0;
    const both = async (expected: Expected): Promise<void> => {
      for (const { admin } of [a, b]) await diagnosed({ admin }, 'web', 'api', expected);
      asked += 2;
    };
    try {
      await eventually('web calls api', async () => (await send('/x').catch(() => 0)) === 200 || undefined, 60_000);
      expect(await send('/y')).toBe(403);
      await both({ cause: 'denied', what: /policy denies GET \/y/, toDo: /apply the rule/ });
      expect(await send('/x', 'Host: evil.example\r\n')).toBe(403);
      await both({
        cause: 'host-not-served',
        what: /a Host that is not served/,
        toDo: /`hosts` of this dependency \(Service\/web /,
      });
      application.closeAllConnections();
      await new Promise((resolve) => application.close(resolve));
      await eventually('its helper sees it', async () => (await send('/x')) === 503 || undefined, 20_000);
      await both({ cause: 'application-down', what: /nothing takes connections/, toDo: /start the application/ });
      figure('diagnosedAtEitherControlPlane', asked);
      await b.end();
      // What it could not have seen any more, it does not call fine.
      const { verdict } = await a.admin.doctor({ caller: 'web', target: 'api', method: 'GET', path: '/x' });
      expect(verdict).not.toBe('fine');
    } finally {
      for (const { envoyPid } of sidecars) process.kill(envoyPid, 'SIGKILL');
      await Promise.all(sidecars.map(({ exited }) => exited));
      application.close();
      await replicas.stop();
    }
  }, 240_000);
}
