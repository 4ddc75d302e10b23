// Who calls whom: the picture, its legend, and the same as a table.
import { useMemo, useState } from 'preact/hooks';
import type { EdgeState, MapAnswer } from '../../../src/admin/wire-map.ts';
import { MapCanvas } from '../map/canvas.tsx';
import { EdgeTable } from '../map/edge-table.tsx';
import { layoutOf } from '../map/layout.ts';
import { edgeStates, edgeWords } from '../map/words.ts';
import { hrefOf } from '../route.ts';
import type { Mesh } from '../troubles/merge.ts';
import { MeshFindings } from '../troubles/mesh-findings.tsx';
import { TroubleList } from '../troubles/trouble-list.tsx';
import { useMesh } from '../troubles/use-mesh.ts';
import { Filter, matches } from '../ui/filter.tsx';
import { Empty, Read } from '../ui/states.tsx';

export function MapView() {
  const query = useMesh();
  return (
    <>
      <h1 class="hidden">Map</h1>
      <Read query={query} what="the map">
        {(mesh) => (mesh.map.services.length === 0 ? <NoServices /> : <Shown mesh={mesh} />)}
      </Read>
    </>
  );
}

function NoServices() {
  return (
    <Empty title="No services yet" within>
      <p>
        Documents say which services there are, and who may call whom. Apply the first ones with{' '}
        <code>cellwall apply -f FILE</code>, or write one under <a href={hrefOf('policies')}>Policies</a>.
      </p>
    </Empty>
  );
}

function Shown({ mesh: { map, troubles, omitted } }: { readonly mesh: Mesh }) {
  const [hidden, setHidden] = useState<ReadonlySet<EdgeState>>(new Set());
  const [filter, setFilter] = useState('');
  const found = useMemo(() => foundIn(map, filter), [map, filter]);
  const layout = useMemo(() => layoutOf(found), [found]);
  const shown = found.edges.filter(({ state }) => !hidden.has(state));
  return (
    <>
      <div class="bar first">
        <Legend map={map} hidden={hidden} onHide={setHidden} />
        <Filter
          value={filter}
          onChange={setFilter}
          label="Filter by service, port or state"
          count={countOf(shown.length)}
        />
      </div>
      <MapCanvas layout={layout} hidden={hidden} />
      <TroubleList troubles={[...troubles.values()]} omitted={omitted} />
      <MeshFindings />
      <section aria-labelledby="edges">
        <h2 id="edges">Who calls whom</h2>
        <EdgeTable edges={shown} troubles={troubles} label="Table of who calls whom" />
        {map.omitted === undefined ? null : <p class="quiet">{map.omitted} more, seen longest ago, are not shown.</p>}
      </section>
    </>
  );
}

/** Edges that fit, with their ends, and services that fit by themselves. */
function foundIn(map: MapAnswer, filter: string): Pick<MapAnswer, 'services' | 'edges'> {
  if (filter.trim() === '') return map;
  const edges = map.edges.filter(({ from, to, port, state }) => matches(filter, from, to, port, state));
  const ends = new Set(edges.flatMap(({ from, to }) => [from, to]));
  return { edges, services: map.services.filter(({ service }) => ends.has(service) || matches(filter, service)) };
}

function countOf(count: number): string {
  return count === 1 ? '1 edge' : `${count} edges`;
}

function Legend({
  map,
  hidden,
  onHide,
}: {
  readonly map: MapAnswer;
  readonly hidden: ReadonlySet<EdgeState>;
  readonly onHide: (hidden: ReadonlySet<EdgeState>) => void;
}) {
  const toggle = (state: EdgeState): void => {
    const next = new Set(hidden);
    if (!next.delete(state)) next.add(state);
    onHide(next);
  };
  return (
    <fieldset class="legend">
      <legend class="hidden">States of edges; what is not pressed is hidden</legend>
      {edgeStates.map((state) => {
        const count = map.edges.filter((edge) => edge.state === state).length;
        const { dash, colour, means } = edgeWords[state];
        return (
          <button
            type="button"
            key={state}
            aria-pressed={!hidden.has(state)}
            title={means}
            onClick={() => toggle(state)}
          >
            <svg width="34" height="10" aria-hidden="true">
              <line
                x1="1"
                y1="5"
                x2="33"
                y2="5"
                stroke={`var(${colour})`}
                stroke-width="2"
                {...(dash.length === 0 ? {} : { 'stroke-dasharray': dash.join(' ') })}
              />
            </svg>
            {state} <b>{count}</b>
          </button>
        );
      })}
    </fieldset>
  );
}
