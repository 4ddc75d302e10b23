// The views, by where one is.
import type { ComponentType } from 'preact';
import type { Place } from '../route.ts';
import { Audit } from './audit.tsx';
import { Certificates } from './certificates.tsx';
import { Explain } from './explain.tsx';
import { MapView } from './map.tsx';
import { Policies } from './policies.tsx';
import { Proxies } from './proxies.tsx';
import { ProxyView } from './proxy.tsx';
import { Service } from './service.tsx';
import { Services } from './services.tsx';

export interface ViewProps {
  readonly place: Place;
}

interface Entry {
  readonly title: string;
  readonly Component: ComponentType<ViewProps>;
}

export function viewOf({ view, item }: Place): Entry {
  switch (view) {
    case 'map':
      return { title: 'Map', Component: MapView };
    case 'services':
      return item === undefined ? { title: 'Services', Component: Services } : { title: item, Component: Service };
    case 'proxies':
      return item === undefined ? { title: 'Proxies', Component: Proxies } : { title: item, Component: ProxyView };
    case 'policies':
      return { title: item ?? 'Policies', Component: Policies };
    case 'certificates':
      return { title: 'Certificates', Component: Certificates };
    case 'audit':
      return { title: 'Audit', Component: Audit };
    case 'explain':
      return { title: 'Explain', Component: Explain };
    default:
      return view satisfies never;
  }
}
