// The words of every cause: what is wrong, and what to do.
import type { Cause, Side } from './cause.ts';
import type { Operation, SeenAnswer } from './facts.ts';

export interface CauseWords {
  readonly what: string;
  readonly toDo: string;
}

type ByKind = { readonly [K in Cause['kind']]: Extract<Cause, { readonly kind: K }> };
type Words = { readonly [K in keyof ByKind]: (cause: ByKind[K]) => CauseWords };

const words: Words = {
  'documents-refused': ({ place, message }) => ({
    what: `an edit of the documents is not in force: ${place}: ${message}`,
    toDo: 'correct it: until then what was in force before stays ("cellwall validate" checks files beforehand)',
  }),
  'not-a-dependency': ({ document, target, entry }) => ({
    what: `${document} does not depend on ${target}, so its proxy has no way to it`,
    toDo: `add ${entry} to its dependsOn, and have the application call that loopback port`,
  }),
  'plaintext-caller': ({ target, via }) => ({
    what: `${target} is strict, and ${via === 'plaintext' ? 'plaintext' : `a caller with ${via}`} is refused before any rule`,
    toDo: 'have the caller go through its own sidecar, or give it an identity ("cellwall svid fetch")',
  }),
  banned: ({ reason }) => ({
    what: `the caller is banned: ${reason}`,
    toDo: '"cellwall ban list" says by whom and why; "cellwall unban" lifts it',
  }),
  'path-refused': ({ reason }) => ({
    what: `the path is refused before any rule: ${reason}`,
    toDo: 'write the path in another way; docs/authorization-semantics.md says which forms pass',
  }),
  denied: ({ operation, protocol, reason, decidedBy, rule }) => ({
    what: `policy denies ${protocol === 'tcp' ? 'connections' : operationText(operation)}: ${reason} (${decidedBy})`,
    toDo:
      rule === undefined
        ? `change the rule at ${decidedBy}: no other rule can allow what it denies`
        : 'apply the rule below, or call what the rules allow ("cellwall explain" shows all of them)',
  }),
  'token-missing': ({ why }) => ({
    what: `the rules know the caller, and ask for a token as well: ${why}`,
    toDo:
      'send the token in the header that its issuer names in the Mesh; a token that has ended or is for another audience ' +
      'counts as none',
  }),
  'not-enforced-yet': ({ nodes }) => ({
    what: `these proxies have not accepted the rules in force yet: ${nodes.join(', ')}`,
    toDo: 'ask again in a moment; if it stays, "cellwall status" shows what they reject',
  }),
  'denied-before': ({ seen }) => ({
    what: `a proxy denied such a call at ${utc(seen.at)} (${seen.policy ?? 'no rule allowed it'}), and the documents in force allow it`,
    toDo: 'try again: the documents have changed since; if it is denied again, "cellwall explain --request ID" says by what',
  }),
  'no-proxy': ({ side, who }) => ({
    what: `no sidecar of ${who} is known`,
    toDo:
      side === 'caller'
        ? `start one beside the application (cellwall sidecar --service ${who}): without it its calls go out in plaintext, or nowhere`
        : `start one (cellwall sidecar --service ${who} --listen ADDRESS:PORT --app PORT); if it ended at its start, its log says why`,
  }),
  'svid-refused': ({ who, reason }) => ({
    what: `whoever asks for the identity of ${short(who)} gets none: ${reason}`,
    toDo: /not valid yet|has ended|end before it begins/.test(reason)
      ? "synchronize the control plane's clock and that host's (NTP): by one of them what it presents is not valid now"
      : '"cellwall doctor svid" shows what was asked, and what of it did not match',
  }),
  'proxy-gone': ({ side, node, held, since }) => ({
    what:
      `${sideText(side)} ${short(node)} is gone since ${utc(since)}, without saying goodbye` +
      (held ? ': callers still try it, for 30 s' : ''),
    toDo: 'start it again; its log says why it ended; if it is not to come back: cellwall node evict',
  }),
  'proxy-outdated': ({ side, node, why }) => ({
    what: `${sideText(side)} ${short(node)} is sent nothing: ${why}`,
    toDo: 'upgrade its Envoy',
  }),
  'proxy-withheld': ({ side, node, why }) => ({
    what: `${sideText(side)} ${short(node)} was not sent what is in force: ${why}`,
    toDo: 'revert the last change of its service or of what it calls, and report this',
  }),
  'proxy-contested': ({ side, node, peer, at }) => ({
    what: `another proxy connected as ${short(node)} (${side}) from ${peer} at ${utc(at)}, and was refused`,
    toDo: 'give it a data folder of its own: is it a copy?',
  }),
  'configuration-rejected': ({ side, node, rejected, heldUp }) => ({
    what:
      `${sideText(side)} ${short(node)} rejects its ${rejected.type} (${rejected.resources.join(', ') || 'all that was new'}): ` +
      rejected.message +
      (heldUp ? noCallsYet : ''),
    toDo:
      rejected.madeBy.length === 0
        ? 'its message says what is wrong; it keeps what it had before'
        : `correct what made it: ${rejected.madeBy.join(', ')}; it keeps what it had before`,
  }),
  'port-taken': ({ side, node, at, holder, own, heldUp, document }) => ({
    what: `${sideText(side)} ${short(node)} cannot listen on ${at}, which is held by ${holder}${heldUp ? noCallsYet : ''}`,
    toDo:
      side === 'caller' || !own
        ? `stop that, or change the dependsOn.listen that names it${document === undefined ? '' : ` (${document})`}`
        : 'stop that, or start the sidecar with another --listen',
  }),
  'not-registered': ({ node, why }) => ({
    what: `callers are not sent to ${short(node)}: ${why}`,
    toDo: 'start its sidecar with a --listen that its Workload allows and that no other proxy has',
  }),
  'listens-nowhere': ({ node }) => ({
    what: `the sidecar ${short(node)} takes no calls: it was started without --listen for this port`,
    toDo: 'start it with --listen ADDRESS:PORT (NAME=ADDRESS:PORT for a named port) and --app',
  }),
  'not-ready': ({ side, node, unanswered }) => ({
    what:
      `${sideText(side)} ${short(node)} has not accepted its configuration yet` +
      (unanswered.length === 0 ? '' : `: no answer about ${unanswered.join(', ')}`),
    toDo: 'ask again in a moment; if it stays, look at its log: it may wait for a certificate, or hang',
  }),
  'certificate-missing': ({ side, node, refused }) => ({
    what: `no certificate of ${sideText(side)} ${short(node)} is known${and('it is refused one', refused)}`,
    toDo: 'its log and "cellwall doctor svid" say why it was issued none; it gets one by itself as soon as it may',
  }),
  'certificate-ended': ({ side, node, at, refused }) => ({
    what: `the certificate of ${sideText(side)} ${short(node)} ended at ${utc(at)}${and('it is refused a new one', refused)}`,
    toDo: 'its log and "cellwall doctor svid" say why it was not renewed; it gets a new one by itself as soon as it may',
  }),
  'certificate-not-yet': ({ side, node, at }) => ({
    what: `the certificate of ${sideText(side)} ${short(node)} begins at ${utc(at)}, which the control plane's clock has not reached`,
    toDo:
      'synchronize the clocks of the control plane and of both hosts (NTP; "timedatectl" there says whether one is), then: ' +
      'cellwall certs rotate',
  }),
  'certificate-other-root': ({ side, node, root }) => ({
    what: `the certificate of ${sideText(side)} ${short(node)} goes back to root ${root}, which is not in force`,
    toDo: 'cellwall certs rotate; if its control plane has another CA than this one, give both the same ("cellwall ca" shows the roots)',
  }),
  'clock-off': ({ side, node, offsetMs }) => ({
    what:
      `the clock of the host of ${sideText(side)} ${short(node)} is ${Math.round(Math.abs(offsetMs) / 1000)} s ` +
      `${offsetMs > 0 ? 'ahead of' : 'behind'} the control plane's`,
    toDo: 'synchronize it (NTP): ten minutes behind, certificates of others count as not yet valid; far ahead, as ended',
  }),
  endpoint: ({ endpoint }) => ({
    what: `at the endpoint ${endpoint.address}:${endpoint.port}, which the Service names, there is ${endpoint.what}`,
    toDo: endpoint.toDo,
  }),
  'handshake-failed': ({ handshake: { address, why, count, at } }) => ({
    what: `a TLS handshake from ${address} failed ${count} time${count === 1 ? '' : 's'}, last at ${utc(at)}: ${why}`,
    toDo: 'if that is the caller: "cellwall certs" shows its certificate; if it has no sidecar, start one',
  }),
  'connections-failed': ({ at }) => ({
    what: `connections that the rules allow fail, last at ${utc(at)}: the application behind the service's proxy did not take them`,
    toDo: 'look at the application, at its log, and at --app of its sidecar',
  }),
  'application-down': ({ node, at, why }) => ({
    what:
      `the application behind ${short(node)} does not answer: nothing takes connections at ${at}` +
      (why === undefined ? '' : ` (${why})`),
    toDo: 'start the application, or correct --app of its sidecar',
  }),
  'application-elsewhere': ({ node, at, on }) => ({
    what: `the application behind ${short(node)} is expected at ${at}, and listens on ${on.join(', ')} alone`,
    toDo: `have it listen on ${at}, or start its sidecar with --app for the address that it has`,
  }),
  'application-around': ({ node, at }) => ({
    what: `the application behind ${short(node)} can be reached around its sidecar, where no policy holds: ${at.join(', ')}`,
    toDo: 'have it listen on 127.0.0.1 alone, or close its port to others',
  }),
  answered: ({ side, node, words: { why, advice }, seen }) => ({
    what: `${sideText(side)} ${short(node)} answered${answer(seen)} at ${utc(seen.at)}: ${why}`,
    toDo: advice,
  }),
};

