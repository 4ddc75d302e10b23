// In which order proxies are published to: those that deny more than before come first, however many others there are.

import type { AuthorizationIr } from '../policy/authorization-ir.ts';
import type { MeshIr, ServiceIr, ServiceKey } from '../policy/ir.ts';
import { sameMeaning } from '../policy/same-meaning.ts';
import type { RegisteredProxy } from '../registry/registered-proxy.ts';

/** `denies`: its deny rules, or what is left without a rule, changed. `rules`: other rules that decide changed. */
export type Urgency = 'denies' | 'rules' | 'other';

export interface PublishQueue {
  /** Replaces the queue; proxies that were already waiting stay at least as urgent as they were. */
  fill(proxies: readonly RegisteredProxy[], urgency: (proxy: RegisteredProxy) => Urgency): void;
  has(node: string): boolean;
  /** One that has just connected, or must be checked again. */
  add(proxy: RegisteredProxy): void;
  take(): RegisteredProxy | undefined;
  drop(node: string): void;
}

export function createPublishQueue(): PublishQueue {
  const lists = { denies: createList(), rules: createList(), added: createList(), other: createList() };
  const all = [lists.denies, lists.rules, lists.added, lists.other];
  /** In which list it waits. */
  const listOf = new Map<string, List>();
  const drop = (node: string): void => {
    listOf.get(node)?.delete(node);
    listOf.delete(node);
  };
  const put = (list: List, proxy: RegisteredProxy): void => {
    if (listOf.get(proxy.node) !== list) drop(proxy.node);
    list.set(proxy.node, proxy);
    listOf.set(proxy.node, list);
  };
  return {
    // Nearly all of them wait already when a fleet connects: whoever does stays where it is.
    fill(proxies, urgency) {
      const due = new Set<string>(proxies.map(({ node }) => node));
      for (const node of listOf.keys()) if (!due.has(node)) drop(node);
      for (const proxy of proxies) {
        const own = lists[urgency(proxy)];
        const earlier = listOf.get(proxy.node) ?? lists.other;
        put(all.indexOf(earlier) < all.indexOf(own) ? earlier : own, proxy);
      }
    },
    has: (node) => listOf.has(node),
    add(proxy) {
      drop(proxy.node);
      put(lists.added, proxy);
    },
    take() {
      for (const list of all) {
        for (const [node, proxy] of list) {
          drop(node);
          return proxy;
        }
      }
      return undefined;
    },
    drop,
  };
}

type List = Map<string, RegisteredProxy>;

function createList(): List {
  return new Map();
}

/** By what changed for the proxy's service between two meshes. Computed once per service. */
export function urgencyOf(before: MeshIr | undefined, after: MeshIr): (proxy: RegisteredProxy) => Urgency {
  // Endpoints or roots have changed.
  if (before === after) return () => 'other';
  const known = new Map<ServiceKey, Urgency>();
  return ({ spiffeId }) => {
    const key = after.serviceOf.get(spiffeId);
    if (key === undefined || before === undefined) return 'other';
    if (before.banned !== after.banned) return 'denies';
    const there = known.get(key);
    if (there !== undefined) return there;
    const found = ofService(before.services.get(key), after.services.get(key));
    known.set(key, found);
    return found;
  };
}

/** For the port that is the most urgent. */
function ofService(before: ServiceIr | undefined, after: ServiceIr | undefined): Urgency {
  if (before === after) return 'other';
  const names = new Set([before, after].flatMap((service) => service?.ports.map(({ port }) => port) ?? []));
  const rulesOf = (service: ServiceIr | undefined, name: string) =>
    service?.ports.find(({ port }) => port === name)?.authorization;
  const all = [...names].map((name) => change(rulesOf(before, name), rulesOf(after, name)));
  return (['denies', 'rules'] as const).find((one) => all.includes(one)) ?? 'other';
}

function change(a: AuthorizationIr | undefined, b: AuthorizationIr | undefined): Urgency {
  if (a === b) return 'other';
  if (a === undefined || b === undefined) return 'rules';
  if (a.fallback !== b.fallback || !sameMeaning(a.deny, b.deny)) return 'denies';
  return sameMeaning(a.allow, b.allow) && sameMeaning(a.cellDefault, b.cellDefault) ? 'other' : 'rules';
}
