// Every Envoy of the demo, that of the edge as well: what each says of its configuration.
import { type EnvoyConfig, readEnvoyConfig } from '../house/envoy-stats.ts';
import { untilTrue } from '../house/until.ts';
import type { World } from '../house/world.ts';
import { must } from './step.ts';
import type { Tell } from './tell.ts';

export interface NamedEnvoy extends EnvoyConfig {
  readonly name: string;
}

export function readEnvoys({ sidecars, edge }: Pick<World, 'sidecars' | 'edge'>): Promise<readonly NamedEnvoy[]> {
  const all = [
    ...sidecars.map(({ service, envoyAdmin }) => ({ name: service, envoyAdmin })),
    { name: 'edge', ...edge },
  ];
  return Promise.all(all.map(async ({ name, envoyAdmin }) => ({ name, ...(await readEnvoyConfig(envoyAdmin)) })));
}

export function isConnected({ streams, disconnected }: EnvoyConfig): boolean {
  return streams > 0 && disconnected === 0;
}

export interface EnvoysAtEnd {
  readonly envoys: number;
  /** To the control plane, of all together. */
  readonly streams: number;
  readonly disconnected: number;
  readonly updateRejected: number;
  readonly warming: number;
}

/** When the story is over: none has rejected anything, is cut off, or waits for something. */
export async function lookAtEnvoys(world: World, tell: Tell): Promise<EnvoysAtEnd> {
  let envoys = await readEnvoys(world);
  await untilTrue(
    async () => {
      envoys = await readEnvoys(world);
      return envoys.every((envoy) => isConnected(envoy) && envoy.warming === 0);
    },
    { what: 'every Envoy is connected, and no listener or cluster warms', withinMs: 10_000 },
  );
  const sum = (of: (envoy: EnvoyConfig) => number): number => envoys.reduce((total, envoy) => total + of(envoy), 0);
  const updateRejected = sum(({ rejected }) => rejected);
  must(updateRejected === 0, `${updateRejected} updates were rejected by an Envoy`);
  const streams = sum((envoy) => envoy.streams);
  tell.held(`${envoys.length} Envoys at the end`, `${streams} xDS streams, all connected; 0 rejected, 0 warming`);
  return { envoys: envoys.length, streams, disconnected: 0, updateRejected, warming: 0 };
}
