// What a change means for the calls of the last days.
import { useState } from 'preact/hooks';
import type { DiffAnswer, DiffBody, ErrorBody } from '../../../src/admin/wire.ts';
import type { SimulatedRow, SimulationAnswer } from '../../../src/admin/wire-record.ts';
import { errorBody } from '../api/call.ts';
import { useLive } from '../api/context.ts';
import { Failed } from '../ui/states.tsx';
import { useNow, When } from '../ui/when.tsx';

export function Effect({ impact, body }: { readonly impact: DiffAnswer['impact']; readonly body: DiffBody }) {
  const { post } = useLive();
  const [found, setFound] = useState<{
    readonly of: DiffBody;
    readonly answer?: SimulationAnswer;
    readonly error?: ErrorBody;
  }>();
  if (impact === undefined) return null;
  const { newlyDenied, newlyAllowed, cannotTell } = impact;
  const any = newlyDenied + newlyAllowed + cannotTell > 0;
  const ask = async (): Promise<void> => {
    try {
      setFound({ of: body, answer: await post<SimulationAnswer>('/v1/simulate', body) });
    } catch (reason) {
      setFound({ of: body, error: errorBody(reason) });
    }
  };
  const shown = found?.of === body ? found : undefined;
  return (
    <div class={`notice ${newlyDenied > 0 ? 'warn' : 'good'}`}>
      <p>
        {any
          ? `Of the calls of the last 7 days, ${newlyDenied} would newly be denied, ${newlyAllowed} newly allowed, and ${cannotTell} cannot be decided.`
          : 'No call of the last 7 days would be decided differently.'}{' '}
        {any && shown === undefined ? (
          <button type="button" class="link" onClick={() => void ask()}>
            Which?
          </button>
        ) : null}
      </p>
      {shown?.error === undefined ? null : <Failed error={shown.error} />}
      {shown?.answer === undefined ? null : (
        <>
          <Calls title="Newly denied" rows={shown.answer.newlyDenied} />
          <Calls title="Newly allowed" rows={shown.answer.newlyAllowed} />
          <Calls title="Cannot be decided" rows={shown.answer.cannotTell} />
          {shown.answer.incomplete.length === 0 ? null : (
            <p class="quiet">
              The record has gaps for: {shown.answer.incomplete.map(({ service }) => service).join(', ')}
            </p>
          )}
        </>
      )}
    </div>
  );
}

const maxShown = 50;

function Calls({ title, rows }: { readonly title: string; readonly rows: readonly SimulatedRow[] }) {
  const now = useNow(5000);
  if (rows.length === 0) return null;
  return (
    <>
      <h3>{title}</h3>
      <ul>
        {rows.slice(0, maxShown).map((row) => (
          <li key={JSON.stringify(row)}>
            {row.principal ?? row.peer ?? row.caller} → {row.service}
            {row.port === undefined ? '' : `:${row.port}`} {row.method ?? ''} <span class="mono">{row.path ?? ''}</span>
            , {row.count} times, last <When at={row.lastSeen} now={now} />
          </li>
        ))}
      </ul>
      {rows.length > maxShown ? <p class="quiet">and {rows.length - maxShown} more</p> : null}
    </>
  );
}
