// Edges whose calls fail, each with the likeliest cause and what to do about it.
import { useState } from 'preact/hooks';
import type { Trouble } from '../../../src/admin/wire-troubles.ts';
import { callerName, targetName } from '../map/words.ts';
import { hrefOf } from '../route.ts';
import { Badge } from '../ui/badge.tsx';
import { Finding, Findings } from './findings.tsx';
import { edgeId } from './merge.ts';

const few = 4;

/** Nothing for none. `whole`: every cause of each, not only the first. */
export function TroubleList({
  troubles,
  omitted,
  whole = false,
}: {
  readonly troubles: readonly Trouble[];
  readonly omitted: number;
  readonly whole?: boolean;
}) {
  const [all, setAll] = useState(false);
  if (troubles.length === 0) return null;
  const shown = all ? troubles : troubles.slice(0, few);
  const count = troubles.length + omitted;
  return (
    <section class="card troubles" aria-labelledby="troubles">
      <h2 id="troubles">
        What is wrong <Badge tone="bad">{count === 1 ? '1 edge' : `${count} edges`}</Badge>
      </h2>
      <ul class="edges">
        {shown.map((trouble) => (
          <li key={edgeId(trouble)} class="edge">
            <h3>
              <a href={explainHref(trouble)}>
                {callerName(trouble.from)} → {targetName(trouble)}
              </a>
            </h3>
            <Causes trouble={trouble} whole={whole} />
          </li>
        ))}
      </ul>
      {troubles.length > shown.length ? (
        <button type="button" onClick={() => setAll(true)}>
          All {troubles.length}
        </button>
      ) : null}
      {omitted === 0 ? null : <p class="quiet">{omitted} more were not looked into yet: mend these first.</p>}
    </section>
  );
}

function Causes({ trouble: { findings, rule }, whole }: { readonly trouble: Trouble; readonly whole: boolean }) {
  const [first, ...others] = findings;
  if (first === undefined) return null;
  const also = [...new Set(others.map(({ cause }) => cause))].filter((cause) => cause !== first.cause);
  return (
    <>
      {whole ? <Findings findings={findings} /> : <Finding finding={first} />}
      {whole || also.length === 0 ? null : <p class="quiet">Also: {also.join(', ')}</p>}
      {rule === undefined ? null : (
        <details>
          <summary>The smallest rule that would allow it</summary>
          <pre>{rule}</pre>
        </details>
      )}
    </>
  );
}

/** Where one sees all that is known of it. */
export function explainHref({ from, to, port }: Pick<Trouble, 'from' | 'to' | 'port'>): string {
  return hrefOf('explain', undefined, { caller: from, target: to, port });
}
