// What made the resources of one proxy: worked out from the inputs that its snapshot was made of, when somebody asks, so that nothing of
// it is kept for a proxy and no line number gets into what is sent.
import { type Origin, type Place, placeOf } from '../model/origin.ts';
import { ofIdentity } from '../translate/origins.ts';
import type { ProxyShape } from '../translate/proxy.ts';
import { typeUrls } from '../xds/resources/type-url.ts';
import { type Inputs, resourcesOf } from './snapshot-maker.ts';

/** The documents of one resource, what is most likely to be at fault first; none for one that is not (any more) made of any. */
export type MadeBy = (typeUrl: string, name: string) => readonly Place[];

/** Throws where the resources cannot be made. */
export function provenanceOf(inputs: Inputs, shape: ProxyShape): MadeBy {
  const made = new Map<string, () => readonly Origin[]>();
  for (const { typeUrl, name, madeBy } of resourcesOf(inputs, shape).resources) made.set(`${typeUrl} ${name}`, madeBy);
  const own = () => ofIdentity(inputs.mesh, shape.spiffeId);
  return (typeUrl, name) => {
    const isOwn = typeUrl === typeUrls.secret && name === shape.spiffeId;
    const origins = isOwn ? own() : (made.get(`${typeUrl} ${name}`)?.() ?? []);
    return origins.flatMap((origin) => placeOf(origin, inputs.documents) ?? []);
  };
}
