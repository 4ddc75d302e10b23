// What made the resources of one proxy: computed on request from the inputs of its snapshot, so that nothing is kept for it per proxy and
// no line number gets into what is sent.

import type { Log } from '../lib/log.ts';
import { documentsByKey, type Origin, type Place, placeOf } from '../model/origin.ts';
import type { RegisteredProxy } from '../registry/registered-proxy.ts';
import { ofIdentity } from '../translate/origins.ts';
import type { ProxyShape } from '../translate/proxy.ts';
import { typeUrls } from '../xds/resources/type-url.ts';
import { shapeOf } from './shape-of-proxy.ts';
import { type Inputs, resourcesOf } from './snapshot-maker.ts';

/** The documents of one resource, the most likely culprit first; none for a resource that was not made from any, or no longer is. */
export type MadeBy = (typeUrl: string, name: string) => readonly Place[];

/** Throws if the resources cannot be made. */
function provenanceOf(inputs: Inputs, shape: ProxyShape): MadeBy {
  const made = new Map<string, () => readonly Origin[]>();
  for (const { typeUrl, name, madeBy } of resourcesOf(inputs, shape).resources) made.set(`${typeUrl} ${name}`, madeBy);
  const own = () => ofIdentity(inputs.mesh, shape.spiffeId);
  return (typeUrl, name) => {
    const isOwn = typeUrl === typeUrls.secret && name === shape.spiffeId;
    const origins = isOwn ? own() : (made.get(`${typeUrl} ${name}`)?.() ?? []);
    return origins.flatMap((origin) => placeOf(origin, documentsByKey(inputs.documents)) ?? []);
  };
}

/** What a proxy was last published, and from which inputs. */
export interface Published {
  readonly proxy: RegisteredProxy;
  readonly from: Inputs;
}

/** Of what each was last published; of none for whom that cannot be determined. */
export function createProvenance(log: Log): (node: string, last: Published | undefined) => MadeBy {
  /** Many consecutive rejections come from one proxy. */
  let asked: { readonly of: object; readonly madeBy: MadeBy } | undefined;
  return (node, last) => {
    if (last === undefined) return () => [];
    try {
      if (asked?.of !== last) {
        asked = { of: last, madeBy: provenanceOf(last.from, shapeOf(last.from.mesh, last.proxy)) };
      }
      return asked.madeBy;
    } catch (reason) {
      log.error({ node, reason: String(reason) }, 'the documents that made its resources cannot be determined');
      return () => [];
    }
  };
}
