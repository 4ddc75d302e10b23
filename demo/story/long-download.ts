// A download that outlives the certificates of both its ends three times over. It takes as long as that, whatever the machine does,
// and so goes on beside other steps of the story; step 10 waits for it and tells of it.
import { readEnvoyConfig } from '../house/envoy-stats.ts';
import { untilTrue } from '../house/until.ts';
import type { World } from '../house/world.ts';
import { describe } from '../wire/outcome.ts';
import { must } from './step.ts';

const [caller, server] = ['gitlab-shell', 'cell-1/gitlab'] as const;
export const lifetimeS = 3;

export interface LongDownload {
  readonly seconds: number;
  /** Certificates of the server that came meanwhile. */
  readonly certificates: number;
}

/** The documents that make certificates short; whoever waits for the download deletes them after it. */
export const shortLivedKeys = ['Workload/short-caller', 'Workload/short-server'] as const;

/** Makes certificates short, and answers how to wait for the download, which is under way then. */
export async function beginDownload(world: World): Promise<() => Promise<LongDownload>> {
  const text = [shortLived('short-caller', caller), shortLived('short-server', server)].join('---\n');
  const renewed = await listenerRenewed(world, server);
  const { kind } = await world.controlPlane.admin.apply({ text });
  must(kind === 'applied', `the documents of short certificates are ${kind}`);
  await Promise.all([rotate(world, caller), rotate(world, server), renewed()]);
  // A failure is told by whoever waits: another step may fail first, and nobody waits then.
  const ended = download(world).then(
    (value) => () => value,
    (reason: unknown) => () => {
      throw reason;
    },
  );
  return async () => (await ended)();
}

function shortLived(name: string, service: string): string {
  return `apiVersion: cellwall/v1
kind: Workload
metadata: {name: ${name}}
spec: {identity: {service: ${service}}, lifetime: ${lifetimeS}s}
`;
}

async function download(world: World): Promise<LongDownload> {
  const serials = new Set<string>();
  const watching = setInterval(() => {
    // Not answered once when another step has failed, and all ends: that is told in place of this.
    serialOf(world, server).then(
      (serial) => serials.add(serial),
      () => {},
    );
  }, 250);
  const ms = (3 * lifetimeS + 1) * 1000;
  try {
    const started = performance.now();
    const address = world.outbound(caller, server);
    const outcome = await world.standIns.call({
      kind: 'http1',
      address,
      method: 'GET',
      path: `/api/v4/internal/slow/${ms}`,
    });
    const seconds = (performance.now() - started) / 1000;
    must(outcome.kind === 'ok', `a download of ${ms / 1000} s: ${describe(outcome)}`);
    const lines = String(outcome.body).split('\n');
    const whole = lines.at(-2) === 'end' && lines.slice(0, -2).every((line, i) => line.startsWith(`${i + 1} of `));
    must(whole, `a download of ${ms / 1000} s was cut after ${lines.length} lines`);
    must(seconds > 3 * lifetimeS, `it took only ${seconds} s`);
    must(serials.size >= 3, `only ${serials.size} certificates were in use meanwhile`);
    return { seconds, certificates: serials.size };
  } finally {
    clearInterval(watching);
  }
}

/**
 * A shorter life makes connections age earlier, which is a setting of the listener: what is begun on the one before is cut when its drain
 * time is over. Answers how to wait until the Envoy of `service` has taken a new listener.
 */
async function listenerRenewed(world: World, service: string): Promise<() => Promise<void>> {
  const envoy = world.sidecars.find((sidecar) => sidecar.service === service);
  must(envoy !== undefined, `there is no sidecar of ${service}`);
  const taken = async (): Promise<{ readonly listeners: number; readonly warming: number }> => {
    const { updates, warming } = await readEnvoyConfig(envoy.envoyAdmin);
    return { listeners: updates.get('listener_manager.lds.update_success') ?? 0, warming };
  };
  const before = await taken();
  const renewed = async (): Promise<boolean> => {
    const { listeners, warming } = await taken();
    return listeners > before.listeners && warming === 0;
  };
  return () => untilTrue(renewed, { what: `${service} has a new listener`, withinMs: 10_000 });
}

/** A new certificate, as long-lived as the documents say now. */
async function rotate(world: World, service: string): Promise<void> {
  const before = await serialOf(world, service);
  await world.controlPlane.admin.rotate(service);
  const changed = async (): Promise<boolean> => (await serialOf(world, service)) !== before;
  await untilTrue(changed, { what: `${service} has a new certificate`, withinMs: 10_000 });
}

async function serialOf({ controlPlane, spiffeId }: World, service: string): Promise<string> {
  const { proxies } = await controlPlane.admin.proxies();
  return proxies.find((proxy) => proxy.spiffeId === spiffeId(service))?.certificate?.serial ?? '';
}
