// Waits until a snapshot is in force on an Envoy, by the versions in its config dump. Not so for listeners: one that was
// updated in place (only its filter chains changed) keeps the version of its first form there (Envoy 1.40). They must be
// acknowledged, and not warm any more.
import { setTimeout as delay } from 'node:timers/promises';
import type { Snapshot } from '../../../src/xds/resources/snapshot.ts';
import { type TypeUrl, typeUrls } from '../../../src/xds/resources/type-url.ts';
import type { RunningEnvoy } from '../../support/start-envoy.ts';

const deadlineMs = 20_000;
const warming = 'warming';

/** `acknowledged`: whether the proxy has the snapshot's listeners; it may throw to give up early. */
export async function waitForConfig(
  envoy: RunningEnvoy,
  snapshot: Snapshot,
  acknowledged: () => boolean,
): Promise<void> {
  const end = performance.now() + deadlineMs;
  let missing: readonly string[] = [];
  while (performance.now() < end) {
    missing = acknowledged() ? [] : ['acknowledgement'];
    if (missing.length === 0) missing = notInForce(snapshot, await dump(envoy));
    if (missing.length === 0) return;
    await delay(15);
  }
  const unready = await (await fetch(`${envoy.admin}/init_dump`)).text();
  throw new Error(
    `not in force after ${deadlineMs} ms: ${missing.join(', ')}\nwaits for: ${unready}\n${envoy.log().slice(-3000)}`,
  );
}

function notInForce(snapshot: Snapshot, versions: ReadonlyMap<string, string>): readonly string[] {
  const missing: string[] = [];
  for (const [typeUrl, resources] of snapshot.resources) {
    // A listener is in force only with its secrets, and a proxy asks only for those that it refers to.
    if (typeUrl === typeUrls.secret) continue;
    for (const { name, version } of resources.values()) {
      const key = `${typeUrl} ${name}`;
      const there = versions.get(key);
      const inForce = typeUrl === typeUrls.listener ? there !== undefined && there !== warming : there === version;
      if (!inForce) missing.push(`${key} (${there}, not ${version})`);
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
          one.warming_state === undefined ? (one.active_state?.version_info ?? one.version_info) : warming;
        if (name !== undefined && version !== undefined) versions.set(`${typeUrl} ${name}`, version);
      }
    }
  }
  return versions;
}
