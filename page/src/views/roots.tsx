// The roots of the CA, and a rotation with what holds its phase up.
import type { CaAnswer } from '../../../src/admin/wire-ca.ts';
import { Badge, type Tone } from '../ui/badge.tsx';
import { useNow, When } from '../ui/when.tsx';

type Root = CaAnswer['roots'][number];
type Rotation = NonNullable<CaAnswer['rotation']>;

const stateWords: Readonly<Record<Root['state'], { readonly tone: Tone; readonly means: string }>> = {
  active: { tone: 'good', means: 'certificates are issued under it' },
  published: { tone: 'info', means: 'everybody trusts it, and nothing is issued under it yet' },
  retiring: { tone: 'warn', means: 'still trusted; its certificates are being replaced' },
  tainted: { tone: 'bad', means: 'its certificates must not be used any more' },
  extra: { tone: 'quiet', means: "another CA's, trusted besides" },
};

const phases = ['prepare', 'publish', 'activate', 'renew', 'taint', 'remove'] as const;

export function Roots({ ca }: { readonly ca: CaAnswer }) {
  const now = useNow(5000);
  const { roots, intermediate, rotation, last, notReplaceable } = ca;
  return (
    <>
      <div class="columns">
        {roots.map(({ name, state, notBefore, notAfter }) => (
          <section class="card" key={name} aria-label={`Root ${name}`}>
            <h2>
              Root <span class="mono">{name}</span> <Badge tone={stateWords[state].tone}>{state}</Badge>
            </h2>
            <p class="quiet">{stateWords[state].means}</p>
            <p>
              Ends <When at={notAfter} now={now} />; began <When at={notBefore} now={now} />
            </p>
            {intermediate.root === name ? (
              <p>
                The intermediate under it that signs here ends <When at={intermediate.notAfter} now={now} />
              </p>
            ) : null}
          </section>
        ))}
      </div>
      {rotation === undefined ? null : <Rotating rotation={rotation} now={now} />}
      {rotation !== undefined || last === undefined ? null : (
        <p class="quiet">
          The last rotation {last.outcome === 'rotated' ? 'ended' : 'was aborted'} <When at={last.endedAt} now={now} />
          {last.cut.length === 0 ? '.' : `; left behind: ${last.cut.join(', ')}.`}
        </p>
      )}
      {notReplaceable === undefined ? null : <p class="quiet">The root is not replaced here: {notReplaceable}</p>}
    </>
  );
}

function Rotating({ rotation, now }: { readonly rotation: Rotation; readonly now: number }) {
  const { phase, since, by, reason, aborting, compromised, held, holdUps, trouble } = rotation;
  return (
    <section class="card" aria-labelledby="rotation">
      <h2 id="rotation">
        {aborting === true ? 'Going back to the old root' : 'The root is being replaced'}
        {compromised === true ? ', without waiting' : ''}
      </h2>
      <ol class="actions" aria-label="Phases">
        {phases.map((name) => (
          <li key={name} {...(name === phase ? { 'aria-current': 'step' as const } : {})}>
            <Badge tone={name === phase ? 'info' : 'quiet'}>{name}</Badge>
          </li>
        ))}
      </ol>
      <p>
        In this phase since <When at={since} now={now} />; begun by {by}
        {reason === undefined ? '' : ` (${reason})`}.
      </p>
      {trouble === undefined ? null : <p class="error">{trouble}</p>}
      {held === 0 ? (
        <p>Nothing holds it up.</p>
      ) : (
        <>
          <p>{held === 1 ? 'One holds it up:' : `${held} hold it up:`}</p>
          <ul class="list">
            {holdUps.map(({ kind, who, why, since: from }) => (
              <li key={`${kind} ${who}`}>
                <b>{who}</b>: {why}{' '}
                <span class="quiet">
                  since <When at={from} now={now} />
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}
