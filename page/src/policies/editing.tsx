// One document in the editor: problems as one types, what would change, what it means, and the change itself.
import { useRef, useState } from 'preact/hooks';
import type { DiffBody, DocumentAnswer } from '../../../src/admin/wire.ts';
import { mayEdit, useLive } from '../api/context.ts';
import { useQuery } from '../api/use-query.ts';
import { hrefOf } from '../route.ts';
import { Empty, Failed, Loading } from '../ui/states.tsx';
import { ChangePanel } from './change-panel.tsx';
import { CodeField, type CodeFieldHandle } from './code-field.tsx';
import type { Schema } from './complete.ts';
import { Diff } from './diff.tsx';
import { Effect } from './effect.tsx';
import { type Draft, keepDraft, readDraft } from './kept-drafts.ts';
import { Problems } from './problems.tsx';
import { Tests } from './tests.tsx';
import { useCheck } from './use-check.ts';

const template = `apiVersion: cellwall/v1
kind: AuthorizationPolicy
metadata:
  name: example
spec:
`;

/** `name`: its key, or `new`. `line`: in its file, to begin at; 0: at the top. */
export function Editing({ name, line }: { readonly name: string; readonly line: number }) {
  const { pulse, who } = useLive();
  const isNew = name === 'new';
  const path = isNew ? undefined : `/v1/documents/${name.split('/').map(encodeURIComponent).join('/')}`;
  const query = useQuery<DocumentAnswer>(path, { mark: pulse?.marks.documents });
  if (isNew) return <Editor document={undefined} place={name} gone={false} line={0} />;
  if (query.kind === 'loading') return <Loading what={name} />;
  if (query.kind === 'ready') {
    return <Editor document={query.value} place={name} gone={query.stale?.code === 'not_found'} line={line} />;
  }
  if (query.error.code !== 'not_found') return <Failed error={query.error} again={query.again} />;
  if (readDraft(sessionStorage, who.name, name) !== undefined) {
    return <Editor document={undefined} place={name} gone={true} line={0} />;
  }
  return (
    <Empty title={`No document ${name}`}>
      <p>
        It is not in force, or is gone by now. <a href={hrefOf('policies')}>All documents</a>
      </p>
    </Empty>
  );
}

interface EditorProps {
  readonly document: DocumentAnswer | undefined;
  /** Its key, or `new`. */
  readonly place: string;
  /** It was in force, and is not any more. */
  readonly gone: boolean;
  readonly line: number;
}

function Editor({ document, place, gone, line }: EditorProps) {
  const { who } = useLive();
  const field = useRef<CodeFieldHandle>(null);
  const schema = useQuery<Schema>('/v1/schema');
  /** What was typed here before, and not applied. */
  const [before] = useState(() => readDraft(sessionStorage, who.name, place));
  /** Undefined: the text was not touched. */
  const [begun, setBegun] = useState<Draft | undefined>(before);
  const change = (next: Draft | undefined): void => {
    setBegun(next);
    keepDraft(sessionStorage, who.name, place, next?.text === next?.from ? undefined : next);
  };
  const [removing, setRemoving] = useState(false);
  const current = document?.text ?? template;
  const text = begun?.text ?? current;
  const key = document?.key ?? 'the new document';
  const touched = begun !== undefined && begun.text !== current;
  const overtaken = !gone && begun !== undefined && begun.from !== current && touched;
  const body: DiffBody | undefined = removing
    ? { changes: [{ op: 'delete', key }] }
    : touched
      ? { files: [{ file: key, text }] }
      : undefined;
  const check = useCheck(body);
  const problems = check.kind === 'good' || check.kind === 'wrong' ? check.problems : [];
  const here = problems.filter(({ source }) => source.file === key);
  const first = line > 0 && document !== undefined ? line - document.source.line + 1 : 0;
  return (
    <>
      <div class="bar">
        <h1>{document?.key ?? 'New document'}</h1>
        <div class="actions">
          {first > 0 ? (
            <button type="button" onClick={() => field.current?.goTo(first)}>
              Go to line {first}
            </button>
          ) : null}
          {touched ? (
            <button type="button" onClick={() => change(undefined)}>
              Discard
            </button>
          ) : null}
          {document === undefined || !mayEdit(who) ? null : (
            <button type="button" aria-pressed={removing} onClick={() => setRemoving(!removing)}>
              {removing ? 'Keep it' : 'Delete …'}
            </button>
          )}
        </div>
      </div>
      {gone ? (
        <div class="notice warn" role="status">
          <p>{place} was deleted meanwhile: to apply this would make it again.</p>
        </div>
      ) : null}
      {overtaken ? (
        <div class="notice warn" role="status">
          <p>
            It was changed by somebody else meanwhile: what is below would replace that.{' '}
            <button type="button" class="link" onClick={() => change(undefined)}>
              Load theirs
            </button>
          </p>
        </div>
      ) : null}
      {touched && !overtaken && !gone && begun === before ? (
        <div class="notice" role="status">
          <p>This is what you had typed here before. It is not applied.</p>
        </div>
      ) : null}
      <CodeField
        field={field}
        schema={schema.kind === 'ready' ? schema.value : undefined}
        text={text}
        label={`Text of ${key}`}
        readOnly={removing}
        problems={here}
        onChange={(next) => change({ from: begun?.from ?? current, text: next })}
      />
      <div aria-live="polite">
        {check.kind === 'checking' ? <p class="quiet">Checking …</p> : null}
        {check.kind === 'failed' ? <Failed error={check.error} /> : null}
        {here.length > 0 ? (
          <Problems problems={here} onPick={({ source }) => field.current?.goTo(source.line)} />
        ) : null}
        {problems.length > here.length ? <Problems problems={problems.filter((one) => !here.includes(one))} /> : null}
      </div>
      {check.kind === 'good' && body !== undefined ? (
        <>
          <h2>What would change</h2>
          <Diff differences={check.answer.differences} />
          <Effect impact={check.answer.impact} body={body} />
        </>
      ) : null}
      <Tests body={check.kind === 'good' ? body : undefined} />
      {mayEdit(who) ? (
        <ChangePanel
          path="/v1/apply"
          body={body === undefined || check.kind !== 'good' ? {} : { ...body, expectedRevision: check.answer.revision }}
          verb={removing ? `Delete ${key}` : 'Apply'}
          off={
            body === undefined
              ? 'Nothing is changed.'
              : check.kind === 'good'
                ? undefined
                : 'Not while it is not valid.'
          }
          onDone={() => {
            change(undefined);
            setRemoving(false);
          }}
        />
      ) : (
        <p class="quiet">
          A viewer may try a change here, and sees what it would do; applying it needs the role editor.
        </p>
      )}
    </>
  );
}
