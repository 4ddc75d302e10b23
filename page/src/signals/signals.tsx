// How the calls of a service went: figures, plots, TLS, and each caller.
import { useMemo, useState } from 'preact/hooks';
import type { SignalsAnswer } from '../../../src/admin/wire-signals.ts';
import { useQuery } from '../api/use-query.ts';
import { Badge } from '../ui/badge.tsx';
import { Read } from '../ui/states.tsx';
import { useNow, When } from '../ui/when.tsx';
import { CallerTable } from './caller-table.tsx';
import { callsOf, linesOf, percent, sharesOf } from './lines.ts';
import { Plot } from './plot.tsx';

const ranges = [
  ['1h', 'hour'],
  ['24h', 'day'],
  ['7d', 'week'],
  ['30d', '30 days'],
] as const;
type Range = (typeof ranges)[number][0];

/** With the plots. What it shows is read again every ten seconds. */
export function Signals({ service }: { readonly service: string }) {
  const [since, setSince] = useState<Range>('1h');
  const search = new URLSearchParams({ service, since, series: 'true' });
  const query = useQuery<SignalsAnswer>(`/v1/signals?${search}`, { everyMs: 10_000 });
  return (
    <section aria-labelledby="signals">
      <div class="bar">
        <h2 id="signals">How its calls went</h2>
        <fieldset class="choice">
          <legend class="hidden">How far to look back</legend>
          {ranges.map(([value, name]) => (
            <button type="button" key={value} aria-pressed={since === value} onClick={() => setSince(value)}>
              {name}
            </button>
          ))}
        </fieldset>
      </div>
      <Read query={query} what="how its calls went">
        {(answer) => <Shown answer={answer} service={service} />}
      </Read>
    </section>
  );
}

function Shown({ answer, service }: { readonly answer: SignalsAnswer; readonly service: string }) {
  const { times, counts, latency } = useMemo(() => linesOf(answer), [answer]);
  const own = answer.services.find((one) => one.service === service);
  const seen = answer.edges.filter(
    ({ inbound, outbound, callerSide }) => (inbound ?? outbound ?? callerSide) !== undefined,
  );
  const gaps = own?.unknown.length ?? 0;
  return (
    <>
      {gaps === 0 ? null : (
        <p class="quiet">
          <Badge tone="warn">incomplete</Badge> Calls may be missing: a proxy was away, or reported less than it counted
          ({gaps === 1 ? 'once' : `${gaps} times`}).
        </p>
      )}
      {times.length === 0 ? null : (
        <>
          <Figures answer={answer} />
          <div class="columns">
            <Plot title={`Calls a ${answer.step}`} unit="" times={times} lines={counts} />
            {latency.length === 0 ? null : (
              <Plot title="Latency, of the slowest caller" unit="ms" times={times} lines={latency} />
            )}
          </div>
        </>
      )}
      <CallerTable service={service} rows={seen} />
      <Handshakes rows={own?.handshakes ?? []} />
    </>
  );
}

/** Of all callers: how many, how they went, and with which TLS. */
function Figures({ answer: { edges, services } }: { readonly answer: SignalsAnswer }) {
  const sum = { calls: 0, bad: 0, denied: 0 };
  const tls: Record<string, number> = {};
  for (const row of edges) {
    const { inbound, outbound } = row;
    sum.calls += callsOf(row);
    for (const side of [inbound, outbound]) {
      sum.bad += side?.failed ?? 0;
      sum.denied += side?.denied ?? 0;
    }
    for (const [version, count] of Object.entries(inbound?.tls ?? {})) tls[version] = (tls[version] ?? 0) + count;
  }
  const groups = sharesOf(services[0]?.groups ?? {});
  const part = (count: number): string =>
    count === 0 ? 'none' : `${count.toLocaleString('en')} (${percent(count / sum.calls)})`;
  return (
    <dl class="tiles">
      <Tile name="Calls" value={sum.calls.toLocaleString('en')} />
      <Tile name="Failed" value={part(sum.bad)} tone={sum.bad === 0 ? '' : 'warn'} />
      <Tile name="Refused" value={part(sum.denied)} tone={sum.denied === 0 ? '' : 'bad'} />
      <Tile
        name="TLS"
        value={
          sharesOf(tls)
            .map(({ name, part: of }) => `${name === 'none' ? 'plaintext' : name} ${percent(of)}`)
            .join(', ') || 'none seen'
        }
      />
      {groups.length === 0 ? null : (
        <Tile
          name="Key exchange"
          value={groups.map(({ name, part: of }) => `${name} ${percent(of)}`).join(', ')}
          title="Of connections. Groups with MLKEM in their name resist quantum computers."
        />
      )}
    </dl>
  );
}

function Tile(of: { readonly name: string; readonly value: string; readonly tone?: string; readonly title?: string }) {
  return (
    <div {...(of.title === undefined ? {} : { title: of.title })}>
      <dt>{of.name}</dt>
      <dd class={of.tone ?? ''}>{of.value}</dd>
    </div>
  );
}

const maxHandshakes = 20;

/** Callers who never came as far as a call. */
function Handshakes({ rows }: { readonly rows: SignalsAnswer['services'][number]['handshakes'] }) {
  const now = useNow(5000);
  if (rows.length === 0) return null;
  const shown = rows.toSorted((a, b) => b.lastSeen - a.lastSeen).slice(0, maxHandshakes);
  return (
    <>
      <h3>TLS handshakes that failed</h3>
      <ul class="list">
        {shown.map(({ address, why, count, lastSeen, port = '' }) => (
          <li key={`${address} ${port} ${why}`}>
            <span class="mono">{address}</span>
            {port === '' ? '' : ` at ${port}`}: {why}{' '}
            <span class="quiet">
              ({count === 1 ? 'once' : `${count.toLocaleString('en')} times, last`} <When at={lastSeen} now={now} />)
            </span>
          </li>
        ))}
      </ul>
      {rows.length > shown.length ? <p class="quiet">and {rows.length - shown.length} more</p> : null}
    </>
  );
}
