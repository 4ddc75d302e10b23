// A Service that is deleted while its sidecar runs on: the sidecar's log says so, and so does `status`; and the way back.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { formatStatus } from '../../../src/cli/output/format-status.ts';
import type { Log } from '../../../src/lib/log.ts';
import { Redacted } from '../../../src/lib/redacted.ts';
import { runSidecar } from '../../../src/sidecar/run-sidecar.ts';
import { startHttp1Echo } from '../../support/echo-application.ts';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/free-ports.ts';
import { heardLog } from '../../support/heard-log.ts';
import { meshText, serviceText, yaml } from '../../support/resolve-text.ts';
import { startServe } from '../../support/serve-harness.ts';

test('both sides say that the Service was deleted, and that it is back', async () => {
  const said: string[] = [];
  const log: Log = heardLog({
    info: (_, text) => void said.push(`info ${text}`),
    warn: (_, text) => void said.push(`warn ${text}`),
    error: (_, text) => void said.push(`error ${text}`),
    child: () => log,
  });
  const api = serviceText('api', 'http1', ', mtls: {mode: permissive}');
  const application = await startHttp1Echo();
  const [inbound = 0] = await freePorts(1);
  const wall = await startServe(yaml(meshText(), api));
  const { token } = await wall.admin.createToken({ service: 'api' });
  const sidecar = await runSidecar({
    ...{ identity: `127.0.0.1:${wall.identityPort}`, xds: `127.0.0.1:${wall.xdsPort}` },
    ...{ token: new Redacted(token), dataDir: join(wall.folder, 'api'), inbound: `127.0.0.1:${inbound}` },
    ...{ application: `127.0.0.1:${application.port}`, env: process.env, log, envoyOutput: 'ignore' },
    ...{ drainSeconds: 0, countersEveryMs: 500 },
  });
  const status = async (): Promise<string> =>
    formatStatus({
      status: await wall.admin.status(),
      services: [],
      proxies: (await wall.admin.proxies()).proxies,
      traffic: [],
      now: Date.now(),
    });
  try {
    await eventually('api serves', async () => /service\/api|api~/.test(await status()) || undefined, 30_000);
    expect(await status()).not.toContain('deleted');

    await wall.admin.apply({ changes: [{ op: 'delete', key: 'Service/api' }] });
    await eventually(
      'the sidecar says so',
      () => said.some((text) => text.startsWith('error the control plane refuses this proxy')) || undefined,
      20_000,
    );
    expect(await status()).toContain('it was deleted');

    await wall.apply(yaml(api));
    await eventually(
      'its proxy is cut off: a Service of this name is another one, until its hosts join',
      async () => !(await status()).includes('api~') || undefined,
      20_000,
    );
    expect(await status()).not.toContain('deleted');
  } finally {
    await sidecar.stop();
    await wall.stop();
    await application.stop();
  }
}, 90_000);
