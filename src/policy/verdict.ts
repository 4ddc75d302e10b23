// The only pair of words for what policy decided about a call. `allow` and `deny` are what a rule, or a default, says.

export type Verdict = 'allowed' | 'denied';

/** What a rule with this action decides about the calls that it matches. */
export function verdictOf(action: 'allow' | 'deny'): Verdict {
  return action === 'allow' ? 'allowed' : 'denied';
}
