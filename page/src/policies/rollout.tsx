// How far a change is, until every proxy has accepted it.
import type { ProxiesAnswer } from '../../../src/admin/wire-proxies.ts';
import { useLive } from '../api/context.ts';
import { useQuery } from '../api/use-query.ts';
import { hrefOf } from '../route.ts';
import { configOf } from '../views/proxy-table.tsx';

interface Far {
  readonly accepted: number;
  readonly pending: number;
  readonly rejected: number;
  readonly waitingFor: readonly string[];
}

/** `revision`: of the change. */
export function Rollout({ revision }: { readonly revision: number }) {
  const { pulse, link } = useLive();
  const elsewhere = pulse?.rollout.elsewhere ?? 0;
  // Those of other control planes are not in the pulse: they are asked for.
  const others = useQuery<ProxiesAnswer>(elsewhere > 0 ? '/v1/proxies' : undefined, { everyMs: 1000 });
  if (pulse === undefined) return null;
  const there = (pulse.revision ?? -1) >= revision && (pulse.published ?? -1) >= revision;
  const far = sumOf(pulse.rollout, elsewhere, others.kind === 'ready' ? others.value : undefined);
  const { accepted, pending, rejected, waitingFor } = far;
  const all = accepted + pending + rejected;
  const done = there && pending === 0 && rejected === 0;
  const count = there ? accepted : 0;
  return (
    <div class={`notice ${done ? 'good' : rejected > 0 ? 'bad' : ''}`}>
      <p role="status">
        {done
          ? `Revision ${revision} is in force${all === 0 ? '; no proxy is connected.' : `: all ${all} connected proxies accepted it.`}`
          : `Revision ${revision}: ${count} of ${all} connected proxies accepted it.`}
        {link === 'broken' ? ' The connection is lost: this is the last that was heard.' : ''}
      </p>
      {done || all === 0 ? null : <progress value={count} max={all} aria-label="Proxies that accepted it" />}
      {done || waitingFor.length === 0 ? null : (
        <p class="quiet">
          {rejected > 0 ? `${rejected} rejected it: ` : 'Waiting for '}
          {waitingFor.map((node, index) => (
            <span key={node}>
              {index === 0 ? '' : ', '}
              <a href={hrefOf('proxies', node)}>{node}</a>
            </span>
          ))}
          {pending + rejected > waitingFor.length ? ` and ${pending + rejected - waitingFor.length} more` : ''}
        </p>
      )}
    </div>
  );
}

const maxNamed = 10;

/** Those elsewhere are pending until they are known. */
function sumOf(own: Far, elsewhere: number, answer: ProxiesAnswer | undefined): Far {
  if (elsewhere === 0) return own;
  if (answer === undefined) return { ...own, pending: own.pending + elsewhere };
  const connected = answer.proxies.filter(({ state, outdated }) => state === 'connected' && outdated === undefined);
  const of = (wanted: string) => connected.filter((row) => configOf(row, false) === wanted);
  const [pending, rejected] = [of('pending'), of('rejected')];
  return {
    accepted: of('accepted').length,
    pending: pending.length,
    rejected: rejected.length,
    waitingFor: [...rejected, ...pending].slice(0, maxNamed).map(({ node }) => node),
  };
}
