// Makes a change: with its reason; if it is held, once its reasons were confirmed; if the gate refuses it, by force. Then how far it is.
import { useEffect, useState } from 'preact/hooks';
import type { ApplyAnswer, ErrorBody } from '../../../src/admin/wire.ts';
import { errorBody } from '../api/call.ts';
import { useLive } from '../api/context.ts';
import { Failed } from '../ui/states.tsx';
import { Problems } from './problems.tsx';
import { Rollout } from './rollout.tsx';

export interface ChangePanelProps {
  readonly path: '/v1/apply' | '/v1/rollback';
  readonly body: object;
  readonly verb: string;
  /** Why it cannot be made. */
  readonly off?: string | undefined;
  readonly onDone?: (answer: ApplyAnswer) => void;
}

type State =
  | { readonly kind: 'idle' | 'sending' }
  | { readonly kind: 'refused'; readonly error: ErrorBody }
  | { readonly kind: 'done'; readonly answer: ApplyAnswer };

export function ChangePanel({ path, body, verb, off, onDone }: ChangePanelProps) {
  const { post } = useLive();
  const [state, setState] = useState<State>({ kind: 'idle' });
  const [reason, setReason] = useState('');
  const [meant, setMeant] = useState<ReadonlySet<string>>(new Set());
  const key = JSON.stringify(body);
  // What was asked about the text before says nothing of this one.
  useEffect(() => {
    setState((before) => (before.kind === 'refused' ? { kind: 'idle' } : before));
    setMeant(new Set());
  }, [key]);
  const codes = state.kind === 'refused' ? codesOf(state.error) : [];
  const missing = codes.filter((code) => !meant.has(code));
  const make = async (): Promise<void> => {
    setState({ kind: 'sending' });
    const force = meant.has(forced);
    const confirm = [...meant].filter((code) => code !== forced);
    try {
      const answer = await post<ApplyAnswer>(path, {
        ...body,
        ...(reason.trim() === '' ? {} : { reason: reason.trim() }),
        ...(force ? { force } : {}),
        ...(confirm.length === 0 ? {} : { confirm }),
      });
      setReason('');
      setMeant(new Set());
      setState({ kind: 'done', answer });
      onDone?.(answer);
    } catch (failure) {
      setState({ kind: 'refused', error: errorBody(failure) });
    }
  };
  return (
    <section aria-label={verb}>
      {state.kind === 'refused' ? (
        <Refused
          error={state.error}
          codes={codes}
          meant={meant}
          onMean={(code, yes) =>
            setMeant((before) => new Set(yes ? [...before, code] : [...before].filter((one) => one !== code)))
          }
        />
      ) : null}
      <form
        class="actions"
        onSubmit={(event) => {
          event.preventDefault();
          void make();
        }}
      >
        <input
          aria-label="Reason, for history and audit"
          placeholder="Reason, for history and audit"
          maxLength={500}
          value={reason}
          onInput={(event) => setReason(event.currentTarget.value)}
        />
        <button
          type="submit"
          class="primary"
          disabled={off !== undefined || state.kind === 'sending' || missing.length > 0}
        >
          {state.kind === 'sending' ? 'One moment …' : verb}
        </button>
        {off === undefined ? null : <span class="quiet">{off}</span>}
      </form>
      {state.kind === 'done' ? <Done answer={state.answer} /> : null}
    </section>
  );
}

const forced = '(force)';

/** What has to be confirmed before it can be asked again. Empty: nothing would help. */
function codesOf({ code, problems = [], reasons, hint = '' }: ErrorBody): readonly string[] {
  if (code !== 'failed_precondition') return [];
  if (reasons !== undefined) return [forced];
  return hint.includes('--approve-by-others') ? [] : [...new Set(problems.map((problem) => problem.code))];
}

function Refused({
  error,
  codes,
  meant,
  onMean,
}: {
  readonly error: ErrorBody;
  readonly codes: readonly string[];
  readonly meant: ReadonlySet<string>;
  readonly onMean: (code: string, yes: boolean) => void;
}) {
  const { problems = [], reasons = [] } = error;
  return (
    <>
      <Failed error={codes.length === 0 ? error : { code: error.code, message: error.message }} />
      {problems.length === 0 ? null : <Problems problems={problems} />}
      {reasons.length === 0 ? null : (
        <ul class="list">
          {reasons.map(({ service, kind, who, why }) => (
            <li key={`${service} ${kind} ${who} ${why}`}>
              {service}: {who}: {why}
            </li>
          ))}
        </ul>
      )}
      {codes.map((code) => (
        <label class="check" key={code}>
          <input
            type="checkbox"
            checked={meant.has(code)}
            onChange={(event) => onMean(code, event.currentTarget.checked)}
          />
          {code === forced
            ? 'Make them strict all the same: these callers are cut off. It is written to the audit log.'
            : `It is meant (${code}). It is written to the audit log.`}
        </label>
      ))}
    </>
  );
}

function Done({ answer }: { readonly answer: ApplyAnswer }) {
  const { kind, revision, changed, warnings } = answer;
  return (
    <>
      {kind === 'unchanged' ? (
        <p role="status">Nothing changed: it is in force as it is, with revision {revision}.</p>
      ) : (
        <>
          <Rollout revision={revision} />
          <p class="quiet">Changed: {changed.join(', ')}</p>
        </>
      )}
      {warnings.length === 0 ? null : <Problems problems={warnings} />}
    </>
  );
}
