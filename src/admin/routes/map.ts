// The mesh at one glance, for the page's map.
import type { AdminDeps } from '../deps.ts';
import { inForceOrNothing } from '../in-force.ts';
import { meshMap } from '../mesh-map.ts';
import { type Route, route } from '../route.ts';
import { mapSchema } from '../wire-map.ts';

/** However many ask, the record is gone through, and the answer written as JSON, once in this time. */
const keptMs = 3000;

export function mapRoutes({
  store,
  record,
  traffic,
  proxies,
  clock,
  handshakes = () => [],
}: Pick<AdminDeps, 'store' | 'record' | 'traffic' | 'proxies' | 'clock' | 'handshakes'>): readonly Route[] {
  let kept: { readonly revision: number; readonly text: string; readonly until: number } | undefined;
  const json = (value: string) => ({ kind: 'text', value, mediaType: 'application/json; charset=utf-8' }) as const;
  return [
    route({
      method: 'GET',
      url: '/v1/map',
      access: 'viewer',
      summary: 'Every service with its proxies, and who calls whom: declared, and as proxies reported it.',
      answer: mapSchema,
      async handle() {
        const { revision } = inForceOrNothing(store);
        if (kept?.revision === revision && kept.until > clock.monotonic()) return json(kept.text);
        await record.refresh?.();
        const { mesh, ...state } = inForceOrNothing(store);
        const answer = meshMap({
          ...{ revision: state.revision, mesh, traffic: traffic(), handshakes: handshakes() },
          ...{ proxies: proxies(), now: clock.now() },
        });
        kept = { revision: state.revision, text: JSON.stringify(answer), until: clock.monotonic() + keptMs };
        return json(kept.text);
      },
    }),
  ];
}
