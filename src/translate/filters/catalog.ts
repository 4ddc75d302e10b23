// The filters of every inbound chain, in the order in which a request meets them. Deny before allow: an allowed caller who is
// also denied is refused. Adding a filter is one new file and one line here.
import { authzAllow } from './authz-allow.ts';
import { authzDeny } from './authz-deny.ts';
import type { InboundFilter } from './inbound-filter.ts';

export const inboundFilters: readonly InboundFilter[] = [authzDeny, authzAllow];
