// Waits until a snapshot is in force on an Envoy, by the versions in its config dump.
import { setTimeout as delay } from 'node:timers/promises';
import type { Snapshot } from '../../../src/xds/snapshot.ts';
import { type TypeUrl, typeUrls } from '../../../src/xds/type-url.ts';
import type { RunningEnvoy } from '../../support/start-envoy.ts';

const deadlineMs = 20_000;

/** `check` may throw to give up early. */
export async function waitForConfig(envoy: RunningEnvoy, snapshot: Snapshot, check: () => void): Promise<void> {
  const end = performance.now() + deadlineMs;
  let missing: readonly string[] = [];
  while (performance.now() < end) {
    check();
    missing = notInForce(snapshot, await dump(envoy));
    if (missing.length === 0) return;
    await delay(15);
  }
  throw new Error(`not in force after ${deadlineMs} ms: ${missing.join(', ')}\n${envoy.log().slice(-3000)}`);
}

function notInForce(snapshot: Snapshot, versions: ReadonlyMap<string, string>): readonly string[] {
  const missing: string[] = [];
  for (const [typeUrl, resources] of snapshot.resources) {
    for (const { name, version } of resources.values()) {
      const key = `${typeUrl} ${name}`;
      if (versions.get(key) !== version) missing.push(`${key} (${versions.get(key)}, not ${version})`);
    }
  }
  return missing;
}

interface Dumped {
  readonly version_info?: string;
  readonly name?: string;
  readonly cluster?: { readonly name?: string };
  readonly route_config?: { readonly name?: string };
  readonly ecds_filter?: { readonly name?: string };
  readonly active_state?: { readonly version_info?: string };
  readonly warming_state?: object;
}

/** The lists of a config dump that count, each with its type. */
const lists: Readonly<Record<string, TypeUrl>> = {
  dynamic_active_clusters: typeUrls.cluster,
  dynamic_listeners: typeUrls.listener,
  dynamic_route_configs: typeUrls.route,
  ecds_filters: typeUrls.extension,
  dynamic_active_secrets: typeUrls.secret,
};

async function dump(envoy: RunningEnvoy): Promise<ReadonlyMap<string, string>> {
  const answer = await fetch(`${envoy.admin}/config_dump`);
  const { configs } = (await answer.json()) as {
    readonly configs: readonly Readonly<Record<string, readonly Dumped[]>>[];
  };
  const versions = new Map<string, string>();
  for (const config of configs) {
    for (const [list, typeUrl] of Object.entries(lists)) {
      for (const one of config[list] ?? []) {
        const name = one.name ?? one.cluster?.name ?? one.route_config?.name ?? one.ecds_filter?.name;
        const version =
          one.warming_state === undefined ? (one.active_state?.version_info ?? one.version_info) : 'warming';
        if (name !== undefined && version !== undefined) versions.set(`${typeUrl} ${name}`, version);
      }
    }
  }
  return versions;
}
