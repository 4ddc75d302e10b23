// (10) What real clients and hosts do: a download that outlives its certificates three times over, uploads that are refused before
// their body is read, and an application that is stopped together with its sidecar. (The metadata with underscores that GitLab's
// clients send goes with every gRPC call of the story.)
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { untilTrue } from '../house/until.ts';
import type { World } from '../house/world.ts';
import type { WorkerMessage } from '../services/protocol.ts';
import { describe } from '../wire/outcome.ts';
import { applicationCall } from './application-call.ts';
import { type LongDownload, lifetimeS, shortLivedKeys } from './long-download.ts';
import { must, type Step } from './step.ts';
import type { Tell } from './tell.ts';

const caller = 'cell-1/gitlab';
const worker = 'demo-worker';

/** `downloaded` waits for what was begun with step 8, as it takes long whatever else is done. */
export const field = (downloaded: () => Promise<LongDownload>): Step => ({
  name: 'field',
  title: '10 the field: long downloads, refused uploads, sidecars that stop with their applications',
  withinMs: 90_000,
  async run(world, tell) {
    const { cellwall, controlPlane, folder } = world;
    const file = join(folder, 'field.yaml');
    const listen = await world.ports.next();
    writeFileSync(file, fieldDocuments(listen));
    await cellwall.expect('apply', '-f', file);
    const [download, uploads, stop] = await Promise.all([
      tellOfDownload(downloaded, tell),
      uploadTooMuch(world, tell),
      stopTogether(world, tell, `127.0.0.1:${listen}`),
    ]);
    await controlPlane.admin.apply({ changes: [...keys, ...shortLivedKeys].map((key) => ({ op: 'delete', key })) });
    return { ...download, ...uploads, ...stop };
  },
});

const keys = [`Service/${worker}`, `AuthorizationPolicy/${worker}`] as const;

/** A caller that comes and goes. */
function fieldDocuments(listen: number): string {
  return [
    `apiVersion: cellwall/v1
kind: Service
metadata: {name: ${worker}}
spec: {protocol: http1, dependsOn: [{service: topology-service, port: grpc, listen: ${listen}}]}
`,
    `apiVersion: cellwall/v1
kind: AuthorizationPolicy
metadata: {name: ${worker}}
spec: {target: {service: topology-service, port: grpc}, action: allow, rules: [{from: [{service: ${worker}}]}]}
`,
  ].join('---\n');
}

async function tellOfDownload(downloaded: () => Promise<LongDownload>, tell: Tell) {
  const { seconds, certificates } = await downloaded();
  tell.held(
    `a download of ${seconds.toFixed(1)} s, on certificates of ${lifetimeS} s (begun with step 8)`,
    `whole; ${certificates} certificates came and went`,
  );
  return { downloadSeconds: Math.round(seconds), lifetimes: Math.floor(seconds / lifetimeS) };
}

async function uploadTooMuch(world: World, tell: Tell) {
  const count = world.quick ? 10 : 30;
  const address = world.outbound('gitlab-shell', caller);
  for (let i = 0; i < count; i++) {
    const path = '/api/v4/internal/upload';
    const outcome = await world.standIns.call({ kind: 'upload', address, method: 'POST', path, bytes: 1_048_576 });
    const refused = outcome.kind === 'refused' && outcome.code === 413 && outcome.details === 'too large';
    must(refused, `upload ${i + 1} of ${count}: ${describe(outcome)}`);
  }
  tell.held(`${count} uploads that the application refuses unread`, 'each is told 413');
  return { uploadsRefused: count };
}

/** Its last calls go out while both drain. */
async function stopTogether(world: World, tell: Tell, address: string) {
  const { sidecar, application } = await world.startWorker({
    service: worker,
    call: applicationCall('topology-service:grpc', address),
    finishMs: 2500,
  });
  let finished: Extract<WorkerMessage, { kind: 'finished' }> | undefined;
  let working = false;
  application.process.on('message', (message: WorkerMessage) => {
    if (message.kind === 'working') working = true;
    else finished = message;
  });
  await untilTrue(() => working, { what: `${worker} calls through its sidecar`, withinMs: 20_000 });
  sidecar.signal('SIGTERM');
  application.signal('SIGTERM');
  await application.exited;
  await untilTrue(() => finished !== undefined, { what: `${worker} says how its calls ended`, withinMs: 2000 });
  const { afterStop = 0, failures = [] } = finished ?? {};
  must(failures.length === 0, `calls failed while both stopped: ${failures.join('; ')}`);
  must(afterStop > 10, `only ${afterStop} calls after SIGTERM`);
  await sidecar.exited;
  tell.held('SIGTERM to an application and its sidecar at once', `${afterStop} calls after it, 0 failed`);
  return { callsAfterStop: afterStop };
}
