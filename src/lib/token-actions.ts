// What a proxy did about the token that an application expects, as it says in its access log. translate gives these names to Envoy, observe
// reads them back; lib is the only room that both may import.

/** Envoy's composite filter leaves under this key of the filter state which of its actions it took, by the name of the filter. */
export const actionsTaken = 'envoy.extensions.filters.http.composite.matched_actions';

const setting = 'set/';

/** The token of this name was set, whatever the caller had sent. */
export function settingAction(secret: string): string {
  return `${setting}${secret}`;
}

/** Undefined for any other action. */
export function tokenSetBy(action: string): string | undefined {
  return action.startsWith(setting) ? action.slice(setting.length) : undefined;
}
