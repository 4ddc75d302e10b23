// What tests of rotations in a world of processes have in common: the end of one, and who can be made to hold it up.
import type { CaAnswer } from '../../src/admin/wire-ca.ts';
import { eventually } from './eventually.ts';
import type { RecoveryWorld } from './recovery-world.ts';
import type { ServeProcess } from './serve-process.ts';

/** Resolves once the rotation after `before` is over. Throws who holds it up. */
export const rotated = (serve: ServeProcess, before: CaAnswer['last'] | undefined, waitMs: number): Promise<CaAnswer> =>
  eventually(
    'the root is replaced',
    async () => {
      const answer = await serve.admin.ca().catch(() => undefined);
      return answer?.rotation === undefined && answer?.last?.id !== before?.id ? answer : undefined;
    },
    waitMs,
  ).catch(toldWhy(serve));

/** Throws the reason, with the phase and who holds it up. */
export function toldWhy(serve: ServeProcess): (reason: unknown) => Promise<never> {
  return async (reason) => {
    const { rotation } = await serve.admin.ca();
    throw new Error(`${String(reason)}: at ${rotation?.phase}, ${JSON.stringify(rotation?.holdUps)}`);
  };
}

/** Processes that stand still: who holds the rotation up then, of which kind, by which name, and as which identity. */
export interface Paused {
  readonly pids: readonly number[];
  readonly kind: string;
  readonly who: string;
  readonly id: string;
}

/** Of the world, and a client with files: by what it is. `replicas`: of its service that has several. */
export async function pausable(
  { serve, sidecars, edges }: RecoveryWorld,
  replicas: number,
  client: { readonly pid: number; readonly spiffeId: string },
): Promise<ReadonlyMap<string, Paused>> {
  const web = sidecars[replicas];
  const { proxies } = await serve.admin.proxies();
  const node = proxies.find(({ service }) => service?.endsWith('web'))?.node ?? '';
  const envoy = (await web?.envoy()) ?? 0;
  const proxy = { kind: 'proxy', who: node, id: node.replace(/~.*/, '') };
  const { pid, spiffeId } = client;
  return new Map<string, Paused>([
    ['proxy and its helper', { ...proxy, pids: [envoy, web?.pid ?? 0] }],
    ['proxy', { ...proxy, pids: [envoy] }],
    ['helper', { ...proxy, kind: 'helper', pids: [web?.pid ?? 0] }],
    ...edges.map((edge) => [edge.node, { kind: 'proxy', who: edge.node, id: edge.node, pids: [edge.pid] }] as const),
    ['old client', { kind: 'certificate', who: spiffeId, id: spiffeId, pids: [pid] }],
  ]);
}
