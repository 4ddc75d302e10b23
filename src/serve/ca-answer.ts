// The roots of the CA and their rotation, as the admin API shows them.
import { X509Certificate } from 'node:crypto';
import type { CaAnswer } from '../admin/wire-ca.ts';
import type { OpenAuthority } from '../identity/open-authority.ts';
import { rootName } from '../identity/roots/roots-record.ts';
import type { RootRotation } from '../identity/roots/rotate-root.ts';
import { defined } from '../lib/defined.ts';

/** Shown at once; how many there are is always said. */
const shownHoldUps = 50;

/** `notReplaceable`: why the root is not replaced here. */
export function caAnswer(
  { bundle, ownRoots, signer }: Pick<OpenAuthority, 'bundle' | 'ownRoots' | 'signer'>,
  { rotation, notReplaceable }: { readonly rotation: RootRotation | undefined; readonly notReplaceable?: string },
): CaAnswer {
  const record = rotation?.record();
  const own = ownRoots.value().map((pem) => rootName(pem));
  const states = new Map(record?.roots.map(({ pem, state }) => [rootName(pem), state]));
  const { chain, root } = signer.issuer();
  return {
    ...defined({ notReplaceable }),
    roots: bundle.value().roots.map((pem) => {
      const { validFromDate, validToDate, raw } = new X509Certificate(pem);
      const name = rootName(raw);
      const state = states.get(name) ?? (own.includes(name) ? 'active' : 'extra');
      return { name, state, notBefore: validFromDate.getTime(), notAfter: validToDate.getTime() };
    }),
    intermediate: { root, notAfter: new X509Certificate(chain).validToDate.getTime() },
    ...defined({ rotation: rotation && goingOn(rotation), last: record?.last }),
  };
}

function goingOn(rotation: RootRotation): CaAnswer['rotation'] {
  const going = rotation.record().rotation;
  if (going === undefined) return undefined;
  const { holdUps, held, trouble } = rotation.look();
  return { ...going, ...defined({ trouble }), held, holdUps: holdUps.slice(0, shownHoldUps) };
}
