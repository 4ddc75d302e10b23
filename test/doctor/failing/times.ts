// Calls that fail because of time: the certificate of a sidecar whose helper hangs ends, and a control plane whose clock is two hours
// behind refuses to renew. Real processes, which need minutes
// of a life: in qualifications alone.
import { rmSync } from 'node:fs';
import { afterEach, it } from 'vitest';
import { type Clock, systemClock } from '../../../src/lib/clock.ts';
import { eventually } from '../../support/eventually.ts';
import { figure } from '../../support/figure.ts';
import { freePorts } from '../../support/free-ports.ts';
import { type ReturnWall, startReturnWall } from '../../support/return-wall.ts';
import { type SidecarProcess, startSidecarProcess } from '../../support/sidecar-process.ts';
import { diagnosed } from './diagnosed.ts';

export function callsThatTimeBreaks(): void {
  let wall: ReturnWall | undefined;
  let hanging: SidecarProcess | undefined;
  afterEach(async () => {
    hanging?.signal('SIGKILL');
    const envoy = await hanging?.envoy().catch(() => undefined);
    if (envoy !== undefined) process.kill(envoy, 'SIGKILL');
    hanging = undefined;
    await wall?.stop();
  });

  it('a certificate that has ended, as the helper that would renew it hangs', async () => {
    wall = await startReturnWall({ lifetime: '1m' });
    const { serve, start, call, application } = wall;
    const [inbound = 0] = await freePorts(1);
    const { token } = await serve.admin.createToken({ service: 'api' });
    hanging = startSidecarProcess(
      [
        ...['--service', 'api', '--identity-address', `127.0.0.1:${serve.identityPort}`],
        ...['--xds-address', `127.0.0.1:${serve.xdsPort}`, '--data', `${serve.folder}/api`],
        ...['--listen', `127.0.0.1:${inbound}`, '--app', `127.0.0.1:${application.port}`],
      ],
      { CELLWALL_TOKEN: token },
    );
    await hanging.envoy();
    await start('web');
    await eventually('web calls api', async () => (await call()) === 200 || undefined, 30_000);
    hanging.signal('SIGSTOP');
    await eventually('calls fail', async () => (await call()) === 503 || undefined, 120_000);
    await diagnosed(serve, 'web', 'api', { cause: 'certificate-ended', what: /ended at/, toDo: /its log/ });
    figure('certificateEndedDiagnosed', true);
    hanging.signal('SIGCONT');
    await eventually('calls pass again', async () => (await call()) === 200 || undefined, 60_000);
    rmSync(`${serve.folder}/api`, { recursive: true, force: true });
  }, 300_000);

  it('renewals that are refused, as the clock of the control plane is two hours behind', async () => {
    let behindMs = 0;
    const clock: Clock = { ...systemClock, now: () => Date.now() - behindMs };
    wall = await startReturnWall({ clock, lifetime: '1m' });
    const { serve, start, call } = wall;
    const [inbound = 0] = await freePorts(1);
    await start('api', { inbound: `127.0.0.1:${inbound}`, countersEveryMs: 500 });
    await start('web', { countersEveryMs: 500 });
    await eventually('web calls api', async () => (await call()) === 200 || undefined, 30_000);
    behindMs = 7_200_000;
    await eventually('calls fail', async () => (await call()) === 503 || undefined, 120_000);
    await diagnosed(serve, 'web', 'api', {
      cause: 'certificate-not-yet',
      what: /begins at .*, which the control plane's clock has not reached/,
      toDo: /[Ss]ynchronize/,
    });
    figure('clockDiagnosed', true);
    behindMs = 0;
    await eventually('calls pass again', async () => (await call()) === 200 || undefined, 60_000);
  }, 300_000);
}
