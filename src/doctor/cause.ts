// What may be wrong with a call: a closed set. `cause-words.ts` has the words of each.
import type { AnswerKind, AnswerWords } from './answer-words.ts';
import type { CallFacts, EndpointFact, Operation, RejectedFact, SeenAnswer, SeenHandshake } from './facts.ts';

export type Side = 'caller' | 'service';

/** Of one proxy. `heldUp`, where it is: callers are not sent to it until it has accepted everything. */
interface AtProxy {
  readonly side: Side;
  readonly node: string;
}

export type Cause =
  // The documents, and what they decide.
  | { readonly kind: 'documents-refused'; readonly place: string; readonly message: string }
  | { readonly kind: 'not-a-dependency'; readonly document: string; readonly target: string; readonly entry: string }
  | { readonly kind: 'plaintext-caller'; readonly target: string; readonly via: string }
  | { readonly kind: 'banned'; readonly reason: string }
  | { readonly kind: 'path-refused'; readonly reason: string }
  | {
      readonly kind: 'denied';
      readonly operation: Operation;
      readonly protocol: CallFacts['protocol'];
      readonly reason: string;
      readonly decidedBy: string;
      readonly rule?: string;
    }
  | { readonly kind: 'token-missing'; readonly why: string }
  | { readonly kind: 'not-enforced-yet'; readonly nodes: readonly string[] }
  | { readonly kind: 'denied-before'; readonly seen: SeenAnswer }
  // A proxy of either side.
  | { readonly kind: 'no-proxy'; readonly side: Side; readonly who: string }
  | { readonly kind: 'svid-refused'; readonly side: Side; readonly who: string; readonly reason: string }
  | ({ readonly kind: 'proxy-gone'; readonly held: boolean; readonly since: number } & AtProxy)
  | ({ readonly kind: 'proxy-outdated'; readonly why: string } & AtProxy)
  | ({ readonly kind: 'proxy-withheld'; readonly why: string } & AtProxy)
  | ({ readonly kind: 'proxy-contested'; readonly peer: string; readonly at: number } & AtProxy)
  | ({ readonly kind: 'configuration-rejected'; readonly rejected: RejectedFact; readonly heldUp: boolean } & AtProxy)
  | ({
      readonly kind: 'port-taken';
      readonly at: string;
      readonly holder: string;
      /** It is the one that calls of this kind need. */
      readonly own: boolean;
      /** Whose dependency names it, with file and line. */
      readonly document?: string;
      readonly heldUp: boolean;
    } & AtProxy)
  | ({ readonly kind: 'not-registered'; readonly why: string } & AtProxy)
  | ({ readonly kind: 'listens-nowhere' } & AtProxy)
  | ({ readonly kind: 'not-ready'; readonly unanswered: readonly string[] } & AtProxy)
  // Its certificate, and its clock.
  | ({ readonly kind: 'certificate-missing'; readonly refused?: string } & AtProxy)
  | ({ readonly kind: 'certificate-ended'; readonly at: number; readonly refused?: string } & AtProxy)
  | ({ readonly kind: 'certificate-not-yet'; readonly at: number } & AtProxy)
  | ({ readonly kind: 'certificate-other-root'; readonly root: string } & AtProxy)
  | ({ readonly kind: 'clock-off'; readonly offsetMs: number } & AtProxy)
  // Between the two.
  | { readonly kind: 'endpoint'; readonly name: AnswerKind; readonly endpoint: EndpointFact }
  | { readonly kind: 'handshake-failed'; readonly handshake: SeenHandshake }
  | { readonly kind: 'connections-failed'; readonly at: number }
  // Behind the service's proxy.
  | ({ readonly kind: 'application-down'; readonly at: string; readonly why?: string } & AtProxy)
  | ({ readonly kind: 'application-elsewhere'; readonly at: string; readonly on: readonly string[] } & AtProxy)
  | ({ readonly kind: 'application-around'; readonly at: readonly string[] } & AtProxy)
  // What a proxy said when it answered in place of the service.
  | ({ readonly kind: 'answered'; readonly words: AnswerWords; readonly seen: SeenAnswer } & AtProxy);

/** The stable name of a cause: what scripts and tests compare. */
export type CauseName = Exclude<Cause['kind'], 'answered' | 'endpoint'> | AnswerKind;

export function nameOf(cause: Cause): CauseName {
  switch (cause.kind) {
    case 'answered':
      return cause.words.kind;
    case 'endpoint':
      return cause.name;
    default:
      return cause.kind;
  }
}

/**
 * `breaks`: calls of this kind cannot succeed, at least through the proxy that it is about. `seen`: calls failed so. `note`: worth knowing.
 */
export type Weight = 'breaks' | 'seen' | 'note';

export interface Suspicion {
  readonly weight: Weight;
  readonly cause: Cause;
}
