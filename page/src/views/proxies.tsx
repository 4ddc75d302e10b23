// Every proxy that is known.
import { useState } from 'preact/hooks';
import type { ProxiesAnswer, ProxyRow } from '../../../src/admin/wire-proxies.ts';
import { useLive } from '../api/context.ts';
import { useQuery } from '../api/use-query.ts';
import { Filter, matches } from '../ui/filter.tsx';
import { Empty, Read } from '../ui/states.tsx';
import { configOf, ProxyTable, useBehind } from './proxy-table.tsx';

export function Proxies() {
  const { pulse } = useLive();
  const query = useQuery<ProxiesAnswer>('/v1/proxies', { mark: pulse?.marks.proxies, everyMs: 10_000 });
  return (
    <Read query={query} what="the proxies">
      {({ proxies }) => (proxies.length === 0 ? <None /> : <List proxies={proxies} />)}
    </Read>
  );
}

function None() {
  return (
    <Empty title="No proxies yet">
      <p>
        A proxy is an Envoy beside an application. <code>cellwall sidecar --service NAME</code> starts one, with a join
        token of <code>cellwall token create --service NAME</code>.
      </p>
    </Empty>
  );
}

function List({ proxies }: { readonly proxies: readonly ProxyRow[] }) {
  const [filter, setFilter] = useState('');
  const behind = useBehind();
  const shown = proxies.filter((row) =>
    matches(filter, row.node, row.service, row.state, configOf(row, behind), row.replica),
  );
  return (
    <>
      <div class="bar">
        <h1>Proxies</h1>
        <Filter
          value={filter}
          onChange={setFilter}
          label="Filter by name, service or state"
          count={`${shown.length} of ${proxies.length}`}
        />
      </div>
      <ProxyTable proxies={shown} label="Proxies" empty="No proxy fits the filter." services />
    </>
  );
}
