// Which certificates end when, the roots above them, and what holds a rotation up.
import { useMemo, useState } from 'preact/hooks';
import type { CaAnswer } from '../../../src/admin/wire-ca.ts';
import type { CertificatesAnswer, IssuedCertificate } from '../../../src/admin/wire-certificates.ts';
import { useLive } from '../api/context.ts';
import { useQuery } from '../api/use-query.ts';
import { hrefOf } from '../route.ts';
import { Filter, matches } from '../ui/filter.tsx';
import { Read } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { useNow, When } from '../ui/when.tsx';
import { Ends } from './proxy-table.tsx';
import { Roots } from './roots.tsx';
import { Timeline } from './timeline.tsx';

export function Certificates() {
  const { pulse } = useLive();
  const mark = pulse?.marks.proxies;
  const ca = useQuery<CaAnswer>('/v1/ca', { mark, everyMs: 5000 });
  const certificates = useQuery<CertificatesAnswer>('/v1/certificates', { mark, everyMs: 15_000 });
  return (
    <>
      <h1>Certificates</h1>
      <Read query={ca} what="the roots">
        {(answer) => <Roots ca={answer} />}
      </Read>
      <Read query={certificates} what="the certificates">
        {(answer) => <Issued certificates={answer.certificates} />}
      </Read>
    </>
  );
}

function Issued({ certificates }: { readonly certificates: readonly IssuedCertificate[] }) {
  const now = useNow(5000);
  const [filter, setFilter] = useState('');
  const leaves = useMemo(() => certificates.filter(({ purpose }) => !purpose.startsWith('ca-')), [certificates]);
  const rows = leaves.filter(({ spiffeId, purpose, serial, node, requester, how }) =>
    matches(filter, spiffeId, purposeWords[purpose], serial, node, requester, how),
  );
  return (
    <>
      <Timeline ends={leaves.map(({ notAfter }) => notAfter)} now={now} />
      <div class="bar">
        <h2>Issued, and not ended</h2>
        <Filter
          value={filter}
          onChange={setFilter}
          label="Filter by identity, serial or proxy"
          count={`${rows.length} of ${leaves.length}`}
        />
      </div>
      <Table
        label="Certificates"
        rows={rows}
        columns={columnsOf(now)}
        keyOf={({ serial }) => serial}
        sortedBy="Ends"
        empty={leaves.length === 0 ? 'None were issued yet.' : 'No certificate fits the filter.'}
      />
    </>
  );
}

const purposeWords: Readonly<Record<IssuedCertificate['purpose'], string>> = {
  'ca-root': 'root',
  'ca-intermediate': 'intermediate',
  server: 'this control plane',
  operator: 'operator',
  'svid-pushed': 'SVID, sent to its proxy',
  'svid-fetched': 'SVID, for a key of its holder',
};

function columnsOf(now: number): readonly Column<IssuedCertificate>[] {
  return [
    {
      name: 'Identity',
      by: ({ spiffeId }) => spiffeId,
      cell: ({ spiffeId }) => <span title={spiffeId}>{spiffeId}</span>,
    },
    { name: 'Ends', by: ({ notAfter }) => notAfter, cell: ({ notAfter }) => <Ends at={notAfter} now={now} /> },
    { name: 'For', by: ({ purpose }) => purposeWords[purpose], cell: ({ purpose }) => purposeWords[purpose] },
    {
      name: 'Used by',
      by: ({ node = '' }) => node,
      cell: ({ node, requester }) =>
        node === undefined ? (
          <span class="quiet">{requester ?? '–'}</span>
        ) : (
          <a href={hrefOf('proxies', node)}>{node.split('~').at(-1)}</a>
        ),
    },
    {
      name: 'Issued',
      wideOnly: true,
      by: ({ issuedAt, notBefore }) => issuedAt ?? notBefore,
      cell: ({ issuedAt, notBefore }) => <When at={issuedAt ?? notBefore} now={now} />,
    },
    { name: 'Serial', wideOnly: true, cell: ({ serial }) => <span class="mono">{serial}</span> },
  ];
}
