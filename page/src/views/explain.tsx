// May this caller do that, and which line of which document decides it.
import { useEffect, useState } from 'preact/hooks';
import type { Explanation } from '../../../src/admin/wire.ts';
import type { MapAnswer } from '../../../src/admin/wire-map.ts';
import { useLive } from '../api/context.ts';
import { useQuery } from '../api/use-query.ts';
import { hrefOf } from '../route.ts';
import { Read } from '../ui/states.tsx';
import type { ViewProps } from './catalog.tsx';
import { Decision } from './decision.tsx';
import { Diagnosis } from './diagnosis.tsx';

const fields = ['caller', 'target', 'port', 'method', 'path', 'request'] as const;
type Field = (typeof fields)[number];
export type Question = Readonly<Partial<Record<Field, string>>>;

export function Explain({ place: { query } }: ViewProps) {
  const { pulse } = useLive();
  const map = useQuery<MapAnswer>('/v1/map', { mark: pulse?.marks.documents });
  const asked = pathOf(query);
  const answer = useQuery<Explanation>(asked, { mark: pulse?.marks.documents });
  return (
    <>
      <h1>Explain</h1>
      <p class="quiet">
        Why a call is allowed or refused: by the documents in force, or one that was logged, by its x-request-id.
      </p>
      <Form first={query} map={map.kind === 'ready' ? map.value : undefined} />
      <section aria-label="The decision" aria-live="polite">
        {asked === undefined ? (
          <p class="quiet">Pick a caller and a service. Edges of the map lead here as well.</p>
        ) : (
          <Read query={answer} what="the decision">
            {(explanation) => <Decision explanation={explanation} />}
          </Read>
        )}
      </section>
      <Diagnosis question={query} />
    </>
  );
}

/** Undefined until there is enough to ask. */
function pathOf(query: Question): string | undefined {
  const { request, caller, target } = query;
  if (request !== undefined && request !== '') return `/v1/explain?${new URLSearchParams({ request })}`;
  if (caller === undefined || target === undefined) return undefined;
  const search = new URLSearchParams();
  for (const field of fields) {
    const value = query[field];
    if (value !== undefined && value !== '' && field !== 'request') search.set(field, value);
  }
  return `/v1/explain?${search}`;
}

function Form({ first, map }: { readonly first: Question; readonly map: MapAnswer | undefined }) {
  const [question, setQuestion] = useState<Question>(first);
  // An edge, or "back", may bring another one.
  const key = JSON.stringify(first);
  useEffect(() => setQuestion(JSON.parse(key) as Question), [key]);
  const names = map?.services.map(({ service }) => service) ?? [];
  const target = map?.services.find(({ service }) => service === question.target);
  const ports = target !== undefined && target.ports.length > 1 ? target.ports : [];
  const set = (field: Field, value: string): void => setQuestion((before) => ({ ...before, [field]: value }));
  const byId = (question.request ?? '') !== '';
  return (
    <form
      class="card"
      onSubmit={(event) => {
        event.preventDefault();
        location.hash = hrefOf('explain', undefined, byId ? { request: question.request } : question);
      }}
    >
      <datalist id="services">
        {names.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <datalist id="callers">
        {['plaintext', 'one-way-tls', 'legacy', ...names].map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <div class="question">
        <Text name="caller" label="Caller" list="callers" off={byId} value={question} onSet={set} />
        <Text name="target" label="Service" list="services" off={byId} value={question} onSet={set} />
        {ports.length === 0 ? null : (
          <div>
            <label for="explain-port">Port</label>
            <select
              id="explain-port"
              value={question.port ?? ''}
              onChange={(event) => set('port', event.currentTarget.value)}
            >
              <option value="">default</option>
              {ports.map(({ name, protocol }) => (
                <option key={name} value={name}>
                  {name} ({protocol})
                </option>
              ))}
            </select>
          </div>
        )}
        <Text name="method" label="Method" hint="GET" off={byId} value={question} onSet={set} />
        <Text name="path" label="Path" hint="/" off={byId} value={question} onSet={set} />
        <Text name="request" label="Or an x-request-id" off={false} value={question} onSet={set} />
      </div>
      <button type="submit" class="primary">
        Explain
      </button>
    </form>
  );
}

function Text({
  name,
  label,
  list,
  hint,
  off,
  value,
  onSet,
}: {
  readonly name: Field;
  readonly label: string;
  readonly list?: string;
  readonly hint?: string;
  readonly off: boolean;
  readonly value: Question;
  readonly onSet: (field: Field, value: string) => void;
}) {
  const id = `explain-${name}`;
  const all = {
    ...{ id, value: value[name] ?? '', disabled: off, placeholder: hint ?? '', autocomplete: 'off', spellcheck: false },
    required: !off && (name === 'caller' || name === 'target'),
    onInput: (event: { readonly currentTarget: HTMLInputElement }) => onSet(name, event.currentTarget.value),
  } as const;
  return (
    <div>
      <label for={id}>{label}</label>
      {list === undefined ? <input type="text" {...all} /> : <input type="text" list={list} {...all} />}
    </div>
  );
}
