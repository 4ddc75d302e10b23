// The roots of the CA and their rotation, as the admin API shows them.
import { X509Certificate } from 'node:crypto';
import type { CaAnswer } from '../admin/wire-ca.ts';
import type { OpenAuthority } from '../identity/open-authority.ts';
import { rootName } from '../identity/roots/roots-record.ts';
import type { RootRotation } from '../identity/roots/rotate-root.ts';
import { defined } from '../lib/defined.ts';
import type { CellRotation } from './cell-rotation.ts';

/** Shown at once; how many there are is always said. */
const shownHoldUps = 50;

/** `notReplaceable`: why the root is not replaced here. `above`: its rotation, where the one is that this control plane follows. */
export function caAnswer(
  { bundle, ownRoots, signer }: Pick<OpenAuthority, 'bundle' | 'ownRoots' | 'signer'>,
  {
    rotation,
    notReplaceable,
    above,
  }: {
    readonly rotation: RootRotation | undefined;
    readonly notReplaceable?: string;
    readonly above?: CellRotation;
  },
): CaAnswer {
  const record = rotation?.record() ?? above?.record();
  const going = rotation ?? above;
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
    ...defined({ rotation: going && goingOn(going, rotation === undefined), last: record?.last }),
  };
}

function goingOn({ record, look }: CellRotation | RootRotation, atParent: boolean): CaAnswer['rotation'] {
  const rotation = record()?.rotation;
  if (rotation === undefined) return undefined;
  const { holdUps, held, trouble, cells } = look();
  return {
    ...rotation,
    ...defined({ trouble, cells }),
    ...(atParent ? { atParent } : {}),
    held,
    holdUps: holdUps.slice(0, shownHoldUps),
  };
}
