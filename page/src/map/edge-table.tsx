// Edges as a table.
import type { DiagnosisFinding } from '../../../src/admin/wire-doctor.ts';
import type { MapEdge } from '../../../src/admin/wire-map.ts';
import { hrefOf } from '../route.ts';
import { edgeId, type Mesh } from '../troubles/merge.ts';
import { explainHref } from '../troubles/trouble-list.tsx';
import { Badge } from '../ui/badge.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { useNow, When } from '../ui/when.tsx';
import { callerName, edgeStates, edgeWords, targetName } from './words.ts';

/** `of`: the service whose view it is; that column is left out. */
export function EdgeTable({
  edges,
  troubles,
  label,
  of,
}: {
  readonly edges: readonly MapEdge[];
  readonly troubles: Mesh['troubles'];
  readonly label: string;
  readonly of?: 'from' | 'to';
}) {
  const now = useNow(5000);
  const columns: readonly Column<MapEdge>[] = [
    {
      name: 'State',
      by: ({ state }) => edgeStates.indexOf(state),
      cell: ({ state, recent }) => (
        <span
          title={`${edgeWords[state].means}${recent || state === 'unseen' ? '' : '; nothing in the last 5 minutes'}`}
        >
          <Badge tone={edgeWords[state].tone}>{state}</Badge>
          {recent || state === 'unseen' ? null : <span class="quiet"> quiet</span>}
        </span>
      ),
    },
    ...(of === 'from' ? [] : [{ name: 'Caller', by: ({ from }: MapEdge) => from, cell: callerCell }]),
    ...(of === 'to'
      ? [{ name: 'Port', by: ({ port = '' }: MapEdge) => port, cell: ({ port }: MapEdge) => port ?? 'default' }]
      : [{ name: 'Service', by: targetName, cell: targetCell }]),
    {
      name: 'Allowed',
      figures: true,
      wideOnly: true,
      by: ({ allowed }) => allowed,
      cell: ({ allowed }) => figure(allowed),
    },
    { name: 'Failed', figures: true, wideOnly: true, by: ({ failed }) => failed, cell: ({ failed }) => figure(failed) },
    {
      name: 'Refused',
      figures: true,
      wideOnly: true,
      by: ({ denied }) => denied,
      cell: ({ denied }) => figure(denied),
    },
    {
      name: 'Declared',
      wideOnly: true,
      by: ({ declared }) => (declared ? 0 : 1),
      cell: ({ declared }) => (declared ? 'yes' : <span class="quiet">no</span>),
    },
    {
      name: 'Last seen',
      wideOnly: true,
      by: ({ lastSeen = 0 }) => lastSeen,
      cell: ({ lastSeen }) =>
        lastSeen === undefined ? <span class="quiet">never</span> : <When at={lastSeen} now={now} />,
    },
    {
      name: 'Why',
      by: (edge) => troubles.get(edgeId(edge))?.findings[0]?.cause ?? '~',
      cell: (edge) => <Why edge={edge} cause={troubles.get(edgeId(edge))?.findings[0]} />,
    },
  ];
  return (
    <Table
      label={label}
      rows={edges}
      columns={columns}
      keyOf={edgeId}
      sortedBy="State"
      empty="No calls, and nothing declared."
    />
  );
}

/** Leads to all that is known of it; says the likeliest cause of one that fails. */
function Why({ edge, cause }: { readonly edge: MapEdge; readonly cause: DiagnosisFinding | undefined }) {
  const { from, to } = edge;
  return (
    <a
      href={explainHref(edge)}
      title={cause?.what ?? ''}
      aria-label={cause === undefined ? `Explain ${from} to ${to}` : `${cause.cause}: ${from} to ${to}`}
    >
      {cause === undefined ? 'explain' : cause.cause}
    </a>
  );
}

function callerCell({ from }: MapEdge) {
  const isService = !from.startsWith('spiffe://') && callerName(from) === from;
  return isService ? <a href={hrefOf('services', from)}>{from}</a> : callerName(from);
}

function targetCell(edge: MapEdge) {
  return <a href={hrefOf('services', edge.to)}>{targetName(edge)}</a>;
}

function figure(count: number): string {
  return count === 0 ? '–' : count.toLocaleString('en');
}
