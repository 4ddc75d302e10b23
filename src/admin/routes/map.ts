// The mesh at one glance, for the page's map, and what is wrong with which of its edges.
import type { MapReader } from '../map-reader.ts';
import { ok, type Route, route } from '../route.ts';
import { mapSchema } from '../wire-map.ts';
import { type TroublesAnswer, troublesSchema } from '../wire-troubles.ts';

export function mapRoutes(readMap: MapReader, troubles: () => Promise<TroublesAnswer>): readonly Route[] {
  return [
    route({
      method: 'GET',
      url: '/v1/map',
      access: 'viewer',
      summary: 'Every service with its proxies, and who calls whom: declared, and as proxies reported it.',
      answer: mapSchema,
      async handle() {
        const { text } = await readMap();
        return { kind: 'text', value: text, mediaType: 'application/json; charset=utf-8' };
      },
    }),
    route({
      method: 'GET',
      url: '/v1/troubles',
      access: 'viewer',
      summary:
        'Edges whose calls fail, or cannot succeed, each with the likeliest causes, as `GET /v1/doctor` tells them.',
      answer: troublesSchema,
      handle: async () => ok(await troubles()),
    }),
  ];
}
