// One service: what it is, who calls it, whom it calls, its proxies and applications, and what keeps it from being strict.
import type { MapService } from '../../../src/admin/wire-map.ts';
import type { ProxiesAnswer } from '../../../src/admin/wire-proxies.ts';
import type { ServicesAnswer } from '../../../src/admin/wire-services.ts';
import { marksOf, useLive } from '../api/context.ts';
import { useQuery } from '../api/use-query.ts';
import { EdgeTable } from '../map/edge-table.tsx';
import { hrefOf } from '../route.ts';
import { Signals } from '../signals/signals.tsx';
import type { Mesh } from '../troubles/merge.ts';
import { TroubleList } from '../troubles/trouble-list.tsx';
import { useMesh } from '../troubles/use-mesh.ts';
import { Empty, Read } from '../ui/states.tsx';
import { useNow, When } from '../ui/when.tsx';
import type { ViewProps } from './catalog.tsx';
import { ProxyTable } from './proxy-table.tsx';
import { Mode, Proxied } from './services.tsx';

type Row = ServicesAnswer['services'][number];

export function Service({ place: { item = '' } }: ViewProps) {
  const query = useMesh();
  return (
    <Read query={query} what={`the service ${item}`}>
      {(mesh) => {
        const found = mesh.map.services.find(({ service }) => service === item);
        return found === undefined ? <NotThere name={item} /> : <Found service={found} mesh={mesh} />;
      }}
    </Read>
  );
}

function NotThere({ name }: { readonly name: string }) {
  return (
    <Empty title={`No service ${name}`}>
      <p>
        No document in force names it. <a href={hrefOf('services')}>All services</a>, or{' '}
        <a href={hrefOf('policies')}>the documents</a>.
      </p>
    </Empty>
  );
}

function Found({ service, mesh }: { readonly service: MapService; readonly mesh: Mesh }) {
  const { pulse } = useLive();
  const { map, troubles } = mesh;
  const name = service.service;
  const wrong = [...troubles.values()].filter(({ from, to }) => from === name || to === name);
  const proxies = useQuery<ProxiesAnswer>('/v1/proxies', { mark: pulse?.marks.proxies, everyMs: 10_000 });
  const services = useQuery<ServicesAnswer>('/v1/services', { mark: marksOf(pulse?.marks) });
  return (
    <>
      <h1>{name}</h1>
      <Facts service={service} />
      <TroubleList troubles={wrong} omitted={0} whole />
      <Signals service={name} />
      <h2>Who calls it</h2>
      <EdgeTable
        edges={map.edges.filter(({ to }) => to === name)}
        troubles={troubles}
        label={`Callers of ${name}`}
        of="to"
      />
      <h2>Whom it calls</h2>
      <EdgeTable
        edges={map.edges.filter(({ from }) => from === name)}
        troubles={troubles}
        label={`Services that ${name} calls`}
        of="from"
      />
      {service.external === true ? null : (
        <>
          <h2>Proxies and applications</h2>
          <Read query={proxies} what="the proxies">
            {({ proxies: all }) => (
              <ProxyTable
                proxies={all.filter((proxy) => proxy.service === name)}
                label={`Proxies of ${name}`}
                empty="No proxy has come for it. Start one with: cellwall sidecar"
              />
            )}
          </Read>
          <Read query={services} what="what keeps it from being strict">
            {({ services: all }) => <Strict row={all.find((one) => one.service === name)} />}
          </Read>
        </>
      )}
    </>
  );
}

function Facts({ service }: { readonly service: MapService }) {
  const { spiffeId, mtls, external, proxies, ports, policies, source, handshakes, cell, name } = service;
  const now = useNow(5000);
  const key = cell === undefined ? `Service/${name}` : `Service/${cell}/${name}`;
  return (
    <dl class="facts">
      <dt>mTLS</dt>
      <dd>
        <Mode mtls={mtls} external={external === true} />
      </dd>
      <dt>Proxies</dt>
      <dd>
        <Proxied proxies={proxies} none={external === true} />
      </dd>
      <dt>Identity</dt>
      <dd class="mono">{spiffeId}</dd>
      <dt>{ports.length === 1 ? 'Protocol' : 'Ports'}</dt>
      <dd>
        {ports.map(({ name: port, protocol }) => (ports.length === 1 ? protocol : `${port}: ${protocol}`)).join(', ')}
      </dd>
      <dt>Document</dt>
      <dd>
        <a href={hrefOf('policies', key)}>{key}</a>{' '}
        <span class="quiet">
          {source.file}:{source.line}
        </span>
      </dd>
      <dt>Policies</dt>
      <dd>
        {policies.length === 0 ? 'none: nobody may call it' : null}
        {policies.map((policy, index) => (
          <span key={policy}>
            {index === 0 ? '' : ', '}
            <a href={hrefOf('policies', policy)}>{policy}</a>
          </span>
        ))}
      </dd>
      {handshakes === undefined ? null : (
        <>
          <dt>Failed handshakes</dt>
          <dd>
            {handshakes.count}, the last <When at={handshakes.lastSeen} now={now} />
          </dd>
        </>
      )}
    </dl>
  );
}

/** Of a permissive service. */
function Strict({ row }: { readonly row: Row | undefined }) {
  const now = useNow(5000);
  if (row?.cutOver === undefined) return null;
  const { ready, reasons } = row.cutOver;
  return (
    <>
      <h2>On the way to strict</h2>
      <div class={`notice ${ready ? 'good' : 'warn'}`}>
        <p>
          {ready
            ? 'Ready: the gate would let it become strict (spec.mtls.mode: strict).'
            : 'The gate would refuse to make it strict now:'}
        </p>
        {reasons.length === 0 ? null : (
          <ul>
            {reasons.map(({ kind, who, why, port, lastSeen }) => (
              <li key={`${kind} ${who} ${why} ${port ?? ''}`}>
                {who}
                {port === undefined ? '' : ` (port ${port})`}: {why}
                {lastSeen === undefined ? null : (
                  <span class="quiet">
                    , <When at={lastSeen} now={now} />
                  </span>
                )}
              </li>
            ))}
          </ul>
        )}
      </div>
    </>
  );
}