const noCallsYet = '; callers are not sent to it before it has accepted everything';

export function causeWords<K extends keyof ByKind>(cause: ByKind[K] & { readonly kind: K }): CauseWords {
  return words[cause.kind](cause);
}

function and(what: string, reason: string | undefined): string {
  return reason === undefined ? '' : `, and ${what}: ${reason}`;
}

function operationText({ method = 'GET', path = '/' }: Operation): string {
  return `${method} ${path}`;
}

/** Of what a proxy answered. */
export function seenText(seen: SeenAnswer): string {
  const call = [seen.method, seen.path].filter(Boolean).join(' ') || 'a call';
  const by = `by ${short(seen.node)} at ${utc(seen.at)}`;
  const id = seen.requestId === '' ? '' : `, request id ${seen.requestId}`;
  if (seen.kind === 'denied') return `${call} was denied ${by} (${seen.policy ?? 'no rule allowed it'})${id}`;
  return `${call} was answered${answer(seen)} ${by}: ${seen.details || 'Envoy gives no details'}${id}`;
}

function answer({ status = 0 }: SeenAnswer): string {
  return status >= 400 ? ` ${status}` : ' itself';
}

function sideText(side: Side): string {
  return side === 'caller' ? "the caller's sidecar" : "the service's sidecar";
}

/** Without the scheme. */
export function short(node: string): string {
  return node.replace(/^spiffe:\/\//, '');
}

/** To the second. Others reported some of these times: one that no calendar has is no reason to say nothing at all. */
export function utc(at: number): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? 'a time that no calendar has' : date.toISOString().replace(/\.\d+Z$/, 'Z');
}
