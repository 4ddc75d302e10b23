// Every service, with what is wrong at a glance.
import { useMemo, useState } from 'preact/hooks';
import type { EdgeState, MapAnswer, MapService } from '../../../src/admin/wire-map.ts';
import { edgeStates, edgeWords } from '../map/words.ts';
import { hrefOf } from '../route.ts';
import { useMesh } from '../troubles/use-mesh.ts';
import { Badge } from '../ui/badge.tsx';
import { Filter, matches } from '../ui/filter.tsx';
import { Empty, Read } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';

interface Row extends MapService {
  /** Of those who call it. Absent: nobody does, nor declares it. */
  readonly worst?: EdgeState;
  readonly callers: number;
}

export function Services() {
  const query = useMesh();
  return (
    <Read query={query} what="the services">
      {({ map }) =>
        map.services.length === 0 ? (
          <Empty title="No services yet">
            <p>
              A Service document makes one: write it under <a href={hrefOf('policies')}>Policies</a>.
            </p>
          </Empty>
        ) : (
          <List map={map} />
        )
      }
    </Read>
  );
}

function List({ map }: { readonly map: MapAnswer }) {
  const [filter, setFilter] = useState('');
  const rows = useMemo(() => rowsOf(map), [map]);
  const shown = rows.filter(({ service, spiffeId, mtls, worst }) => matches(filter, service, spiffeId, mtls, worst));
  return (
    <>
      <div class="bar">
        <h1>Services</h1>
        <Filter
          value={filter}
          onChange={setFilter}
          label="Filter by name, mode or state"
          count={`${shown.length} of ${rows.length}`}
        />
      </div>
      <Table
        label="Services"
        rows={shown}
        columns={columns}
        keyOf={({ service }) => service}
        sortedBy="Service"
        empty="No service fits the filter."
      />
    </>
  );
}

function rowsOf({ services, edges }: MapAnswer): readonly Row[] {
  const byTarget = new Map<string, { callers: number; worst: EdgeState }>();
  for (const { to, state } of edges) {
    const known = byTarget.get(to);
    if (known === undefined) byTarget.set(to, { callers: 1, worst: state });
    else {
      known.callers += 1;
      if (edgeStates.indexOf(state) < edgeStates.indexOf(known.worst)) known.worst = state;
    }
  }
  return services.map((service) => ({ ...service, callers: 0, ...byTarget.get(service.service) }));
}

const columns: readonly Column<Row>[] = [
  {
    name: 'Service',
    by: ({ service }) => service,
    cell: ({ service }) => <a href={hrefOf('services', service)}>{service}</a>,
  },
  {
    name: 'mTLS',
    by: ({ mtls }) => mtls,
    cell: ({ mtls, external }) => <Mode mtls={mtls} external={external === true} />,
  },
  {
    name: 'Proxies',
    by: ({ proxies }) => proxies.connected,
    cell: ({ proxies, external }) => <Proxied proxies={proxies} none={external === true} />,
  },
  {
    name: 'Calls',
    by: ({ worst }) => (worst === undefined ? 9 : edgeStates.indexOf(worst)),
    cell: ({ worst }) => <Worst state={worst} />,
  },
  {
    name: 'Callers',
    figures: true,
    by: ({ callers }) => callers,
    cell: ({ callers }) => (callers === 0 ? '–' : callers),
  },
  {
    name: 'Failed handshakes',
    figures: true,
    wideOnly: true,
    by: ({ handshakes }) => handshakes?.count ?? 0,
    cell: ({ handshakes }) => handshakes?.count ?? '–',
  },
  {
    name: 'Ports',
    wideOnly: true,
    cell: ({ ports }) =>
      ports.map(({ name, protocol }) => (ports.length === 1 ? protocol : `${name}: ${protocol}`)).join(', '),
  },
];

export function Mode({ mtls, external }: { readonly mtls: 'permissive' | 'strict'; readonly external: boolean }) {
  if (external) return <Badge tone="quiet">another trust domain</Badge>;
  return <Badge tone={mtls === 'strict' ? 'good' : 'warn'}>{mtls}</Badge>;
}

/** How many are there, and what ails them. */
export function Proxied({ proxies, none }: { readonly proxies: MapService['proxies']; readonly none: boolean }) {
  const { connected, held, gone, rejecting, silent } = proxies;
  if (none) return <span class="quiet">not here</span>;
  if (connected + held + gone === 0) return <Badge tone="warn">no proxy</Badge>;
  return (
    <>
      <Badge tone={connected === 0 ? 'bad' : held > 0 ? 'warn' : 'good'}>
        {connected + held === 0 ? 'none connected' : `${connected}/${connected + held}`}
      </Badge>{' '}
      {rejecting === 0 ? null : <Badge tone="bad">{rejecting} rejecting</Badge>}{' '}
      {silent === 0 ? null : <Badge tone="bad">{silent} without answer</Badge>}
    </>
  );
}

function Worst({ state }: { readonly state: EdgeState | undefined }) {
  if (state === undefined) return <span class="quiet">no callers</span>;
  return (
    <span title={edgeWords[state].means}>
      <Badge tone={edgeWords[state].tone}>{state}</Badge>
    </span>
  );
}
