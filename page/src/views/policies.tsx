// The documents: all of them, one in the editor, what waits for approval, what was changed before.
import { useState } from 'preact/hooks';
import type { DocumentsAnswer, StatusAnswer } from '../../../src/admin/wire.ts';
import { mayEdit, useLive } from '../api/context.ts';
import { useQuery } from '../api/use-query.ts';
import { Editing } from '../policies/editing.tsx';
import { History } from '../policies/history.tsx';
import { Problems } from '../policies/problems.tsx';
import { Waiting } from '../policies/waiting.tsx';
import { hrefOf } from '../route.ts';
import { Filter, matches } from '../ui/filter.tsx';
import { Empty, Read } from '../ui/states.tsx';
import type { ViewProps } from './catalog.tsx';

type Document = DocumentsAnswer['documents'][number];

export function Policies({ place }: ViewProps) {
  if (place.item !== undefined)
    return <Editing name={place.item} line={Number(place.query['line'] ?? 0)} key={place.item} />;
  return <All />;
}

function All() {
  const { pulse, who } = useLive();
  const query = useQuery<DocumentsAnswer>('/v1/documents', { mark: pulse?.marks.documents });
  const status = useQuery<StatusAnswer>('/v1/status', { mark: pulse?.marks.documents });
  const [filter, setFilter] = useState('');
  const nothing = query.kind === 'failed' && query.error.code === 'unavailable';
  return (
    <>
      <div class="bar">
        <h1>Policies</h1>
        {mayEdit(who) ? (
          <a class="button" href={hrefOf('policies', 'new')}>
            New document
          </a>
        ) : (
          <span class="quiet">A viewer reads them, and sees what a change would do.</span>
        )}
      </div>
      {status.kind === 'ready' && status.value.problems.length > 0 ? (
        <div class="notice bad">
          <p>Stored, and not in force:</p>
          <Problems problems={status.value.problems} />
        </div>
      ) : null}
      <Waiting />
      {nothing ? (
        <Empty title="No documents in force" within>
          <p>
            A Mesh names the trust domain; Services and AuthorizationPolicies come after it.{' '}
            <a href={hrefOf('policies', 'new')}>Write the Mesh</a>, or apply a folder:{' '}
            <code>cellwall apply -f DIR</code>.
          </p>
        </Empty>
      ) : (
        <Read query={query} what="the documents">
          {({ documents }) => <List documents={documents} filter={filter} onFilter={setFilter} />}
        </Read>
      )}
      <History />
    </>
  );
}

function List({
  documents,
  filter,
  onFilter,
}: {
  readonly documents: readonly Document[];
  readonly filter: string;
  readonly onFilter: (filter: string) => void;
}) {
  const shown = documents.filter(({ key, text }) => matches(filter, key, text));
  const kinds = [...new Set(shown.map(({ kind }) => kind))].sort();
  return (
    <>
      <Filter
        value={filter}
        onChange={onFilter}
        label="Filter by name or content"
        count={`${shown.length} of ${documents.length}`}
      />
      {kinds.map((kind) => (
        <section key={kind} aria-labelledby={`kind-${kind}`}>
          <h2 id={`kind-${kind}`}>{kind}</h2>
          <ul class="documents">
            {shown
              .filter((document) => document.kind === kind)
              .slice(0, maxShown)
              .map(({ key }) => (
                <li key={key}>
                  <a href={hrefOf('policies', key)}>{key.slice(kind.length + 1)}</a>
                </li>
              ))}
          </ul>
        </section>
      ))}
      {kinds.length === 0 ? <p class="quiet">No document fits the filter.</p> : null}
    </>
  );
}

/** Of each kind: more are found by the filter. */
const maxShown = 600;
