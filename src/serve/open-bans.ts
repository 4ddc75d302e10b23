// Assembles what throws somebody out and lets him in again, and knows how far that has come: on this control plane, and on the others.
import type { BanProgress } from '../admin/deps.ts';
import type { OtherReplicas } from '../admin/everywhere.ts';
import { type Banning, type BanningDeps, createBanning } from '../control/banning.ts';
import type { Control } from '../control/control.ts';
import { operatorPolicy } from '../identity/operator.ts';
import type { Clock } from '../lib/clock.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';
import type { TrustDomain } from '../model/spiffe-id.ts';
import { workloadOf } from '../policy/identities.ts';
import { notAccepted } from '../xds/csds/not-accepted.ts';
import { typeUrls } from '../xds/resources/type-url.ts';
import type { XdsServer } from '../xds/server/server.ts';
import { intermediateMs } from './followed.ts';
import type { IdentityServices } from './identity.ts';

export interface BansParts {
  readonly identity: Pick<IdentityServices, 'bans' | 'heardBans' | 'nodes' | 'issuer' | 'followers'>;
  readonly control: Pick<Control, 'ban' | 'endIdentity' | 'mesh' | 'refusesBanned' | 'proxies'>;
  readonly registry: BanningDeps['registry'];
  readonly xds: {
    readonly disconnect: BanningDeps['disconnect'];
    readonly inspect: XdsServer['inspect'];
  };
  readonly others: OtherReplicas | undefined;
  readonly trustDomain: TrustDomain;
  readonly clock: Clock;
  readonly lifecycle: Lifecycle;
}

const question = 'ban-progress';

export function openBans(parts: BansParts): Banning & BanProgress {
  const { identity, control, registry, xds, others, trustDomain, clock, lifecycle } = parts;
  const { bans, nodes, issuer } = identity;
  const banning = createBanning({
    ...{ bans, trustDomain, nodes, issuer, registry, clock },
    lifetimeMs(id) {
      // What the parent of this cell issues is not known here.
      if (identity.followers === undefined) return Number.POSITIVE_INFINITY;
      const mesh = control.mesh();
      // A cell that is cut off does not hear of it, and issues until its intermediate ends.
      const alone = [...(mesh?.cells.values() ?? [])].some((cell) => cell.controlPlane !== undefined);
      const own = id === undefined || mesh === undefined ? undefined : workloadOf(mesh.identities, id)?.lifetimeMs;
      const longest = Math.max(own ?? 0, mesh?.svidLifetimeMs ?? 0, operatorPolicy.lifetimeMs);
      return alone ? intermediateMs + longest : longest;
    },
    end: control.endIdentity,
    disconnect: xds.disconnect,
  });
  const unwatch = bans.watch(() => {
    control.ban(bans.forProxies());
    banning.cutOff();
  });
  lifecycle.defer('bans', async () => unwatch());
  // Those that were registered before the control plane was restarted.
  banning.cutOff();
  identity.heardBans.each((ban) => void banning.endOpen(ban));

  /** Of the proxies whose streams are here, or were here last. */
  const mine = (): readonly string[] => {
    const behind = notAccepted(xds.inspect(), [typeUrls.listener, typeUrls.extension]);
    return control
      .proxies()
      .filter(({ replica }) => replica === undefined)
      .filter(({ node, state }) => state !== 'connected' || behind.has(node) || !control.refusesBanned(node))
      .map(({ node }) => node);
  };
  others?.answer(question, () => [{ waiting: mine() }]);
  return {
    ...banning,
    async waiting() {
      if (bans.forProxies() === undefined) return [];
      const answers = others === undefined ? new Map() : await others.ask(question, null);
      const told = new Set([...answers.values()].flatMap(([answer]) => waitingIn(answer)));
      const elsewhere = control
        .proxies()
        .filter(({ replica }) => replica !== undefined)
        .filter(({ node, state, replica }) => state !== 'connected' || told.has(node) || !answers.has(replica ?? ''))
        .map(({ node }) => node);
      return [...mine(), ...elsewhere].toSorted();
    },
  };
}

/** Made by a replica of this program, and sealed. */
function waitingIn(answer: unknown): readonly string[] {
  const told: { readonly waiting?: unknown } = Object(answer);
  return Array.isArray(told.waiting) ? told.waiting.filter((node) => typeof node === 'string') : [];
}
