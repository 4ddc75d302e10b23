// What was decided, and how one comes there: from the first rule to the one that decides.
import type { Explanation } from '../../../src/admin/wire.ts';
import { hrefOf } from '../route.ts';
import { Badge, type Tone } from '../ui/badge.tsx';
import { useNow, When } from '../ui/when.tsx';
import { DocumentLink } from './document-link.tsx';

const tones: Readonly<Record<Explanation['decision'], Tone>> = {
  allowed: 'good',
  denied: 'bad',
  refused: 'bad',
  failed: 'warn',
};

export function Decision({ explanation }: { readonly explanation: Explanation }) {
  const { decision, stage, reason, caller, callerService, target, port, protocol, mtls, path, notes, undecidable } =
    explanation;
  return (
    <>
      <h2>
        <Badge tone={tones[decision]}>{decision}</Badge> {callerService ?? caller} → {target}
        {port === undefined ? '' : `:${port}`}
      </h2>
      <p>{reason}</p>
      <dl class="facts">
        <dt>Decided</dt>
        <dd>
          {stageWords[stage]}: <DocumentLink document={explanation.document} source={explanation.source} />
        </dd>
        <dt>Caller</dt>
        <dd class="mono">{caller}</dd>
        <dt>Target</dt>
        <dd>
          <a href={hrefOf('services', target)}>{target}</a>, {protocol}, {mtls}
        </dd>
        {path === undefined ? null : (
          <>
            <dt>Path, as rules see it</dt>
            <dd class="mono">{path}</dd>
          </>
        )}
      </dl>
      <Chain explanation={explanation} />
      {undecidable === undefined ? null : (
        <div class="notice warn">
          <p>Raw patches affect this; without them it is as above:</p>
          <ul>
            {undecidable.map(({ document, source }) => (
              <li key={document}>
                <DocumentLink document={document} source={source} />
              </li>
            ))}
          </ul>
        </div>
      )}
      {notes.length === 0 ? null : (
        <ul class="list">
          {notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
      <Remedy remedy={explanation.remedy} />
      <Enforced enforced={explanation.enforced} />
      <Recorded recorded={explanation.recorded} />
    </>
  );
}

const stageWords: Readonly<Record<Explanation['stage'], string>> = {
  handshake: 'in the TLS handshake',
  banned: 'by a ban',
  path: 'by the form of the path',
  health: 'as a health check',
  'break-glass': 'by break-glass',
  'deny-rule': 'by a rule that denies',
  'allow-rule': 'by a rule that allows',
  default: 'as no rule allows it',
  'own-sidecar': "by the caller's own sidecar, before any rule",
  application: 'by the application, after the rules',
};

function Chain({ explanation: { chain, rule } }: { readonly explanation: Explanation }) {
  if (chain.length === 0) return null;
  return (
    <>
      <h3>The rules, in their order</h3>
      <ol class="chain">
        {chain.map(({ id, action, document, source, matched, why }) => (
          <li key={id} class={matched && (rule === undefined || rule === id) ? 'decides' : ''}>
            <Badge tone={matched ? (action === 'allow' ? 'good' : 'bad') : 'quiet'}>
              {matched ? `${action === 'allow' ? 'allows' : 'denies'}` : `does not ${action}`}
            </Badge>{' '}
            <DocumentLink document={document} source={source} />
            <br />
            <span class="quiet">{why}</span>
          </li>
        ))}
      </ol>
    </>
  );
}

function Remedy({ remedy }: { readonly remedy: Explanation['remedy'] }) {
  if (remedy === undefined) return null;
  return (
    <>
      <h3>The smallest rule that would allow it</h3>
      {remedy.addTo === undefined ? (
        <p>As a document of its own:</p>
      ) : (
        <p>
          To be added to <DocumentLink document={remedy.addTo.document} source={remedy.addTo.source} /> under{' '}
          <code>spec.rules</code>:
        </p>
      )}
      <pre>{remedy.addTo === undefined ? remedy.policy : remedy.rule}</pre>
    </>
  );
}

function Enforced({ enforced }: { readonly enforced: Explanation['enforced'] }) {
  if (enforced === undefined) return null;
  const { revision, accepted, pending, rejected, rejections = [] } = enforced;
  const all = accepted.length + pending.length + rejected.length;
  return (
    <>
      <h3>Enforced</h3>
      <p>
        {all === 0
          ? 'By no proxy: none of the target is connected.'
          : `${accepted.length} of ${all} connected proxies of the target accepted the rules of revision ${revision}.`}
      </p>
      {[...pending, ...rejected].length === 0 ? null : (
        <ul class="list">
          {[
            ...pending.map((node) => [node, 'has not accepted them yet']),
            ...rejected.map((node) => [node, 'rejected them']),
          ].map(([node = '', what]) => (
            <li key={node}>
              <a href={hrefOf('proxies', node)}>{node}</a> {what}
            </li>
          ))}
        </ul>
      )}
      {rejections.map(({ node, message }) => (
        <div class="notice bad" key={`${node} ${message}`}>
          <p>
            <a href={hrefOf('proxies', node)}>{node}</a> rejected:
          </p>
          <pre>{message}</pre>
        </div>
      ))}
    </>
  );
}

function Recorded({ recorded }: { readonly recorded: Explanation['recorded'] }) {
  const now = useNow(5000);
  if (recorded === undefined) return null;
  return (
    <>
      <h3>As it was logged</h3>
      <ul class="list">
        {recorded.map(({ requestId, at, node, side, policy, status, why, method, path }) => (
          <li key={`${requestId} ${node}`}>
            <When at={at} now={now} />: {method} <span class="mono">{path}</span>,{' '}
            {side === 'caller' ? "by the caller's" : 'by its'} proxy <a href={hrefOf('proxies', node)}>{node}</a>
            {status === undefined ? '' : `, status ${status}`}
            {why === undefined ? '' : `: ${why}`}
            {policy === undefined ? '' : `, rule ${policy}`} <span class="quiet mono">{requestId}</span>
          </li>
        ))}
      </ul>
    </>
  );
}
